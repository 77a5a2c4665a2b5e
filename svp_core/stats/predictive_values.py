"""Predictive values: how many of the particles assigned to a class belong to it in this sample, with 95 % intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from svp_core.particle_classes import UNLIKE
from svp_core.stats.confusion import (
    DRAWS,
    BoolArray,
    Confusion,
    ConfusionReference,
    FloatArray,
    Sizes,
    similar_in_px,
    sizes_seen,
)
from svp_core.stats.unfolding import unfold

# Edges of the bands of sizes in pixels, of an octave each. Chosen among finer ones and bands of equal number on ten
# simulated instruments: finer ones gain nothing.
BANDS_PX = (5.0, 10.0, 20.0, 40.0)
WIDEST = 0.95  # interval of a predictive value that still says something


@dataclass(frozen=True)
class PredictiveValue:
    """Positive predictive value: share of the particles assigned to a class that belong to it, 0..1, 95 % interval."""

    class_key: str
    value: float | None  # None where no particle is assigned to the class
    low: float | None
    high: float | None
    n: int  # particles of the sample assigned to the class

    @property
    def known_value(self) -> float | None:
        """The value; None where there is none, or where its interval is wider than WIDEST: then it says nothing."""
        return None if self.low is None or self.high is None or self.high - self.low > WIDEST else self.value


def predictive_values(
    labels: ArrayLike,
    *,
    reference: ConfusionReference,
    class_keys: Sequence[str],
    sizes_px: Sizes | None = None,
    thresholds: Mapping[str, float] | None = None,
    seed: int = 0,
) -> list[PredictiveValue]:
    """Positive predictive value of every class at this sample's own, corrected prevalence.

    PPV_c = sum over sizes of lambda_c P(assigned c | c) / sum over sizes and classes k of lambda_k P(assigned c | k),
    with lambda as in counts.corrected_counts. sizes_px: float (N,), as there; the sums are over bands of sizes
    (BANDS_PX), since small particles are confused more often than large ones, and the classes of a sample differ in
    size. Without them all sizes are one.
    """
    names, rng = np.asarray(labels, object), np.random.default_rng(seed)
    with_unlike = bool((names == UNLIKE).any())
    confusion = Confusion(reference, class_keys, thresholds, rng, with_unlike=with_unlike)
    in_px = sizes_seen(reference, sizes_px)
    # (estimate and draws, true class, assigned class)
    assigned = np.zeros((1 + DRAWS, len(class_keys) + with_unlike, len(class_keys)))
    for in_band in _bands(in_px, len(names)):
        observed = np.array([((names == key) & in_band).sum() for key in confusion.assigned_keys], float)
        similar = np.ones(len(reference.labels), bool) if in_px is None else similar_in_px(reference, in_px[in_band])
        redrawn = rng.standard_gamma(observed + 0.5 * (observed > 0), size=(DRAWS, len(observed)))
        shares = np.concatenate([confusion.shares(similar)[None], confusion.drawn_shares(similar)])
        true_counts = unfold(np.vstack([observed, redrawn]), shares)
        assigned += true_counts[:, :, None] * shares[:, :, : len(class_keys)]
    return [
        _predictive_value(key, int((names == key).sum()), assigned[:, :, index], index)
        for index, key in enumerate(class_keys)
    ]


def _predictive_value(key: str, n: int, assigned: FloatArray, index: int) -> PredictiveValue:
    """assigned: (estimate and draws, true class) of what is assigned to the class of this index."""
    with np.errstate(invalid="ignore"):
        ppv = assigned[:, index] / assigned.sum(1)
    if not n or not np.isfinite(ppv[0]):
        return PredictiveValue(key, None, None, None, n)
    low, high = np.nanquantile(ppv[1:], (0.025, 0.975))
    return PredictiveValue(key, float(ppv[0]), float(min(low, ppv[0])), float(max(high, ppv[0])), n)


def _bands(in_px: FloatArray | None, count: int) -> list[BoolArray]:
    """Masks (N,) of the particles in each band of sizes that has any."""
    band = np.zeros(count, int) if in_px is None else np.searchsorted(BANDS_PX, in_px, side="right")
    return [band == number for number in np.unique(band)]
