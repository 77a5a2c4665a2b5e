"""True counts from assigned ones, given how classes are confused: maximum likelihood, run until it has converged."""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

TOLERANCE = 1e-7  # of the particles observed: largest change of a count in one step at the end
MAX_STEPS = 20_000
_LARGEST_STRIDE = 1e4


def unfold(observed: FloatArray, shares: FloatArray) -> FloatArray:
    """Maximum-likelihood true counts (D, K) from observed (D, C); shares (D, K, C) is P(assigned c | true k).

    Expectation and maximisation (Shepp and Vardi 1982, eq. 2.13), accelerated by squared extrapolation (SQUAREM,
    Varadhan and Roland 2008, step length S3): where two classes look nearly alike, plain steps need thousands. An
    extrapolated point is kept only where the likelihood does not fall. Rows of `shares` need not sum to 1.
    """
    counts = np.repeat(observed.sum(1, keepdims=True) / shares.shape[1], shares.shape[1], axis=1)
    active, tolerance = np.arange(len(counts)), TOLERANCE * (1 + observed.sum(1))
    for _ in range(MAX_STEPS // 3):
        start, seen, table = counts[active], observed[active], shares[active]
        first = _step(start, seen, table)
        second = _step(first, seen, table)
        counts[active] = second
        change, curvature = first - start, (second - first) - (first - start)
        moving = np.abs(second - first).max(1) > tolerance[active]
        if not moving.any():
            break
        with np.errstate(divide="ignore", invalid="ignore"):
            stride = np.linalg.norm(change, axis=1) / np.linalg.norm(curvature, axis=1)
        stride = np.clip(np.nan_to_num(stride, nan=1.0, posinf=_LARGEST_STRIDE), 1.0, _LARGEST_STRIDE)[:, None]
        # Below zero there is nothing; a hundredth of the plain step keeps a class alive that may return.
        leap = np.maximum(start + 2 * stride * change + stride**2 * curvature, 0.01 * second)
        leap = _step(leap, seen, table)
        better = _likelihood(leap, seen, table) >= _likelihood(second, seen, table)
        counts[active] = np.where(better[:, None], leap, second)
        active = active[moving]
    return counts


def _step(counts: FloatArray, observed: FloatArray, shares: FloatArray) -> FloatArray:
    """One step of expectation and maximisation."""
    expected = np.einsum("dk,dkc->dc", counts, shares)
    ratio = np.divide(observed, expected, out=np.zeros(expected.shape), where=expected > 0)
    detected = shares.sum(2)  # 1 where every particle of the class is assigned to some column
    back = np.einsum("dkc,dc->dk", shares, ratio)
    return counts * np.divide(back, detected, out=np.zeros(back.shape), where=detected > 0)


def _likelihood(counts: FloatArray, observed: FloatArray, shares: FloatArray) -> FloatArray:
    """Poisson log-likelihood (D,) up to a constant."""
    expected = np.einsum("dk,dkc->dc", counts, shares)
    logarithm = np.log(np.maximum(expected, 1e-300))
    return (np.where(observed > 0, observed * logarithm, 0.0) - expected).sum(1)
