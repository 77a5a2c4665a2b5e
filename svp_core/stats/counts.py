"""Counts and concentrations by class and size, corrected for misclassification, with 95 % intervals.

There are three uncertainties. How many particles happened to be in the imaged volume: an exact Poisson interval
(Garwood 1936). How the classifier confuses classes: estimated from labelled particles that it was not trained on
(ConfusionReference), by which the counts are corrected. And how much that differs between instruments: it is fitted to
the reference's instruments and included in the intervals of corrected counts. What no labelled particle resembles is
not included in any interval.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from svp_core.particle_classes import ALL, SIZE_BINS_UM, UNLIKE, UNSURE
from svp_core.stats.confusion import (
    DRAWS,
    BoolArray,
    Confusion,
    ConfusionReference,
    FloatArray,
    Sizes,
    apply_thresholds,
    as_sizes,
    combine_references,
    in_size_bin,
    similar_in_px,
    similar_in_um,
    sizes_seen,
)
from svp_core.stats.unfolding import unfold

__all__ = [
    "ALL",
    "UNLIKE",
    "UNSURE",
    "ConfusionReference",
    "Count",
    "apply_thresholds",
    "combine_references",
    "corrected_counts",
    "count_table",
    "poisson_interval",
]

SizeBin = tuple[float, float | None, BoolArray]  # lower edge, upper edge or None, particles in it (N,)


@dataclass(frozen=True)
class Count:
    """Number of particles of one class in a size bin, with the 95 % interval; per mL None without a volume."""

    class_key: str  # or UNSURE, UNLIKE, ALL
    at_least_um: float
    below_um: float | None  # None: no upper limit, a cumulative bin
    count: float  # whole for a raw count
    low: float
    high: float
    per_ml: float | None
    per_ml_low: float | None
    per_ml_high: float | None


def count_table(
    labels: ArrayLike,
    sizes_um: Sizes,
    *,
    class_keys: Sequence[str],
    bins_um: Sequence[float] = SIZE_BINS_UM,
    volume_ml: float | None = None,
    dilution: float = 1.0,
    differential: bool = False,
    weights: ArrayLike | None = None,
) -> list[Count]:
    """Counts of every class, of UNSURE and UNLIKE where there are any, and of ALL: list of Count, class after class.

    labels: assigned classes (N,). sizes_um: float (N,); a particle without a size (NaN, None) is in no bin. bins_um:
    lower edges, ascending; differential: from each edge to the next instead of from it upwards. Per mL: count x
    dilution / volume_ml. The intervals are exact, for counting only: as if every particle were classified correctly.
    weights: float (N,), how many particles of the volume each one stands for, where not all of them are counted; per mL
    is then their sum, with the interval of weighted_interval(), and the counts stay as they are.
    """
    names, sizes = np.asarray(labels, object), as_sizes(sizes_um)
    each = None if weights is None else np.asarray(weights, float)
    keys = [*class_keys, *(key for key in (UNSURE, UNLIKE) if (names == key).any()), ALL]
    rows = []
    for key in keys:
        of_class = np.ones(len(names), bool) if key == ALL else names == key
        for low_um, high_um, in_bin in _size_bins(sizes, bins_um, differential):
            n = int((of_class & in_bin).sum())
            total = None if each is None else _weighted(each, of_class & in_bin, in_bin)
            rows.append(_count(key, low_um, high_um, (n, *poisson_interval(n)), volume_ml, dilution, total))
    return rows


def corrected_counts(
    labels: ArrayLike,
    sizes_um: Sizes,
    *,
    reference: ConfusionReference,
    class_keys: Sequence[str],
    sizes_px: Sizes | None = None,
    bins_um: Sequence[float] = SIZE_BINS_UM,
    thresholds: Mapping[str, float] | None = None,
    volume_ml: float | None = None,
    dilution: float = 1.0,
    differential: bool = False,
    weights: ArrayLike | None = None,
    seed: int = 0,
) -> list[Count]:
    """True counts of every class, of UNLIKE where there are any, and of ALL, estimated from the assigned classes.

    As count_table, but counts are the maximum-likelihood true ones: lambda >= 0 with Poisson means lambda_k
    P(assigned c | true k) for what is assigned to c, UNSURE and UNLIKE included (see unfolding.unfold). Particles of no
    known class are taken as all marked UNLIKE; those that are not, count in the classes that they are assigned to. The
    counts are estimated from each edge to the next and summed, so that they never rise with size. The intervals come
    from resampling the sample and drawing the confusion of its instrument (see between_instruments); that of ALL, which
    no confusion changes, is the exact one.

    reference: of the same classifier. sizes_px: float (N,), ECD in pixels; only reference particles of a similar size
    in pixels are used, since that is how large the classifier sees them: a particle of 25 µm is 18 px in one
    instrument and 100 in another. Without pixels on both sides, those of the same sizes in µm, or all where they are
    too few. thresholds: those that `labels` were assigned by. weights: as in count_table; per mL, a class has the mean
    weight of what is assigned to it in a bin.
    """
    names, sizes, rng = np.asarray(labels, object), as_sizes(sizes_um), np.random.default_rng(seed)
    with_unlike = bool((names == UNLIKE).any())
    confusion = Confusion(reference, class_keys, thresholds, rng, with_unlike=with_unlike)
    in_px = sizes_seen(reference, sizes_px)
    estimates, draws = [], []
    for low_um, high_um, in_bin in _size_bins(sizes, bins_um, differential=True):
        observed = np.array([((names == key) & in_bin).sum() for key in confusion.assigned_keys], float)
        similar = (
            similar_in_um(reference, low_um, high_um) if in_px is None else similar_in_px(reference, in_px[in_bin])
        )
        estimates.append(unfold(observed[None], confusion.shares(similar)[None])[0])
        redrawn = rng.standard_gamma(observed, size=(DRAWS, len(observed)))
        draws.append(unfold(redrawn, confusion.drawn_shares(similar)))
    # Below a hundredth of a particle, the value is rounding error.
    value, drawn = np.round(np.array(estimates), 2).astype(float), np.array(draws)  # (bins, K), (bins, DRAWS, K)
    if not differential:
        value, drawn = (array[::-1].cumsum(0)[::-1] for array in (value, drawn))
    figures = np.stack([value, *_ends(value, drawn, rng)], axis=2)  # (bins, K, 3)
    keys = (*class_keys, UNLIKE) if with_unlike else tuple(class_keys)
    bins, each = list(_size_bins(sizes, bins_um, differential)), None if weights is None else np.asarray(weights, float)
    rows = _corrected_rows(figures, keys, names, bins, each, volume_ml, dilution)
    for low_um, high_um, in_bin in bins:
        n = float(in_bin.sum())
        total = None if each is None else _weighted(each, in_bin, in_bin)
        rows.append(_count(ALL, low_um, high_um, (n, *poisson_interval(n)), volume_ml, dilution, total))
    return rows


def _corrected_rows(
    figures: FloatArray,  # (bins, K, 3): count, low, high
    keys: Sequence[str],
    names: NDArray[np.object_],
    bins: Sequence[SizeBin],
    weights: FloatArray | None,
    volume_ml: float | None,
    dilution: float,
) -> list[Count]:
    """Rows of every class; per mL by the mean weight of what is assigned to it in a bin."""
    rows = []
    for index, key in enumerate(keys):
        for row, (low_um, high_um, in_bin) in zip(figures[:, index], bins, strict=True):
            factor = 1.0 if weights is None else mean_weight(weights, (names == key) & in_bin, in_bin)
            weighted = tuple((row * factor).tolist())
            rows.append(_count(key, low_um, high_um, tuple(row.tolist()), volume_ml, dilution, weighted))
    return rows


def poisson_interval(n: float) -> tuple[float, float]:
    """Exact 95 % interval (low, high) of the mean of a Poisson count n (Garwood 1936)."""
    chi2 = scipy.stats.chi2
    return (float(chi2.ppf(0.025, 2 * n) / 2) if n else 0.0), float(chi2.ppf(0.975, 2 * n + 2) / 2)


def weighted_interval(weights: ArrayLike, largest: float) -> tuple[float, float]:
    """95 % interval (low, high) of the mean of a weighted sum of Poisson counts (Fay and Feuer 1997, equation 2).

    weights: float (n,), of the particles that were counted. largest: the largest weight that one more could have. With
    equal weights it is their exact interval times the weight.
    """
    each = np.asarray(weights, float)
    total, variance = float(each.sum()), float((each**2).sum())
    above, above_variance = total + largest, variance + largest**2
    chi2 = scipy.stats.chi2
    low = variance / (2 * total) * float(chi2.ppf(0.025, 2 * total**2 / variance)) if total else 0.0
    return low, above_variance / (2 * above) * float(chi2.ppf(0.975, 2 * above**2 / above_variance))


def mean_weight(weights: FloatArray, mask: BoolArray, fallback: BoolArray) -> float:
    """Mean weight of the particles in the mask; without any, of those in the fallback; without any, of all."""
    for chosen in (mask, fallback, np.ones(len(weights), bool)):
        if chosen.any():
            return float(weights[chosen].mean())
    return 1.0


def _weighted(weights: FloatArray, mask: BoolArray, in_bin: BoolArray) -> tuple[float, float, float]:
    """(sum of the weights, low, high) of the particles in the mask; in_bin: those of any class and the same sizes."""
    like = weights[in_bin] if in_bin.any() else weights
    return (float(weights[mask].sum()), *weighted_interval(weights[mask], float(like.max(initial=1.0))))


def _ends(value: FloatArray, draws: FloatArray, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Lower and upper ends (bins, K) of the intervals of corrected counts."""
    # One particle more for the upper limit, as in Garwood's: without confusion both ends are the exact ones.
    exponential = -np.log((np.arange(DRAWS) + 0.5) / DRAWS)
    extra = np.stack([rng.permutation(exponential) for _ in range(value.shape[1])], axis=1)
    low = np.minimum(np.round(np.quantile(draws, 0.025, axis=1), 2), value)
    high = np.maximum(np.quantile(draws + extra, 0.975, axis=1), value)
    return low, np.maximum(high, poisson_interval(0)[1])  # for a class with no particle, the exact limit


def _count(
    key: str,
    low_um: float,
    high_um: float | None,
    figures: tuple[float, ...],  # count, low, high
    volume_ml: float | None,
    dilution: float,
    weighted: tuple[float, ...] | None = None,  # the same figures, as many as there are in the volume; None: equal
) -> Count:
    count, low, high = figures
    per_ml = [value * dilution / volume_ml if volume_ml else None for value in weighted or figures]
    return Count(key, float(low_um), high_um, count, float(low), float(high), per_ml[0], per_ml[1], per_ml[2])


def _size_bins(sizes: FloatArray, bins_um: Sequence[float], differential: bool) -> Iterator[SizeBin]:
    for index, low_um in enumerate(bins_um):
        high_um = bins_um[index + 1] if differential and index + 1 < len(bins_um) else None
        yield low_um, high_um, in_size_bin(sizes, low_um, high_um)
