"""95 % intervals: of shares (Wilson 1927) and of any statistic (bootstrap)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

RESAMPLES = 200  # of a bootstrap
LEVEL = 0.95  # of all intervals
Z95 = NormalDist().inv_cdf((1 + LEVEL) / 2)  # standard deviations of a normal distribution that hold 95 %: 1.95996


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float
    n: int  # sample size; of two samples the smaller one


def estimate_share(hits: ArrayLike | float, *, n: float | None = None) -> Estimate:
    """Share of items that are hits, 0..1, with Wilson's interval (Wilson 1927).

    hits: bool (N,), N > 0; or with n a share of n items, where n may be an effective sample size. The interval is
    valid at shares of 0 and 1 too, where a bootstrap would have zero width.
    """
    if n is not None:
        share = float(np.asarray(hits, float).mean())
        return _clamped(share, *_wilson_interval(share, n), n)
    mask = np.asarray(hits, bool)
    interval = scipy.stats.binomtest(int(mask.sum()), mask.size).proportion_ci(LEVEL, method="wilson")
    return _clamped(float(mask.mean()), interval.low, interval.high, mask.size)


def estimate_weighted_share(hits: ArrayLike, weights: ArrayLike) -> Estimate:
    """Share of hits where each item stands for a number of others, with Wilson's interval; n is that of the items.

    hits: bool (N,), N > 0. weights: float (N,), above 0. The interval is that of the effective sample size
    (sum of weights)^2 / sum of squares (Kish 1965); with equal weights it is Wilson's own.
    """
    shares = np.asarray(weights, float) / np.sum(weights)
    estimate = estimate_share(float((shares * np.asarray(hits, float)).sum()), n=float(1 / (shares**2).sum()))
    return replace(estimate, n=len(shares))


def _wilson_interval(share: float, n: float) -> tuple[float, float]:
    """Wilson's formula for an effective sample size, which scipy (whole numbers only) does not take."""
    middle = (share + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
    half = Z95 * np.sqrt(share * (1 - share) / n + Z95**2 / (4 * n**2)) / (1 + Z95**2 / n)
    return middle - half, middle + half


def _clamped(share: float, low: float, high: float, n: float) -> Estimate:
    # Rounding may put an end on the wrong side of a share of 0 or 1.
    return Estimate(share, float(max(0.0, min(share, low))), float(min(1.0, max(share, high))), round(n))


def resampling_interval(
    statistic: Callable[..., float], *samples: NDArray[np.generic], seed: int | np.random.Generator = 0
) -> Estimate:
    """Bootstrap estimate of statistic(*samples). samples: (N, ...) each, resampled independently of one another.

    Resampling can only increase a distance, so the interval is shifted to have its median at the value. n is that of
    the smallest sample.
    """
    rng = np.random.default_rng(seed)
    resampled = [
        statistic(*(sample[rng.integers(len(sample), size=len(sample))] for sample in samples))
        for _ in range(RESAMPLES)
    ]
    value = statistic(*samples)
    return interval_from_resamples(value, np.array(resampled) - np.median(resampled) + value, min(map(len, samples)))


def interval_from_resamples(value: float, resampled: ArrayLike, n: int) -> Estimate:
    """Estimate from a statistic's value and its values in resamples, float (K,)."""
    low, high = np.quantile(np.asarray(resampled, float), (0.025, 0.975))
    return Estimate(float(value), float(low), float(high), n)
