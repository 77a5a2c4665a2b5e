"""Tiles for the tests of quality and audit: soft discs on a grainy background, no two alike."""

import numpy as np


def draw_discs(count, *, seed, grain=2.0, level=170):
    """uint8 (count, 64, 64): dark and light discs of 5 to 14 px radius, anywhere that they fit."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:64, :64]
    radius, depth = rng.uniform(5, 14, count), rng.choice([-1, 1], count) * rng.uniform(25, 70, count)
    place = rng.uniform(16, 47, (2, count))
    far = np.hypot(rows - place[0][:, None, None], columns - place[1][:, None, None])
    discs = depth[:, None, None] * np.clip(radius[:, None, None] - far + 0.5, 0, 1)
    return (level + discs + rng.normal(0, grain, discs.shape)).round().clip(0, 255).astype(np.uint8)
