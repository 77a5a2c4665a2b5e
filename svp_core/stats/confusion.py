"""Confusion between classes: assign classes by thresholds, and estimate true counts from assigned ones.

A ConfusionReference holds a classifier's predictions for labelled particles that it was not trained on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from svp_core.particle_classes import UNLIKE, UNSURE
from svp_core.stats.between_instruments import (
    MAX_WORTH,
    MIN_INSTRUMENTS,
    OWN_INSTRUMENT,
    draw_shares,
    drawn_worths,
    expected_shares,
    worth,
    worth_posterior,
)

DRAWS = 400  # Monte Carlo draws for the intervals of corrected counts
SMALLEST = 0.01  # share of a class's labelled particles below the smallest size at which it is known
MIN_SIMILAR = 50  # labelled particles per class; where fewer have the right size, the next in size are used as well

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
Sizes = ArrayLike | Sequence[float | None]  # (N,); NaN or None without a size

_OPTIONAL = ("sizes_px", "instruments", "unlike")


@dataclass(frozen=True)
class ConfusionReference:
    """Predictions of a classifier for labelled particles that it was not trained on."""

    probs: NDArray[np.float32]  # (M, K) in the order of class_keys
    labels: NDArray[np.integer]  # (M,), true classes, positions in class_keys
    sizes_um: FloatArray  # (M,), NaN where not measurable
    class_keys: tuple[str, ...]
    description: str  # of these particles, for reports
    sizes_px: FloatArray | None = None  # (M,), NaN where not measurable: size at which the classifier saw them
    instruments: NDArray[np.integer] | None = None  # (M,), which instrument; OWN_INSTRUMENT is the sample's
    unlike: BoolArray | None = None  # (M,), whether the particle was marked as unlike all classes

    def of_own_instrument(self) -> BoolArray:
        """Which particles are of the sample's own instrument, bool (M,)."""
        none = np.zeros(len(self.labels), bool)
        return none if self.instruments is None else np.asarray(self.instruments) == OWN_INSTRUMENT

    def select(self, rows: BoolArray | NDArray[np.integer]) -> "ConfusionReference":
        """The reference of these particles only."""
        arrays = {name: getattr(self, name) for name in ("probs", "labels", "sizes_um", *_OPTIONAL)}
        return replace(self, **{name: array[rows] for name, array in arrays.items() if array is not None})


def apply_thresholds(
    probs: ArrayLike, class_keys: Sequence[str], *, thresholds: Mapping[str, float] | None = None
) -> NDArray[np.object_]:
    """Assigned class keys (N,): the most likely class, or UNSURE below that class's threshold.

    probs: float (N, K). thresholds: class key -> minimum probability, 0..1; classes left out are never unsure.
    """
    probs, keys = np.asarray(probs), np.array([*class_keys, UNSURE], dtype=object)
    best = probs.argmax(1)
    # In the precision of the probabilities: 0.9 as a 32-bit float is not below 0.9.
    minimum = np.array([(thresholds or {}).get(key, 0.0) for key in class_keys], np.result_type(probs, np.float16))
    return keys[np.where(probs.max(1, initial=0) < minimum[best], len(class_keys), best)]


def as_sizes(sizes: Sizes) -> FloatArray:
    """Sizes as float (N,), NaN where there is none."""
    return np.asarray(sizes, object).astype(float)  # None becomes NaN


def sizes_seen(reference: ConfusionReference, sizes_px: Sizes | None) -> FloatArray | None:
    """Sizes in pixels (N,) to choose reference particles by, 0 where not measured; None where either side has none."""
    return None if sizes_px is None or reference.sizes_px is None else np.nan_to_num(as_sizes(sizes_px))


def in_size_bin(sizes: FloatArray, low_um: float, high_um: float | None) -> BoolArray:
    return (sizes >= low_um) & (sizes < (np.inf if high_um is None else high_um))


