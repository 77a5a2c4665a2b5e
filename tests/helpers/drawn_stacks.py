"""Pages of a file: one particle at several depths of focus, and six particles."""

import numpy as np

SIDE = 64


def particle(seed=0, *, level=175, depth=90, focus=1.0):
    """A disc of a size and at a place of its own on noise; less sharp at a lower focus."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE]
    centre, radius = rng.uniform(20, 44, 2), rng.uniform(6, 14)
    distance = np.hypot(y - centre[0], x - centre[1]) - radius
    dip = depth / (1 + np.exp(distance * 2 * focus))
    return np.clip(level - dip + rng.normal(0, 1.5, (SIDE, SIDE)), 0, 255).astype(np.uint8)


PLANES = np.stack([particle(2, focus=focus) for focus in (0.3, 0.5, 0.9, 0.5, 0.3)])
STACK = np.stack([particle(seed) for seed in range(10, 16)])
