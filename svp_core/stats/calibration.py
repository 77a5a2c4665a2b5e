"""What a confidence is worth on instruments like the sample's: shares named right, and thresholds that promise one.

Everything is computed on a ConfusionReference of the run's magnification; intervals come from resampling its
instruments, as particles of one instrument are named alike.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from svp_core.stats.confusion import BoolArray, ConfusionReference, FloatArray, worth_of_classes
from svp_core.stats.intervals import Estimate, estimate_share, interval_from_resamples

PROMISE = 0.95  # share of the particles named by a class at its promised threshold that belong to it
CONFIDENCE_BANDS = (0.0, 0.5, 0.8, 0.9, 0.97)  # lower edges
MIN_PARTICLES = 30  # in a cell of a table, and behind a promise
_RESAMPLES = 400
_ONE_SIDED = 0.05
_CANDIDATES = np.concatenate([[0.0], np.arange(30, 100) / 100])  # thresholds, as the sliders have them


@dataclass(frozen=True)
class RightShare:
    """Share of a reference's particles of some sizes and confidences that are named right."""

    low_um: float
    high_um: float | None  # None: no upper limit
    low_confidence: float
    high_confidence: float  # the highest band includes 1
    confidence: float | None  # mean; None without particles
    right: Estimate | None  # None below MIN_PARTICLES
    n: int


@dataclass(frozen=True)
class Promise:
    """The lowest threshold of one class at which its particles are right as often as promised."""

    class_key: str
    threshold: float | None  # None: no threshold reaches it
    right: float | None  # share of the particles named at it that belong to the class, at the sample's mixture
    right_low: float | None  # one-sided 95 % lower limit
    kept: float | None  # share of the class's particles that are still named


def accuracy(reference: ConfusionReference, *, seed: int = 0) -> Estimate:
    """Share of all particles whose most likely class is right, every class weighted equally: Estimate."""
    right = reference.probs.argmax(1) == reference.labels
    weights = 1 / np.bincount(reference.labels, minlength=len(reference.class_keys))[reference.labels]
    value = float(np.average(right, weights=weights))
    counts = _multiplicities(reference, seed)
    resampled = (counts @ (weights * right)) / (counts @ weights)
    return interval_from_resamples(value, resampled, len(right))


def accuracy_of_instruments(reference: ConfusionReference) -> FloatArray:
    """Share named right on each of the simulated instruments, float (I,), every class weighted equally."""
    instruments = _instruments(reference)
    right = reference.probs.argmax(1) == reference.labels
    shares = []
    for instrument in range(instruments.max(initial=-1) + 1):
        of_classes = [right[(instruments == instrument) & (reference.labels == k)] for k in np.unique(reference.labels)]
        shares.append(np.mean([one.mean() for one in of_classes if len(one)]))
    return np.array(shares)


def right_shares(
    reference: ConfusionReference,
    *,
    edges_um: Sequence[float],
    bands: Sequence[float] = CONFIDENCE_BANDS,
    seed: int = 0,
) -> list[RightShare]:
    """Shares named right by size and confidence: list of RightShare, size after size; smallest sizes first.

    edges_um: lower edges, ascending; particles without a size count as smallest.
    """
    confidence, right = reference.probs.max(1), reference.probs.argmax(1) == reference.labels
    sizes, counts, rows = np.nan_to_num(np.asarray(reference.sizes_um, float)), _multiplicities(reference, seed), []
    for index, low in enumerate(edges_um):
        high = edges_um[index + 1] if index + 1 < len(edges_um) else None
        at_size = (sizes >= (low if index else 0)) & (sizes < (np.inf if high is None else high))
        for place, start in enumerate(bands):
            end = bands[place + 1] if place + 1 < len(bands) else 1.0
            cell = at_size & (confidence >= start) & ((confidence < end) | (place + 1 == len(bands)))
            n = int(cell.sum())
            mean = float(confidence[cell].mean()) if n else None
            rows.append(RightShare(low, high, start, end, mean, _clustered(right, cell, counts), n))
    return rows


def calibration_error(probs: NDArray[np.floating], labels: NDArray[np.integer], *, bins: int = 15) -> float:
    """Expected calibration error (Guo et al. 2017, eq. 3): mean |share right - confidence|, in bins of equal number."""
    confidence, right = probs.max(1), probs.argmax(1) == labels
    parts = [part for part in np.array_split(np.argsort(confidence), bins) if len(part)]
    gaps = [len(part) * abs(right[part].mean() - confidence[part].mean()) for part in parts]
    return float(sum(gaps) / len(labels))