def similar_in_um(reference: ConfusionReference, low_um: float, high_um: float | None) -> BoolArray:
    """Reference particles of these sizes in µm, bool (M,); all where some class has fewer than MIN_SIMILAR."""
    # Particles too faint to be measured count as smallest.
    mask = in_size_bin(np.nan_to_num(np.asarray(reference.sizes_um, float)), low_um, high_um)
    fewest = min(np.bincount(np.asarray(reference.labels)[mask], minlength=len(reference.class_keys)))
    return np.ones(len(mask), bool) if fewest < MIN_SIMILAR else mask


def similar_in_px(reference: ConfusionReference, sizes_px: FloatArray) -> BoolArray:
    """Reference particles as large as these (n,) in pixels, bool (M,): at least MIN_SIMILAR of every class."""
    own = reference.of_own_instrument()
    reference_px, labels = np.nan_to_num(np.asarray(reference.sizes_px, float)), np.asarray(reference.labels)
    if not len(sizes_px):
        return np.ones(len(labels), bool)
    low, middle, high = np.quantile(sizes_px, (0.02, 0.5, 0.98))
    mask = (reference_px >= low) & (reference_px <= high)
    distance = np.abs(np.log1p(reference_px) - np.log1p(middle))
    for label in range(len(reference.class_keys)):
        of_class = np.flatnonzero((labels == label) & ~own)
        if mask[of_class].sum() < MIN_SIMILAR:
            mask[of_class[np.argsort(distance[of_class], kind="stable")[:MIN_SIMILAR]]] = True
    return mask


def smallest_labelled_px(reference: ConfusionReference) -> float:
    """Size in pixels from which every class has labelled particles; 0 where their sizes are not known."""
    if reference.sizes_px is None:
        return 0.0
    sizes, labels = np.nan_to_num(np.asarray(reference.sizes_px, float)), np.asarray(reference.labels)
    return max(float(np.quantile(sizes[labels == label], SMALLEST, method="lower")) for label in np.unique(labels))


def reference_labels(reference: ConfusionReference, thresholds: Mapping[str, float] | None) -> NDArray[np.object_]:
    """Assigned classes (M,) of the reference's particles, UNSURE and UNLIKE included."""
    assigned = apply_thresholds(reference.probs, reference.class_keys, thresholds=thresholds)
    return assigned if reference.unlike is None else np.where(reference.unlike, UNLIKE, assigned)


