"""Intervals over seeds and particles: how often they find what is not there, Holm's correction."""

import numpy as np
import pytest

from svp_core.experiment.intervals import estimate_effect, holm, multiplicities


@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize(("training", "particles"), [(1.0, 0.05), (0.3, 1.0), (0.0, 1.0)])
def test_intervals_hold_whatever_varies(seeds, training, particles):
    """Of a difference of zero: claimed in about 5 %."""
    rng, claimed, repeats = np.random.default_rng(seeds), 0, 400
    for _ in range(repeats):
        values = rng.normal(0, np.sqrt(training + particles), seeds)
        resampled = values + rng.normal(0, np.sqrt(particles), (60, seeds))
        estimate = estimate_effect(np.vstack([values, resampled]), n=9, bounds=(-99, 99)).estimate
        claimed += not estimate.low <= 0 <= estimate.high
    assert 0.01 <= claimed / repeats <= 0.1


def test_a_large_difference_is_found_and_lies_within_bounds():
    values = np.vstack([[0.9, 0.99, 0.96], 0.95 + np.random.default_rng(0).normal(0, 0.05, (100, 3))])
    effect = estimate_effect(values, n=50, bounds=(0, 1))
    assert effect.estimate.low > 0.5
    assert effect.estimate.high == 1
    assert effect.p < 0.01


def test_nothing_varies():
    effect = estimate_effect(np.zeros((11, 3)), n=5, bounds=(-1, 1))
    assert (effect.estimate.low, effect.estimate.high) == (0, 0)
    assert np.isnan(effect.p)
    assert estimate_effect(np.full((11, 3), np.nan), n=5, bounds=(0, 1)).estimate.n == 0


def test_multiplicities_keep_blocks_together():
    counts = multiplicities(np.array([0, 0, 1, 2, 2, 2]), resamples=50)
    assert (counts[0] == 1).all()
    assert (counts[:, 0] == counts[:, 1]).all()
    assert (counts[:, 3] == counts[:, 5]).all()
    assert counts[1:, 2].std() > 0


def test_holm_equals_the_book():
    # Holm 1979: sorted p times (m, m - 1, ...), never falling.
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, float("nan"), 0.02]) == pytest.approx([0.5, float("nan"), 0.04], nan_ok=True)
    assert holm([0.9, 0.8]) == [1, 1]
