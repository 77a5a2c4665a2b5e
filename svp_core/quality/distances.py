"""How far a set of synthetic images lies from a set of real ones, in a space of features.

Every function takes features, one row an image (features.fixed_features, features.classifier_features), with
`real` and `synthetic` by keyword, and computes in float64. Memory grows with the square of the rows: thousands are
fine, tens of thousands are not.
"""

from dataclasses import dataclass

import numpy as np

from svp_core.stats.intervals import RESAMPLES, Estimate, estimate_share, interval_from_resamples

DRAWS = 20  # random halves of a floor
NEIGHBOURS = 5  # a ball round an image reaches to its fifth neighbour


@dataclass(frozen=True)
class RealBaseline:
    """What a figure is between two sets of real images: as good as it can get at this n."""

    median: float
    low: float  # 5 % of the draws lie below
    high: float  # 5 % of the draws lie above
    n: int  # images on each side


@dataclass(frozen=True)
class Neighbours:
    """Two sets seen through the balls that reach from each image to its fifth neighbour in its own set."""

    precision: Estimate  # share of synthetic images inside a real ball, 0..1: low = unrealistic
    recall: Estimate  # share of real images inside a synthetic ball, 0..1: low = kinds of image are missing
    density: Estimate  # real balls a synthetic image lies in, over 5; near 1 for sets alike: low = off the common kinds
    coverage: Estimate  # share of real balls with a synthetic image in them, 0..1, about 0.97 at best: low = gaps


def kid(*, real, synthetic, seed=0):
    """Kernel distance of two sets of features: Estimate; 0 for sets alike, by chance also below, larger = worse.

    Unbiased squared maximum mean discrepancy with the kernel (x.y / D + 1)^3 (Binkowski et al. 2018, arXiv 1801.01401,
    eq. 4), over all images at once. The interval is a bootstrap over images in which an image drawn twice is not
    compared with itself. real: float (N, D); synthetic: (M, D), N and M at least 2.
    """
    real, synthetic = _check(real, synthetic, least=2)
    rng = np.random.default_rng(seed)
    # How often each image is in a resample; the first one holds every image once.
    found = _kernel_distances(real, synthetic, _counts(rng, len(real)), _counts(rng, len(synthetic)))
    return interval_from_resamples(found[0], found[1:], min(len(real), len(synthetic)))


def kernel_distance(*, real, synthetic):
    """The value of kid without its interval, a number: what floor() asks for twenty times."""
    real, synthetic = _check(real, synthetic, least=2)
    return float(_kernel_distances(real, synthetic, np.ones((1, len(real))), np.ones((1, len(synthetic))))[0])


def neighbours(*, real, synthetic, seed=0):
    """Precision, recall, density and coverage of two sets of features: Neighbours.

    Kynkaanniemi et al. 2019 (arXiv 1904.06991, eq. 1 and 2) and Naeem et al. 2020 (arXiv 2002.09797, eq. 3 and 4), with
    balls to the 5th neighbour. The figures depend on the size of the sets: the larger one is cut, by the seed, to that
    of the smaller. The intervals are those of shares (for density a bootstrap) with the balls as they are.
    """
    real, synthetic = _check(real, synthetic, least=NEIGHBOURS + 1)
    rng, n = np.random.default_rng(seed), min(len(real), len(synthetic))
    real, synthetic = (rows if len(rows) == n else rows[rng.permutation(len(rows))[:n]] for rows in (real, synthetic))
    between = squared_distances(real, synthetic)
    in_real = between <= _radii(real)[:, None]  # [i, j]: synthetic j lies in the ball of real i
    in_synthetic = between <= _radii(synthetic)
    often = _counts(rng, n) @ in_real.sum(0) / (NEIGHBOURS * n)
    return Neighbours(
        precision=estimate_share(in_real.any(0)),
        recall=estimate_share(in_synthetic.any(1)),
        density=interval_from_resamples(often[0], often[1:], n),
        coverage=estimate_share(in_real.any(1)),
    )


def real_baseline(figure, *, real, n=None, seed=0):
    """What figure(real=, synthetic=) is between random halves of the real images: Floor, 20 draws.

    real: (N, ...). n: images on each side; left out, or more than there are, half of them. A figure that gives several
    numbers has a tuple of Floors.
    """
    n = min(n or len(real), len(real) // 2)
    rng, found = np.random.default_rng(seed), []
    for _ in range(DRAWS):
        order = rng.permutation(len(real))
        found.append(figure(real=real[order[:n]], synthetic=real[order[n : 2 * n]]))
    ends = np.quantile(found, (0.5, 0.05, 0.95), axis=0)
    if ends.ndim == 1:
        return RealBaseline(*map(float, ends), n)
    return tuple(RealBaseline(*map(float, column), n) for column in ends.T)


def squared_distances(rows, others):
    """Squared Euclidean distance of each row to each of the others, (N, M), never negative."""
    squares = (rows**2).sum(1)[:, None] + (others**2).sum(1) - 2 * rows @ others.T
    return np.maximum(squares, 0, out=squares)


def _check(real, synthetic, *, least):
    real, synthetic = np.asarray(real, np.float64), np.asarray(synthetic, np.float64)
    if min(len(real), len(synthetic)) < least:
        raise ValueError(f"{least} images a side are needed; got {len(real)} real and {len(synthetic)} synthetic")
    if real.shape[1:] != synthetic.shape[1:]:
        raise ValueError(f"real features are {real.shape[1:]} but synthetic ones {synthetic.shape[1:]}")
    return real, synthetic


def _kernel(rows, others):
    return (rows @ others.T / rows.shape[1] + 1) ** 3


def _counts(rng, n):
    """How often each of n images is in each resample, (1 + RESAMPLES, n); once each in the first."""
    return np.vstack([np.ones(n), rng.multinomial(n, np.full(n, 1 / n), RESAMPLES)])


def _kernel_distances(real, synthetic, often_real, often_synthetic):
    """Squared discrepancy in every resample, (K,): how often each image is in it, (K, N) and (K, M)."""
    between = ((often_real @ _kernel(real, synthetic)) * often_synthetic).sum(1)
    between /= often_real.sum(1) * often_synthetic.sum(1)
    return _mean_of_pairs(real, often_real) + _mean_of_pairs(synthetic, often_synthetic) - 2 * between


def _mean_of_pairs(rows, often):
    """Mean of the kernel over pairs of different images, in every resample."""
    kernel = _kernel(rows, rows)
    np.fill_diagonal(kernel, 0)
    pairs = often.sum(1) ** 2 - (often**2).sum(1)
    return ((often @ kernel) * often).sum(1) / pairs


def _radii(rows):
    """Squared distance of each row to its fifth neighbour."""
    squares = squared_distances(rows, rows)
    np.fill_diagonal(squares, 0)  # the row itself is its own nearest
    return np.partition(squares, NEIGHBOURS, axis=1)[:, NEIGHBOURS]
