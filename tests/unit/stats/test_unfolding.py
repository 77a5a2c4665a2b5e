"""True counts by maximum likelihood: converged, by the conditions that the maximum alone meets."""

import numpy as np
import pytest

from svp_core.stats.unfolding import unfold


def confusions(rng, draws, classes, columns, alike):
    """Shares (draws, classes, columns); the closer `alike` to 1, the more all classes look the same."""
    own = np.eye(classes, columns) + 0.02
    rows = (1 - alike) * own / own.sum(1, keepdims=True) + alike / columns
    return np.stack([[rng.dirichlet(20 * row) for row in rows] for _ in range(draws)])


@pytest.mark.parametrize("alike", [0.1, 0.6, 0.9])
@pytest.mark.parametrize("expected", [(300, 20, 20, 5), (400, 0, 0, 0), (4, 2, 1, 0), (3000, 200, 9, 1)])
def test_the_likelihood_is_at_its_maximum(expected, alike):
    """Karush-Kuhn-Tucker: no gradient at a count above zero, none upwards at zero."""
    rng = np.random.default_rng(0)
    shares = confusions(rng, 60, 4, 6, alike)
    observed = np.stack([rng.poisson(np.array(expected) @ table) for table in shares]).astype(float)
    counts = unfold(observed, shares)
    fitted = np.einsum("dk,dkc->dc", counts, shares)
    ratio = np.divide(observed, fitted, out=np.zeros(fitted.shape), where=observed > 0)
    gradient = np.einsum("dkc,dc->dk", shares, ratio) - 1
    assert (counts >= 0).all()
    assert counts.sum(1) == pytest.approx(observed.sum(1))
    # One particle more of any class gains less than a thousandth of a unit of log-likelihood.
    assert gradient.max() < 2e-3
    total = np.maximum(observed.sum(1, keepdims=True), 1)
    assert np.abs(gradient * counts / total).max() < 1e-3


def test_two_hundred_plain_steps_were_not_enough():
    """Two classes that look nearly alike: plain steps stop two particles short, of eight."""
    shares = np.array([[[0.50, 0.50, 0.0], [0.46, 0.54, 0.0], [0.0, 0.1, 0.9]]])
    truth = np.array([[200.0, 8.0, 30.0]])
    observed = np.einsum("dk,dkc->dc", truth, shares)
    plain = np.full((1, 3), observed.sum() / 3)
    for _ in range(200):
        expected = np.einsum("dk,dkc->dc", plain, shares)
        plain = plain * np.einsum("dkc,dc->dk", shares, observed / expected)
    assert np.abs(plain - truth).max() > 2
    assert np.abs(unfold(observed, shares) - truth).max() < 0.5


def test_without_confusion_and_without_particles_nothing_changes():
    observed = np.array([[7.0, 0.0, 3.0], [0.0, 0.0, 0.0]])
    assert unfold(observed, np.repeat(np.eye(3)[None], 2, axis=0)) == pytest.approx(observed, abs=1e-5)
