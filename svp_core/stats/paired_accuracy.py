"""Two networks tried on the same particles: how often each names them right, and by how much they differ."""

from dataclasses import dataclass, replace

import numpy as np

from svp_core.stats.intervals import Estimate, estimate_share

_Z = 1.96


@dataclass(frozen=True)
class PairedAccuracy:
    """Shares of particles named right, 0..1, and after less before."""

    before: Estimate
    after: Estimate
    difference: Estimate
    n: int


def paired_accuracy(right_before, right_after, weights=None):
    """BeforeAfter from bool (N,) each, N > 0. weights: float (N,), how many particles each one stands for.

    Shares: Wilson's interval; the difference of paired shares: Agresti and Min 2005, which adds half a particle to each
    of the four cells. With weights both are taken at the effective number of particles (Kish 1965).
    """
    before, after = np.asarray(right_before, float), np.asarray(right_after, float)
    weights = np.ones(len(before)) if weights is None else np.asarray(weights, float)
    weights = weights / weights.sum()
    n = 1 / (weights**2).sum()
    won, lost = n * (weights * (after > before)).sum(), n * (weights * (after < before)).sum()
    middle = (won - lost) / (n + 2)
    half = _Z * np.sqrt(won + lost + 1 - (won - lost) ** 2 / (n + 2)) / (n + 2)
    value = (won - lost) / n
    difference = Estimate(
        float(value), float(max(-1, min(value, middle - half))), float(min(1, max(value, middle + half))), len(before)
    )
    shares = (replace(estimate_share((weights * right).sum(), n=n), n=len(right)) for right in (before, after))
    return PairedAccuracy(*shares, difference, len(before))
