"""Classical augmentation: more tiles from the ones there are, without any network.

What a lab does without a generator, and what a generator has to beat. It invents no particle: every tile is one of the
reference tiles, turned, scaled, moved and seen under a slightly different lamp.
"""

import numpy as np
from scipy import ndimage

from svp_core.images import background_level

SCALE = 1.1  # largest enlargement; the smallest is 1 / SCALE. More would leave the pixel sizes of one instrument
SHIFT_PX = 4.0  # farthest along each axis
BRIGHTNESS = 0.03  # s.d. of the brightness, as a share of what it was
CONTRAST = 0.1  # s.d. of the particle's contrast to its background, as a share of what it was


def augment_tiles(tiles, *, seeds):
    """One tile a seed: (uint8 (N, H, H), int (N,) positions of the tiles they were made from).

    tiles: uint8 (M, H, H), the parents, drawn with equal chance. Each is flipped and turned (one of the eight
    orientations), scaled by 1/1.1 to 1.1 and moved by up to 4 px either way (cubic splines; what comes in at the
    border is the tile mirrored), then its contrast is changed by 10 % and its brightness by 3 % (standard deviations).
    The same seed and parents give the same tile, whatever else is asked for. Interpolation smooths the camera's noise
    a little.
    """
    if not len(tiles):
        raise ValueError("classical augmentation needs at least one tile to start from")
    made = [_augment(tiles, np.random.default_rng(seed)) for seed in seeds]
    if not made:
        return np.zeros((0, *tiles.shape[1:]), np.uint8), np.zeros(0, np.int64)
    return np.stack([tile for tile, _ in made]), np.array([parent for _, parent in made])


def _augment(tiles, rng):
    parent = int(rng.integers(len(tiles)))
    tile = np.rot90(tiles[parent], rng.integers(4))
    if rng.random() < 0.5:
        tile = tile[:, ::-1]
    scale = SCALE ** rng.uniform(-1, 1)
    moved = _move(tile.astype(np.float32), scale, rng.uniform(-SHIFT_PX, SHIFT_PX, 2))
    level = background_level(tile)
    contrast, lamp = np.exp(rng.normal(0, CONTRAST)), np.exp(rng.normal(0, BRIGHTNESS))
    seen = ((moved - level) * contrast + level) * lamp
    return seen.round().clip(0, 255).astype(np.uint8), parent


def _move(tile, scale, shift):
    """The tile enlarged about its centre by `scale` and moved by `shift` (rows down, columns right)."""
    centre = (np.array(tile.shape) - 1) / 2
    # ndimage asks where in the input each output pixel comes from: the inverse of what is done to the particle.
    return ndimage.affine_transform(tile, np.full(2, 1 / scale), centre - (centre + shift) / scale, mode="mirror")
