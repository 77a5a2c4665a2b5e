"""Rates that a test fold leaves open: of a class that is rare, or where no error was seen.

At 500,000 protein to 500 oil a false-call rate of 1 in 1,000 decides the precision of oil, and 300 protein tiles
without a false call do not show that it is lower than that. Rates are therefore drawn from their posterior (Jeffreys'
prior), each test particle counted once.
"""

from collections.abc import Sequence

import numpy as np

from svp_core.experiment.figures import Floats, Predictions

DRAWS = 2000


def draw_figures(
    predicted: Sequence[Predictions], class_keys: Sequence[str], prevalence: Floats | None, *, seed: int = 0
) -> dict[str, Floats]:
    """Draws (DRAWS,) of precision, recall and F1, macro and by class ("precision.CLASS"), at this prevalence.

    predicted: of all seeds; a particle that is tested in several counts once, with its share of calls. prevalence:
    float (K,); None: that of the tested particles.
    """
    count = len(class_keys)
    particles = np.concatenate([one.particles for one in predicted])
    labels = np.concatenate([one.labels for one in predicted])
    called = np.concatenate([one.probs.argmax(1) for one in predicted])
    _, first, inverse, times = np.unique(particles, return_index=True, return_inverse=True, return_counts=True)
    tested = np.bincount(labels[first], minlength=count).astype(float)
    calls = np.zeros((count, count))
    np.add.at(calls, (labels, called), 1 / times[inverse])
    rng = np.random.default_rng([seed, 7])
    rates = rng.beta(calls + 0.5, np.maximum(tested[:, None] - calls, 0) + 0.5, size=(DRAWS, count, count))
    recall = np.einsum("dkk->dk", rates).copy()
    expected = rates * (tested if prevalence is None else np.asarray(prevalence, float))[None, :, None]
    total, hits = expected.sum(1), np.einsum("dkk->dk", expected)
    precision = np.divide(hits, total, out=np.full(total.shape, np.nan), where=total > 0)
    both = precision + recall
    f1 = np.divide(2 * precision * recall, both, out=np.zeros_like(both), where=both > 0)
    draws, known = {}, tested > 0
    for name, columns in (("precision", precision), ("recall", recall), ("f1", f1)):
        columns[:, ~known] = np.nan
        draws |= {f"{name}.{key}": columns[:, label] for label, key in enumerate(class_keys)}
        draws[f"macro_{name}"] = columns[:, known].mean(1)
    return draws


def smallest_visible_rate(tested: int) -> float:
    """False-call rate that this many particles without a false call rule out at 95 % (rule of three)."""
    return min(1.0, 3 / max(tested, 1))
