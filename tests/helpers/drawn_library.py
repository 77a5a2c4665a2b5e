"""A small library of drawn discs, in place of simulated particles."""

import numpy as np

from svp_core.reference_library.library import Library

CLASSES = ("protein", "silicone_oil", "air_bubble")
GREY = {
    "protein": 0.85,
    "silicone_oil": 0.6,
    "air_bubble": 0.25,
    "fibre": 0.4,
    "glass_flake": 0.7,
    "other": 0.1,
}  # relative to the background


def draw_library(*, instruments=4, each=5, classes=CLASSES, magnification="10x", contrast=1.0):
    """Library of discs whose grey level tells their class; contrast 0 makes them invisible."""
    rng, axis = np.random.default_rng(0), np.arange(64) - 31.5
    distance, images, names, of = np.hypot(axis, axis[:, None]), [], [], []
    for instrument in range(instruments):
        for key in classes:
            for _ in range(each):
                inside = np.clip(rng.uniform(4, 12) - distance + 0.5, 0, 1)
                images.append(1 - contrast * (1 - GREY[key]) * inside)
                names.append(key)
                of.append(instrument)
    count = len(images)
    return Library(
        magnification,
        np.array(images, np.float32),
        tuple(names),
        np.array(of),
        np.full(count, 0.5),
        np.full(count, 8.0),
    )
