"""Compare two models on the same particles: accuracy of each, and their difference."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from svp_core.stats.intervals import Z95, Estimate, estimate_share


@dataclass(frozen=True)
class PairedAccuracy:
    """Shares of correctly classified particles, 0..1, and their difference, after minus before."""

    before: Estimate
    after: Estimate
    difference: Estimate
    n: int


def paired_accuracy(
    correct_before: ArrayLike, correct_after: ArrayLike, weights: ArrayLike | None = None
) -> PairedAccuracy:
    """Accuracies from bool (N,) each, N > 0. weights: float (N,), number of particles that each one represents.

    Shares have Wilson's interval; the difference of paired shares that of Agresti and Min 2005, which adds half a
    particle to each of the four cells. With weights, both use the effective sample size (Kish 1965).
    """
    before, after = np.asarray(correct_before, float), np.asarray(correct_after, float)
    normalised = np.ones(len(before)) if weights is None else np.asarray(weights, float)
    normalised = normalised / normalised.sum()
    n = float(1 / (normalised**2).sum())
    gained = n * (normalised * (after > before)).sum()
    lost = n * (normalised * (after < before)).sum()
    middle = (gained - lost) / (n + 2)
    half = Z95 * np.sqrt(gained + lost + 1 - (gained - lost) ** 2 / (n + 2)) / (n + 2)
    value = (gained - lost) / n
    difference = Estimate(
        float(value), float(max(-1, min(value, middle - half))), float(min(1, max(value, middle + half))), len(before)
    )
    share_before, share_after = (
        replace(estimate_share((normalised * correct).sum(), n=n), n=len(before)) for correct in (before, after)
    )
    return PairedAccuracy(share_before, share_after, difference, len(before))
