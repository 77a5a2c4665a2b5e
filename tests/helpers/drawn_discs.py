"""Tiles for the tests of quality and audit: soft discs on a noisy background, no two the same."""

import numpy as np


def draw_discs(count, *, seed, grain=2.0, level=170):
    """uint8 (count, 64, 64): dark and bright discs of 5 to 14 px radius, at random positions within the tile."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:64, :64]
    radius, depth = rng.uniform(5, 14, count), rng.choice([-1, 1], count) * rng.uniform(25, 70, count)
    centre = rng.uniform(16, 47, (2, count))
    distance = np.hypot(rows - centre[0][:, None, None], columns - centre[1][:, None, None])
    discs = depth[:, None, None] * np.clip(radius[:, None, None] - distance + 0.5, 0, 1)
    return (level + discs + rng.normal(0, grain, discs.shape)).round().clip(0, 255).astype(np.uint8)
