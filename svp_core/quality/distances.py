"""Distances between a set of synthetic and a set of real images in a feature space.

Every function takes features, one row per image (embedding.features.fixed_features, classifier_features), with `real`
and `synthetic` by keyword, and computes in float64. Memory grows with the square of the number of rows: thousands are
fine, tens of thousands are not.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from svp_core.stats.intervals import RESAMPLES, Estimate, estimate_share, interval_from_resamples

BASELINE_DRAWS = 20  # random splits of the real images for a baseline
NEIGHBOURS = 5  # the ball around an image reaches to its fifth neighbour

# metric(real=, synthetic=) of two arrays with one row per image.
PairMetric = Callable[..., Any]


@dataclass(frozen=True)
class RealBaseline:
    """Value of a metric between two sets of real images: the best that can be reached at this n."""

    median: float
    low: float  # 5 % of the draws lie below
    high: float  # 5 % of the draws lie above
    n: int  # images per side


@dataclass(frozen=True)
class PrecisionRecall:
    """Overlap of two sets, measured with balls that reach from each image to the fifth neighbour in its own set."""

    precision: Estimate  # share of synthetic images inside a real ball, 0..1: low = unrealistic
    recall: Estimate  # share of real images inside a synthetic ball, 0..1: low = kinds of image are missing
    # Mean number of real balls around a synthetic image, over 5; near 1 for equal distributions, low = far from the
    # common kinds.
    density: Estimate
    coverage: Estimate  # share of real balls with a synthetic image inside, 0..1, about 0.97 at best: low = gaps


def kid(*, real: ArrayLike, synthetic: ArrayLike, seed: int = 0) -> Estimate:
    """Kernel inception distance of two sets of features; 0 for equal distributions, larger = worse.

    Unbiased squared maximum mean discrepancy with the kernel (x.y / D + 1)^3 (Binkowski et al. 2018, arXiv 1801.01401,
    eq. 4), over all images at once; by chance it can be negative. The interval is a bootstrap over images in which an
    image drawn twice is not compared with itself. real: float (N, D); synthetic: (M, D), N and M at least 2.
    """
    real_rows, synthetic_rows = _check(real, synthetic, minimum=2)
    rng = np.random.default_rng(seed)
    # How often each image is in a resample; the first one holds every image once.
    values = _kernel_distances(
        real_rows,
        synthetic_rows,
        _resample_counts(rng, len(real_rows)),
        _resample_counts(rng, len(synthetic_rows)),
    )
    return interval_from_resamples(values[0], values[1:], min(len(real_rows), len(synthetic_rows)))


def kid_value(*, real: ArrayLike, synthetic: ArrayLike) -> float:
    """Value of kid without its interval; fast enough to be called for every draw of a baseline."""
    real_rows, synthetic_rows = _check(real, synthetic, minimum=2)
    once = np.ones((1, len(real_rows))), np.ones((1, len(synthetic_rows)))
    return float(_kernel_distances(real_rows, synthetic_rows, *once)[0])


def precision_recall(*, real: ArrayLike, synthetic: ArrayLike, seed: int = 0) -> PrecisionRecall:
    """Precision, recall, density and coverage of two sets of features.

    Kynkaanniemi et al. 2019 (arXiv 1904.06991, eq. 1 and 2) and Naeem et al. 2020 (arXiv 2002.09797, eq. 3 and 4), with
    balls to the 5th neighbour. The values depend on the size of the sets: the larger one is cut, by the seed, to the
    size of the smaller. The intervals are those of shares (for density a bootstrap), with the balls fixed.
    """
    real_rows, synthetic_rows = _check(real, synthetic, minimum=NEIGHBOURS + 1)
    rng, n = np.random.default_rng(seed), min(len(real_rows), len(synthetic_rows))
    real_rows, synthetic_rows = (
        rows if len(rows) == n else rows[rng.permutation(len(rows))[:n]] for rows in (real_rows, synthetic_rows)
    )
    between = squared_distances(real_rows, synthetic_rows)
    in_real = between <= _squared_radii(real_rows)[:, None]  # [i, j]: synthetic j lies in the ball of real i
    in_synthetic = between <= _squared_radii(synthetic_rows)
    density = _resample_counts(rng, n) @ in_real.sum(0) / (NEIGHBOURS * n)
    return PrecisionRecall(
        precision=estimate_share(in_real.any(0)),
        recall=estimate_share(in_synthetic.any(1)),
        density=interval_from_resamples(density[0], density[1:], n),
        coverage=estimate_share(in_real.any(1)),
    )


def real_baseline(metric: PairMetric, *, real: NDArray, n: int | None = None, seed: int = 0) -> RealBaseline:
    """Distribution of metric(real=, synthetic=), a number, between random halves of the real images, over 20 draws.

    real: (N, ...). n: images per side; half of the real images by default, and at most.
    """
    values, n = _baseline_draws(metric, real, n, seed)
    median, low, high = map(float, np.quantile(values, (0.5, 0.05, 0.95)))
    return RealBaseline(median, low, high, n)


def real_baselines(
    metric: PairMetric, *, real: NDArray, n: int | None = None, seed: int = 0
) -> tuple[RealBaseline, ...]:
    """real_baseline of a metric that returns several numbers: one RealBaseline per number."""
    values, n = _baseline_draws(metric, real, n, seed)
    columns = np.quantile(values, (0.5, 0.05, 0.95), axis=0).T.tolist()
    return tuple(RealBaseline(median, low, high, n) for median, low, high in columns)


def squared_distances(a: NDArray, b: NDArray) -> NDArray:
    """Squared Euclidean distances between the rows of a (N, D) and of b (M, D): (N, M), never negative."""
    squares = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T
    return np.maximum(squares, 0, out=squares)


def _check(real: ArrayLike, synthetic: ArrayLike, *, minimum: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    real, synthetic = np.asarray(real, np.float64), np.asarray(synthetic, np.float64)
    if min(len(real), len(synthetic)) < minimum:
        raise ValueError(
            f"at least {minimum} images per side are needed; got {len(real)} real and {len(synthetic)} synthetic"
        )
    if real.shape[1:] != synthetic.shape[1:]:
        raise ValueError(f"real features have shape {real.shape[1:]} but synthetic ones {synthetic.shape[1:]}")
    return real, synthetic


def _baseline_draws(metric: PairMetric, real: NDArray, n: int | None, seed: int) -> tuple[list, int]:
    """(values of the metric in each draw, images per side)."""
    n = min(n or len(real), len(real) // 2)
    rng, values = np.random.default_rng(seed), []
    for _ in range(BASELINE_DRAWS):
        order = rng.permutation(len(real))
        values.append(metric(real=real[order[:n]], synthetic=real[order[n : 2 * n]]))
    return values, n


def _kernel(a, b):
    return (a @ b.T / a.shape[1] + 1) ** 3


def _resample_counts(rng, n):
    """How often each of n images is in each resample, (1 + RESAMPLES, n); once each in the first."""
    return np.vstack([np.ones(n), rng.multinomial(n, np.full(n, 1 / n), RESAMPLES)])


def _kernel_distances(real, synthetic, real_counts, synthetic_counts):
    """Squared discrepancy in every resample, (K,). real_counts, synthetic_counts: (K, N) and (K, M)."""
    between = ((real_counts @ _kernel(real, synthetic)) * synthetic_counts).sum(1)
    between /= real_counts.sum(1) * synthetic_counts.sum(1)
    return _mean_over_pairs(real, real_counts) + _mean_over_pairs(synthetic, synthetic_counts) - 2 * between


def _mean_over_pairs(rows, counts):
    """Mean of the kernel over pairs of different images, in every resample."""
    kernel = _kernel(rows, rows)
    np.fill_diagonal(kernel, 0)
    pairs = counts.sum(1) ** 2 - (counts**2).sum(1)
    return ((counts @ kernel) * counts).sum(1) / pairs


def _squared_radii(rows):
    """Squared distance of each row to its fifth neighbour."""
    squares = squared_distances(rows, rows)
    np.fill_diagonal(squares, 0)  # the row itself is its own nearest
    return np.partition(squares, NEIGHBOURS, axis=1)[:, NEIGHBOURS]
