"""Tile orientations, and how near two tiles must be to count as the same picture.

Three searches look for tiles that show the same picture. They differ in what they compare, so each has its own
threshold; all three are root mean square differences in grey levels.

- Audit of a generator (svp_core.audit.nearest_tiles): single pixels, in eight orientations, nothing shifted or
  brightened. A repeated training tile would hide a copy of it, because the two nearest distances would be equal.
- Label errors (svp_core.label_errors.duplicates): single pixels after a shift of at most one pixel and with equal mean
  brightness, in the orientation given: the same photograph exported twice, perhaps with different labels.
- Training (svp_core.training.split): means of square cells with the background subtracted, in eight orientations: a
  copy of a training tile must not be held out for testing.

Pure numpy: torch tensors are accepted, but torch is not imported.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

ORIENTATIONS = 8  # four rotations by a quarter turn, each also mirrored

# Noise of a camera alone separates two photographs of one particle by more than this.
MAX_PIXEL_RMS = 1.0
# Larger, because resampling after a shift and JPEG compression add noise; two images of different simulated particles
# are never closer than 2.5.
MAX_SHIFTED_RMS = 2.2
# Between the two, because averaging over cells removes most of the noise. Of 1,000 recorded particles no two different
# ones come so close, of 10,000 simulated bubbles two pairs; JPEG copies do.
MAX_CELL_RMS = 1.5

Tiles = TypeVar("Tiles", NDArray, "torch.Tensor")


def orient(tiles: Tiles, orientation: int) -> Tiles:
    """Tiles (..., H, H), array or tensor, in one of eight orientations.

    orientation: 0..7; 0 leaves the tiles as they are, k and k + 4 rotate them by k quarter turns counterclockwise,
    and from 4 on they are mirrored left to right afterwards.
    """
    if isinstance(tiles, np.ndarray):
        rotated = np.rot90(tiles, orientation % 4, (-2, -1))
        return rotated[..., ::-1] if orientation >= 4 else rotated
    rotated = tiles.rot90(orientation % 4, (-2, -1))
    return rotated.flip(-1) if orientation >= 4 else rotated


def orientations(tiles: Tiles) -> Iterator[Tiles]:
    """Tiles (..., H, H) in each of the eight orientations, unchanged first."""
    for orientation in range(ORIENTATIONS):
        yield orient(tiles, orientation)