def promised_thresholds(
    reference: ConfusionReference,
    *,
    mixture: Mapping[str, float],
    promise: float = PROMISE,
    seed: int = 0,
) -> list[Promise]:
    """Per class the lowest threshold that keeps the promise on instruments like the sample's: list of Promise.

    mixture: class key -> true particles in the sample (or any multiple), such as its corrected counts; the promise
    depends on it. A threshold keeps it where the one-sided 95 % lower limit of the share of right particles is at least
    `promise`: the shares of each true class that are named so surely are drawn from beta distributions (Jeffreys'
    prior), of as many particles as the variation between instruments leaves them. Particles marked as unlike are named
    by no class.
    """
    keys, labels, rng = reference.class_keys, np.asarray(reference.labels), np.random.default_rng(seed)
    members = np.bincount(labels, minlength=len(keys)).astype(float)
    instruments = max(_instruments(reference).max(initial=-1) + 1, 1)
    worths = np.array(list(worth_of_classes(reference, largest=np.inf).values()))
    # Several particles of one instrument tell less than as many of different ones (design effect, Kish 1965).
    effective = members / (1 + np.maximum(members / instruments - 1, 0) / (worths + 1))
    share = np.array([max(float(mixture.get(key, 0.0)), 0.0) for key in keys])
    named, confidence = reference.probs.argmax(1), reference.probs.max(1)
    if reference.unlike is not None:
        named = np.where(reference.unlike, -1, named)
    promises = []
    for label, key in enumerate(keys):
        sure = np.array([(named == label) & (confidence >= np.float32(edge)) for edge in _CANDIDATES])
        counts = np.array([np.bincount(labels[one], minlength=len(keys)) for one in sure], float)
        rates = counts / np.maximum(members, 1)
        drawn = rng.beta(
            rates * effective + 0.5, (1 - rates) * effective + 0.5, size=(_RESAMPLES, *rates.shape)
        )  # (draws, candidates, K)
        promises.append(_promise(key, label, counts, rates * share, drawn * share, rates[:, label], promise))
    return promises


def _promise(
    key: str,
    label: int,
    counts: FloatArray,
    expected: FloatArray,
    drawn: FloatArray,
    kept: FloatArray,
    promise: float,
) -> Promise:
    """counts, expected (candidates, K) and drawn (draws, candidates, K): what each candidate names, by true class."""
    with np.errstate(invalid="ignore", divide="ignore"):
        right = np.nan_to_num(expected[:, label] / expected.sum(1))
        low = np.nan_to_num(np.quantile(drawn[:, :, label] / drawn.sum(2), _ONE_SIDED, axis=0))
    low = np.where(counts.sum(1) >= MIN_PARTICLES, np.minimum(low, right), 0)
    # From the surest candidate downwards to the first that breaks the promise, so that none is picked by luck.
    place = int(low.argmax())
    if low[place] < promise:
        return Promise(key, None, None, None, None)
    while place and low[place - 1] >= promise:
        place -= 1
    return Promise(key, float(_CANDIDATES[place]), float(right[place]), float(low[place]), float(kept[place]))


def _clustered(right: BoolArray, cell: BoolArray, counts: FloatArray) -> Estimate | None:
    """Share of hits in a cell; its interval is the wider of Wilson's and that of resampled instruments."""
    n = int(cell.sum())
    if n < MIN_PARTICLES:
        return None
    plain, inside = estimate_share(right[cell]), counts[:, cell]
    with np.errstate(invalid="ignore"):
        resampled = (inside @ right[cell].astype(float)) / inside.sum(1)
    low, high = np.nanquantile(resampled, (0.025, 0.975))
    return Estimate(plain.value, float(min(plain.low, low)), float(max(plain.high, high)), n)


def _instruments(reference: ConfusionReference) -> NDArray[np.integer]:
    """Number 0..I-1 of each particle's instrument; where they are not told apart, every particle is its own."""
    if reference.instruments is None:
        return np.arange(len(reference.labels))
    return np.unique(reference.instruments, return_inverse=True)[1]


def _multiplicities(reference: ConfusionReference, seed: int) -> FloatArray:
    """How often each particle is in each of the resamples of instruments, float (_RESAMPLES, M)."""
    instruments, rng = _instruments(reference), np.random.default_rng(seed)
    count = instruments.max(initial=-1) + 1
    return rng.multinomial(count, np.full(count, 1 / max(count, 1)), size=_RESAMPLES)[:, instruments].astype(float)
