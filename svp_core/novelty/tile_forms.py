"""Two forms of tiles: filled by the image, or a smaller crop on an even pad; each has its own calibration.

An instrument saves a box around the particle, which images.to_tile pads with one grey level. Such a tile differs from
one that the camera's noise fills, whatever the particle, so each is compared with known particles of its own form only.
"""

import numpy as np
from numpy.typing import NDArray

from svp_core.morphology import segment

FORMS = ("whole", "padded")
WHOLE, PADDED = range(2)
MARGIN_PX = (0, 10)  # smallest and largest, on each side, between a particle's outline and the border of its crop


def forms_of(tiles: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Form of each tile uint8 (N, 64, 64), int (N,): PADDED where one of its four sides has a single level."""
    sides = (tiles[:, 0], tiles[:, -1], tiles[:, :, 0], tiles[:, :, -1])
    padded = np.logical_or.reduce([(side == side[:, :1]).all(1) for side in sides])
    return np.where(padded, PADDED, WHOLE)


def cut_out(tile: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8] | None:
    """The part of a tile (64, 64) that an instrument would save of its particle, uint8 (h, w); None where it is all.

    It is all where no particle is found, and where the particle nearly fills the tile.
    """
    mask = segment(tile)
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return None
    margins = rng.integers(MARGIN_PX[0], MARGIN_PX[1] + 1, 4)
    top, left = max(0, rows[0] - margins[0]), max(0, columns[0] - margins[2])
    crop = tile[top : rows[-1] + 1 + margins[1], left : columns[-1] + 1 + margins[3]]
    return crop if min(crop.shape) < tile.shape[0] else None
