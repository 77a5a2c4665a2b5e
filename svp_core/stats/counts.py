"""From named particles to numbers a lab hands on: classes x sizes, per mL, with what is uncertain about them.

Three things are uncertain. How many particles happened to be in the imaged volume: an exact Poisson interval (Garwood
1936). What the classifier calls what: known from labelled particles that nothing was trained on (Reference), by which
the counts are corrected. And how far these labelled particles are like the sample: no interval knows that.
Arrays in, rows out; no file is known here.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaincinv
from scipy.stats import chi2

from svp_core.particle_classes import SIZE_BINS_UM

UNSURE = "unsure"  # called so where the probability is below the class's threshold
ALL = "all"  # rows for all classes together
DRAWS = 400  # for the intervals of corrected figures
ROUNDS = 200  # of expectation and maximisation
# One run's particles are named otherwise than the reference's by more than chance: among particles of the same size in
# pixels, the share of protein and of air that is named right differs between pixel sizes as if known from so many
# particles (a beta-binomial distribution fitted to the shipped reference; of oil from 70).
WORTH = 12
MIN_SIMILARITY = 50  # labelled particles of a class; where fewer are of a size, the next in size speak as well


@dataclass(frozen=True)
class Count:
    """How many particles of one class from one size on, with the 95 % interval; None per mL without a volume."""

    class_key: str  # or UNSURE, or ALL
    at_least_um: float
    below_um: float | None  # None: all larger ones, a cumulative bin
    count: float  # whole for a raw count
    low: float
    high: float
    per_ml: float | None
    per_ml_low: float | None
    per_ml_high: float | None


@dataclass(frozen=True)
class ConfusionReference:
    """What a classifier said of labelled particles that it was not trained on."""

    probs: np.ndarray  # float32 (M, K) in the order of class_keys
    labels: np.ndarray  # int (M,), what they are
    sizes_um: np.ndarray  # float (M,), NaN where not measurable
    class_keys: tuple[str, ...]
    words: str  # which particles these are
    sizes_px: np.ndarray | None = None  # float (M,), NaN where not measurable: how large the classifier saw them


@dataclass(frozen=True)
class PredictiveValue:
    """Of the particles called so, the share that are: 0..1 with the 95 % interval."""

    class_key: str
    value: float | None  # None where none is called so
    low: float | None
    high: float | None
    n: int  # particles called so in the sample


def apply_thresholds(probs, class_keys, *, thresholds=None):
    """What each particle is called: array of class keys (N,), the likeliest, or UNSURE below that class's threshold.

    probs: float (N, K). thresholds: dict class key -> least probability, 0..1; left out: never unsure.
    """
    probs, keys = np.asarray(probs), np.array([*class_keys, UNSURE], dtype=object)
    likeliest = probs.argmax(1)
    # As exact as the probabilities: 0.9 of 32 bits is not below 0.9.
    least = np.array([(thresholds or {}).get(key, 0.0) for key in class_keys], np.result_type(probs, np.float16))
    return keys[np.where(probs.max(1, initial=0) < least[likeliest], len(class_keys), likeliest)]


def count_table(
    labels, sizes_um, *, class_keys, bins_um=SIZE_BINS_UM, volume_ml=None, dilution=1.0, differential=False
):
    """Counts of every class, of UNSURE where there are any, and of ALL: list of Count, class after class.

    labels: what each particle is called (N,). sizes_um: float (N,); a particle without a size (NaN, None) is in no bin.
    bins_um: lower edges, rising; differential: from each to the next instead of all from it on. Per mL: count x
    dilution / volume_ml. The intervals are exact, of the counting alone: as if every particle were named right.
    """
    labels, sizes, rows = np.asarray(labels, object), _sizes(sizes_um), []
    keys = [*class_keys, *([UNSURE] if (labels == UNSURE).any() else []), ALL]
    for key in keys:
        mine = np.ones(len(labels), bool) if key == ALL else labels == key
        for low_um, high_um, within in _bins(sizes, bins_um, differential):
            n = int((mine & within).sum())
            rows.append(_row(key, low_um, high_um, n, *poisson_interval(n), volume_ml, dilution))
    return rows


def corrected_counts(
    labels,
    sizes_um,
    *,
    reference,
    class_keys,
    sizes_px=None,
    bins_um=SIZE_BINS_UM,
    thresholds=None,
    volume_ml=None,
    dilution=1.0,
    differential=False,
    seed=0,
):
    """How many there truly are of every class, and of ALL, by what the classifier calls what: list of Count.

    As count_table, but the counts are the most likely true ones, lambda >= 0 with Poisson means lambda_k P(called c |
    true k) for what is called c, UNSURE included (expectation and maximisation: Shepp and Vardi 1982, eq. 2.13), found
    from each edge to the next and summed, so that they never rise with size. The intervals come from drawing sample and
    reference anew; that of ALL, which no confusion changes, is the exact one. reference: Reference of the same
    classifier. sizes_px: float (N,), ECD in pixels; of the reference those speak that are as large in pixels, since
    that is how large the classifier sees them: a particle of 25 um is 18 px in one instrument and 100 in another.
    Without pixels on both sides, those of the same sizes in um, or all where they are too few. thresholds: those that
    `labels` were named by.
    """
    labels, sizes, rng = np.asarray(labels, object), _sizes(sizes_um), np.random.default_rng(seed)
    called, uniform = [*class_keys, UNSURE], _uniform(rng, class_keys)
    in_px = None if sizes_px is None or reference.sizes_px is None else np.nan_to_num(_sizes(sizes_px))
    value, draws = [], []
    for low_um, high_um, within in _bins(sizes, bins_um, True):
        seen = np.array([((labels == key) & within).sum() for key in called], float)
        as_large = _all_of_size(reference, low_um, high_um) if in_px is None else _as_large(reference, in_px[within])
        table = _confusion(reference, called, thresholds, as_large)
        value.append(_unfold(seen[None], _shares(table)[None])[0])
        draws.append(_unfold(rng.standard_gamma(seen, size=(DRAWS, len(seen))), _drawn_shares(table, uniform)))
    # A hundredth of a particle is none: what is left of so little is the arithmetic's.
    value, draws = np.round(value, 2), np.array(draws)  # (bins, K), (bins, DRAWS, K)
    if not differential:
        value, draws = (each[::-1].cumsum(0)[::-1] for each in (value, draws))
    # One particle more for the upper limit, as Garwood's: without confusion both are the exact limits.
    evenly = -np.log((np.arange(DRAWS) + 0.5) / DRAWS)
    more = np.stack([rng.permutation(evenly) for _ in class_keys], axis=1)
    low = np.minimum(np.round(np.quantile(draws, 0.025, axis=1), 2), value)
    high = np.maximum(np.quantile(draws + more, 0.975, axis=1), value)
    high = np.maximum(high, poisson_interval(0)[1])  # of what nobody has seen, the exact limit
    figures, bins = np.stack([value, low, high], axis=2), list(_bins(sizes, bins_um, differential))
    rows = [
        _row(key, low_um, high_um, *each.tolist(), volume_ml, dilution)
        for place, key in enumerate(class_keys)
        for each, (low_um, high_um, _) in zip(figures[:, place], bins, strict=True)
    ]
    for low_um, high_um, within in bins:
        n = float(within.sum())
        rows.append(_row(ALL, low_um, high_um, n, *poisson_interval(n), volume_ml, dilution))
    return rows


def predictive_values(labels, *, reference, class_keys, thresholds=None, seed=0):
    """Positive predictive value of every class at this sample's own, corrected prevalence: list of Ppv.

    PPV_c = lambda_c P(called c | c) / sum over k of lambda_k P(called c | k), with lambda as in corrected().
    """
    labels, rng = np.asarray(labels, object), np.random.default_rng(seed)
    called, uniform, found = [*class_keys, UNSURE], _uniform(rng, class_keys), []
    seen = np.array([(labels == key).sum() for key in called], float)
    table = _confusion(reference, called, thresholds, np.ones(len(reference.labels), bool))
    redrawn = rng.standard_gamma(seen + 0.5 * (seen > 0), size=(DRAWS, len(seen)))
    all_shares = np.concatenate([_shares(table)[None], _drawn_shares(table, uniform)])
    all_values = _unfold(np.vstack([seen, redrawn]), all_shares)
    for place, key in enumerate(class_keys):
        parts = all_values * all_shares[:, :, place]
        with np.errstate(invalid="ignore"):
            right = parts[:, place] / parts.sum(1)
        n = int(seen[place])
        if not n or not np.isfinite(right[0]):
            found.append(PredictiveValue(key, None, None, None, n))
            continue
        low, high = np.nanquantile(right[1:], (0.025, 0.975))
        found.append(PredictiveValue(key, float(right[0]), float(min(low, right[0])), float(max(high, right[0])), n))
    return found


def poisson_interval(n):
    """Exact 95 % interval of the mean of a Poisson count n: (low, high), floats (Garwood 1936)."""
    return (float(chi2.ppf(0.025, 2 * n) / 2) if n else 0.0), float(chi2.ppf(0.975, 2 * n + 2) / 2)


def _row(key, low_um, high_um, count, low, high, volume_ml, dilution):
    per_ml = [value * dilution / volume_ml for value in (count, low, high)] if volume_ml else [None] * 3
    return Count(key, float(low_um), high_um, count, float(low), float(high), *per_ml)


def _sizes(sizes_um):
    return np.array([np.nan if size is None else size for size in sizes_um], float)


def _bins(sizes, bins_um, differential):
    """(lower edge, upper edge or None, bool (N,)) of each bin."""
    for place, low_um in enumerate(bins_um):
        high_um = bins_um[place + 1] if differential and place + 1 < len(bins_um) else None
        yield low_um, high_um, _within(sizes, low_um, high_um)


def _within(sizes, low_um, high_um):
    return (sizes >= low_um) & (sizes < (np.inf if high_um is None else high_um))


def _all_of_size(reference, low_um, high_um):
    """Labelled particles of these sizes in um, bool (M,); all where some class has too few of them."""
    # What is too faint to be measured counts as smallest.
    within = _within(np.nan_to_num(np.asarray(reference.sizes_um, float)), low_um, high_um)
    few = min(np.bincount(np.asarray(reference.labels)[within], minlength=len(reference.class_keys))) < MIN_SIMILARITY
    return np.ones(len(within), bool) if few else within


def _as_large(reference, sizes_px):
    """Labelled particles that are as large as these (n,) in pixels, bool (M,): of every class at least LEAST_LIKE."""
    theirs, labels = np.nan_to_num(np.asarray(reference.sizes_px, float)), np.asarray(reference.labels)
    if not len(sizes_px):
        return np.ones(len(labels), bool)
    low, middle, high = np.quantile(sizes_px, (0.02, 0.5, 0.98))
    within, apart = (theirs >= low) & (theirs <= high), np.abs(np.log1p(theirs) - np.log1p(middle))
    for label in range(len(reference.class_keys)):
        mine = np.flatnonzero(labels == label)
        if within[mine].sum() < MIN_SIMILARITY:
            within[mine[np.argsort(apart[mine], kind="stable")[:MIN_SIMILARITY]]] = True
    return within


def _confusion(reference, called, thresholds, within):
    """Labelled particles within by what they are and what they are called, float (K, K + 1): counts."""
    keys = called[:-1]
    if tuple(reference.class_keys) != tuple(keys):
        raise ValueError(f"the reference is of {reference.class_keys}, the counts are of {tuple(keys)}")
    names, labels = apply_thresholds(reference.probs, keys, thresholds=thresholds), np.asarray(reference.labels)
    place = {key: position for position, key in enumerate(called)}
    table = np.zeros((len(keys), len(called)))
    np.add.at(table, (labels[within], [place[name] for name in names[within]]), 1)
    return table


def _shares(table):
    return table / table.sum(1, keepdims=True)


def _uniform(rng, class_keys):
    """0..1 for every draw of shares: a run that is named otherwise is so at all sizes, thus the same for all."""
    return rng.random((DRAWS, len(class_keys), len(class_keys) + 1))


def _drawn_shares(table, uniform):
    """P(called c | true k) (DRAWS, K, C) as it may be in the sample: Dirichlet, known as from WORTH particles."""
    known = table * np.minimum(1, WORTH / table.sum(1, keepdims=True))
    # Jeffreys' prior, so that what never happened is not impossible.
    shares = np.maximum(gammaincinv(known + 0.5 / table.shape[1], uniform), 1e-12)
    return shares / shares.sum(2, keepdims=True)


def _unfold(seen, shares):
    """True counts (D, K) that most likely gave what was seen (D, C); shares (D, K, C) is P(called c | true k)."""
    counts = np.repeat(seen.sum(1, keepdims=True) / shares.shape[1], shares.shape[1], axis=1)
    for _ in range(ROUNDS):
        expected = np.einsum("dk,dkc->dc", counts, shares)
        ratio = np.divide(seen, expected, out=np.zeros(expected.shape), where=expected > 0)
        counts = counts * np.einsum("dkc,dc->dk", shares, ratio)
    return counts
