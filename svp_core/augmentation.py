"""Classical augmentation: more tiles from given ones, without any network.

What a lab does without a generator, and what a generator has to beat. It creates no new particles: every tile is one of
the reference tiles, flipped, rotated, scaled, shifted and changed a little in contrast and brightness.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from svp_core.images import background_level

SCALE = 1.1  # largest scale factor; the smallest is 1 / SCALE. More would leave the pixel sizes of one instrument
SHIFT_PX = 4.0  # largest shift along each axis
BRIGHTNESS = 0.03  # relative standard deviation of the brightness
CONTRAST = 0.1  # relative standard deviation of the particle's contrast to its background


def augment_tiles(tiles: NDArray[np.uint8], *, seeds: Iterable[int]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """One augmented tile per seed: (tiles (N, H, H), indices (N,) of the tiles they were made from).

    tiles: (M, H, H), the parents, drawn with equal probability. Each is flipped and rotated (one of the eight
    orientations), scaled by 1/1.1 to 1.1 and shifted by up to 4 px in each direction (cubic splines; the border is
    filled with the mirrored tile), then its contrast is changed by 10 % and its brightness by 3 % (standard
    deviations). The same seed and parents give the same tile in any batch. Interpolation smooths the camera's noise a
    little.
    """
    if not len(tiles):
        raise ValueError("classical augmentation needs at least one tile to start from")
    augmented = [_augment(tiles, np.random.default_rng(seed)) for seed in seeds]
    if not augmented:
        return np.zeros((0, *tiles.shape[1:]), np.uint8), np.zeros(0, np.int64)
    return np.stack([tile for tile, _ in augmented]), np.array([parent for _, parent in augmented])


def _augment(tiles, rng):
    parent = int(rng.integers(len(tiles)))
    tile = np.rot90(tiles[parent], rng.integers(4))
    if rng.random() < 0.5:
        tile = tile[:, ::-1]
    scale = SCALE ** rng.uniform(-1, 1)
    scaled = scale_and_shift(tile.astype(np.float32), scale, rng.uniform(-SHIFT_PX, SHIFT_PX, 2))
    level = background_level(tile)
    contrast, brightness = np.exp(rng.normal(0, CONTRAST)), np.exp(rng.normal(0, BRIGHTNESS))
    relit = ((scaled - level) * contrast + level) * brightness
    return relit.round().clip(0, 255).astype(np.uint8), parent


def scale_and_shift(tile: NDArray[np.floating], scale: float, shift: NDArray[np.floating]) -> NDArray[np.floating]:
    """The tile scaled about its centre and shifted by `shift` (rows down, columns right)."""
    centre = (np.array(tile.shape) - 1) / 2
    # ndimage takes the inverse transform: where in the input each output pixel comes from.
    offset: Any = centre - (centre + shift) / scale  # one per axis, against ndimage's annotation
    return ndimage.affine_transform(tile, np.full(2, 1 / scale), offset, mode="mirror")
