"""A figure and how far chance may have moved it."""

from dataclasses import dataclass

import numpy as np

RESAMPLES = 200  # of a bootstrap
_Z = 1.96  # standard deviations of a normal distribution that 95 % lie within


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float
    n: int  # images it rests on; of two sets the smaller one's


def estimate_share(hits, *, n=None):
    """Share of items that are hits, 0..1: Estimate with the interval of Wilson 1927. hits: bool (N,), or a share of n.

    Holds at 0 and 1 too, where a bootstrap would claim certainty.
    """
    n = len(hits) if n is None else n
    p = float(np.mean(hits))
    middle = (p + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z * np.sqrt(p * (1 - p) / n + _Z**2 / (4 * n**2)) / (1 + _Z**2 / n)
    return Estimate(p, float(max(0.0, min(p, middle - half))), float(min(1.0, max(p, middle + half))), n)


def resampling_interval(figure, *samples, seed=0):
    """figure(*samples), a number: Estimate with a bootstrap's interval. Each sample, (N, ...), is resampled by itself.

    Resampling only ever adds to a distance, so the interval is moved to have its middle at the value. The n is the
    smallest sample's.
    """
    rng = np.random.default_rng(seed)
    found = [
        figure(*(sample[rng.integers(len(sample), size=len(sample))] for sample in samples)) for _ in range(RESAMPLES)
    ]
    value = figure(*samples)
    return interval_from_resamples(value, np.array(found) - np.median(found) + value, min(map(len, samples)))


def interval_from_resamples(value, found, n):
    """Estimate from a figure's value and its values in resamples (K,)."""
    low, high = np.quantile(found, (0.025, 0.975))
    return Estimate(float(value), float(low), float(high), n)
