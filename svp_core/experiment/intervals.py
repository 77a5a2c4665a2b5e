"""95 % intervals over seeds and test particles together.

Two levels: the particles of the source are resampled, each with all its appearances in the test folds of all seeds, and
the seeds vary by more than that where training varies. The variance of the mean over k seeds is the sum of both:

    V = V_particles + s_a^2 / k,    s_a^2 = max(0, S^2 - (mean variance within a seed - mean covariance between seeds)),

V_particles from the bootstrap, S^2 between the k values. Resampling the seeds themselves would be too narrow by
(k - 1) / k for few seeds, and would count the particles twice. The quantile is Student's, with the degrees of freedom
of the sum (Satterthwaite 1946). A/A experiments (tests/unit/experiment) show how often it finds a difference that is
not there.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from svp_core.stats.intervals import LEVEL, Estimate

RESAMPLES = 400


@dataclass(frozen=True)
class Effect:
    """A value with its interval, and how surely it is not zero."""

    estimate: Estimate  # n: test particles, each counted once
    p: float  # two-sided, of no difference; nan where nothing varies


def multiplicities(blocks: NDArray[np.integer], *, seed: int = 0, resamples: int = RESAMPLES) -> NDArray[np.float64]:
    """How often each particle is in each resample, float (1 + B, N); once each in the first.

    blocks: int (N,), particles that are drawn together: lookalikes, or whole runs.
    """
    names, block = np.unique(blocks, return_inverse=True)
    count = len(names)
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=resamples)
    return np.vstack([np.ones(count), drawn])[:, block.reshape(-1)].astype(float)


def estimate_effect(values: NDArray[np.floating], *, n: int, bounds: tuple[float, float]) -> Effect:
    """Mean over seeds with its interval.

    values: float (1 + B, k), of each resample and seed, the first row without resampling. Seeds without a value (nan)
    are left out. bounds: smallest and largest possible value.
    """
    values = values[:, ~np.isnan(values[0])]
    k = values.shape[1]
    if not k:
        return Effect(Estimate(float("nan"), float("nan"), float("nan"), 0), float("nan"))
    resampled = values[1:]
    resampled = np.where(np.isnan(resampled), np.nanmean(resampled, axis=0, keepdims=True), resampled)
    covariance = np.atleast_2d(np.cov(resampled, rowvar=False)) if len(resampled) > 1 else np.zeros((k, k))
    value = float(values[0].mean())
    particles = max(0.0, float(covariance.mean()))
    within = float(np.diag(covariance).mean())
    between = (float(covariance.sum()) - within * k) / (k * (k - 1)) if k > 1 else 0.0
    spread = float(values[0].var(ddof=1)) if k > 1 else 0.0
    training = max(0.0, spread - (within - between)) / k
    variance = particles + training
    if variance <= 1e-18:
        return Effect(Estimate(value, value, value, n), float("nan"))
    freedom = (k - 1) * (variance / training) ** 2 if training > 0 else np.inf
    error = float(np.sqrt(variance))
    half = float(student.ppf((1 + LEVEL) / 2, min(freedom, 1e6))) * error
    low, high = max(bounds[0], value - half), min(bounds[1], value + half)
    p = float(2 * student.sf(abs(value) / error, min(freedom, 1e6)))
    return Effect(Estimate(value, min(low, value), max(high, value), n), p)


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted for all being looked at (Holm 1979), in the order given; nan stays nan and does not count."""
    p = np.asarray(p_values, float)
    known = np.flatnonzero(~np.isnan(p))
    adjusted = np.full(len(p), np.nan)
    order = known[np.argsort(p[known], kind="stable")]
    steps = p[order] * (len(order) - np.arange(len(order)))
    adjusted[order] = np.minimum(1, np.maximum.accumulate(steps))
    return adjusted.tolist()
