"""How far from the known particles are known particles of this size? Distances are compared with those.

A known particle of a few pixels, and one that fills its tile, lie farther from most known ones than those between:
compared with all of their named class, they would be marked too often. Each distance is therefore standardised by the
median and the upper tail of known particles of about its size, which are none of the calibration particles
(locally weighted conformal prediction; Lei et al. 2018, Journal of the American Statistical Association 113, section
5.2).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from svp_core.novelty.score import PARTS

# ECD; values are interpolated between them, and constant beyond.
SIZES_PX = (3.0, 4.5, 6.5, 9.0, 13.0, 18.0, 26.0, 36.0, 50.0, 64.0)
NEAREST = 250  # particles around each size, at most a third of a class
LEAST = 100  # particles of a named class to have a trend of its own; with fewer, that of all classes
TAIL = 0.9  # quantile; the unit is its distance from the median
MIN_UNIT = 1e-6

Sizes = NDArray[np.floating]  # (N,), logarithms of ECD in px, as in shape.shape_row; NaN: unknown


@dataclass(frozen=True, eq=False)
class SizeTrend:
    """Median and upper tail of the distances of known particles, by named class and size."""

    medians: NDArray[np.float32]  # (K, S, 3), at SIZES_PX
    units: NDArray[np.float32]  # (K, S, 3), positive

    def standardise(
        self, distances: NDArray[np.floating], sizes: Sizes, named: NDArray[np.integer]
    ) -> NDArray[np.float32]:
        """Distances (N, 3) in units above the median of their size, float32; 1 at the upper tail.

        named: most likely classes (N,). An unknown size counts as one in the middle.
        """
        distances, knots = np.asarray(distances, np.float32), np.log(SIZES_PX)
        places = np.nan_to_num(np.asarray(sizes, float), nan=knots[len(knots) // 2])
        found = np.empty_like(distances)
        for label in np.unique(named):
            mask = named == label
            for part in range(len(PARTS)):
                medians = np.interp(places[mask], knots, self.medians[label, :, part])
                units = np.interp(places[mask], knots, self.units[label, :, part])
                found[mask, part] = (distances[mask, part] - medians) / units
        return found


def fit_trend(distances: NDArray[np.floating], sizes: Sizes, named: NDArray[np.integer], class_count: int) -> SizeTrend:
    """SizeTrend of known particles, distances (M, 3), sizes and named (M,), M >= 1."""
    medians, units = [], []
    for label in range(class_count):
        mask = named == label
        mask = mask if mask.sum() >= LEAST else np.ones(len(named), bool)
        own, places = distances[mask], sizes[mask]
        count = min(NEAREST, -(-len(own) // 3))
        around = [own[np.argsort(np.abs(places - at), kind="stable")[:count]] for at in np.log(SIZES_PX)]
        middle, tail = (np.quantile(around, level, axis=1) for level in (0.5, TAIL))
        medians.append(middle)
        units.append(np.maximum(tail - middle, MIN_UNIT))
    return SizeTrend(np.array(medians, np.float32), np.array(units, np.float32))