class Confusion:
    """What a reference says about P(assigned c | true k) on the sample's instrument, for particles of some sizes."""

    def __init__(
        self,
        reference: ConfusionReference,
        class_keys: Sequence[str],
        thresholds: Mapping[str, float] | None,
        rng: np.random.Generator,
        *,
        with_unlike: bool,
    ) -> None:
        """with_unlike: also for particles of no known class, all of which are marked as unlike (a row of their own)."""
        if tuple(reference.class_keys) != tuple(class_keys):
            raise ValueError(f"the reference has classes {reference.class_keys}, the counts have {tuple(class_keys)}")
        self.assigned_keys = (*class_keys, UNSURE, UNLIKE)
        self._labels, self._own = np.asarray(reference.labels, int), reference.of_own_instrument()
        column = {key: index for index, key in enumerate(self.assigned_keys)}
        self._columns = np.array([column[key] for key in reference_labels(reference, thresholds)], int)
        self._instruments = None if reference.instruments is None else np.asarray(reference.instruments, int)
        self._class_count, self._with_unlike = len(class_keys), with_unlike
        # One set of uniform numbers for all sizes, as an instrument's confusion differs alike at all.
        self._uniform = rng.random((DRAWS, len(class_keys), len(self.assigned_keys)))
        self._tables = self._by_instrument()
        posteriors = [worth_posterior(self._tables[:, label]) for label in range(len(class_keys))]
        uniform = rng.random((DRAWS, len(class_keys)))
        drawn = np.stack([drawn_worths(p, uniform[:, k]) for k, p in enumerate(posteriors)], axis=1)
        self._worths = np.minimum(drawn, MAX_WORTH)
        self._middle = np.median(self._worths, axis=0)
        # Evenly spaced, so that every instrument is followed equally often.
        self._uniform_instrument = np.random.default_rng(0).permutation((np.arange(DRAWS) + 0.5) / DRAWS)

    def _by_instrument(self) -> FloatArray:
        """Counts of each simulated instrument, (I, K, C); I = 0 where they are not told apart."""
        if self._instruments is None:
            return np.zeros((0, self._class_count, len(self.assigned_keys)))
        of = ~self._own
        _, instrument = np.unique(self._instruments[of], return_inverse=True)
        tables = np.zeros((instrument.max(initial=-1) + 1, self._class_count, len(self.assigned_keys)))
        np.add.at(tables, (instrument, self._labels[of], self._columns[of]), 1)
        return tables

    def fitted_worths(self) -> FloatArray:
        """Median worth of the simulated instruments for each class, as fitted, (K,)."""
        return np.array([worth(self._tables[:, label]) for label in range(self._class_count)])

    def tables(self, mask: BoolArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """(counts on simulated instruments (K, C), on the sample's own (K, C), number of instruments (K,))."""
        tables = np.zeros((2, self._class_count, len(self.assigned_keys)))
        np.add.at(tables, (self._own[mask].astype(int), self._labels[mask], self._columns[mask]), 1)
        instruments = tables[0].sum(1)
        if self._instruments is not None:
            simulated = mask & ~self._own
            pairs = np.unique(np.stack([self._labels[simulated], self._instruments[simulated]]), axis=1)
            instruments = np.bincount(pairs[0], minlength=self._class_count).astype(float)
        return tables[0], tables[1], instruments

    def shares(self, mask: BoolArray) -> FloatArray:
        """Most likely shares (K, C) for the masked particles of the reference."""
        simulated, own, _ = self.tables(mask)
        return self._complete(expected_shares(simulated, own, self._middle))

    def drawn_shares(self, mask: BoolArray) -> FloatArray:
        """Draws of the shares, (DRAWS, K, C)."""
        simulated, own, instruments = self.tables(mask)
        uniform = self._uniform, self._uniform_instrument
        tables = self._tables if len(self._tables) >= MIN_INSTRUMENTS else self._tables[:0]
        return self._complete(draw_shares(simulated, tables, own, instruments, self._worths, *uniform))

    def _complete(self, shares: FloatArray) -> FloatArray:
        if not self._with_unlike:
            return shares
        unlike = np.zeros((*shares.shape[:-2], 1, shares.shape[-1]))
        unlike[..., -1] = 1
        return np.concatenate([shares, unlike], axis=-2)


def worth_of_classes(
    reference: ConfusionReference, thresholds: Mapping[str, float] | None = None, *, largest: float = MAX_WORTH
) -> dict[str, float]:
    """Class key -> how many particles of the sample's own instrument the simulated ones are worth (median).

    largest: an upper bound, by default the one that the intervals of counts use.
    """
    confusion = Confusion(reference, reference.class_keys, thresholds, np.random.default_rng(0), with_unlike=False)
    worths = np.minimum(confusion.fitted_worths(), largest)
    return dict(zip(reference.class_keys, worths.tolist(), strict=True))


def combine_references(simulated: ConfusionReference, own: ConfusionReference) -> ConfusionReference:
    """One reference of simulated particles and labelled ones of the sample's own instrument.

    In it the simulated ones are worth as many own particles as the variation between instruments leaves them (see
    between_instruments), and the own ones count in full. Both must be of the same classifier; the sizes in pixels and
    the marks as unlike are kept where both have them.
    """
    if tuple(simulated.class_keys) != tuple(own.class_keys):
        raise ValueError(f"references of {simulated.class_keys} and of {own.class_keys} cannot be combined")
    first = simulated.instruments
    instruments = np.arange(len(simulated.labels)) if first is None else np.asarray(first, int)
    arrays = {
        name: np.concatenate([getattr(simulated, name), getattr(own, name)])
        if getattr(simulated, name) is not None and getattr(own, name) is not None
        else None
        for name in ("probs", "labels", "sizes_um", "sizes_px", "unlike")
    }
    arrays["instruments"] = np.concatenate([instruments, np.full(len(own.labels), OWN_INSTRUMENT)])
    description = f"{own.description}, together with {simulated.description}"
    return ConfusionReference(class_keys=simulated.class_keys, description=description, **arrays)  # type: ignore[arg-type]
