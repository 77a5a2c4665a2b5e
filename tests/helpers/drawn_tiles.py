"""Drawn tiles for training tests: blocks on a noisy grey background, all tiles different."""

import numpy as np


def draw_blocks(count, *, seed, level=60):
    """uint8 (count, 64, 64): two blocks per tile, of random position and size, of about this grey level."""
    rng = np.random.default_rng(seed)
    tiles = np.full((count, 64, 64), 170.0)
    for tile in tiles:
        for _ in range(2):
            (top, left), (height, width) = rng.integers(4, 36, 2), rng.integers(6, 28, 2)
            tile[top : top + height, left : left + width] = level + rng.normal(0, 15)
    return (tiles + rng.normal(0, 2, tiles.shape)).clip(0, 255).astype(np.uint8)
