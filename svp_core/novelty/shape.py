"""Size, shape and contrast of a particle as one row of numbers, to compare with known particles."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svp_core.images import TILE_PX
from svp_core.morphology import measure

COLUMNS = ("ecd_px", "contrast", "level_sd", "edge_gradient", "aspect_ratio", "circularity", "convexity", "caliper")
LOG_ECD = COLUMNS.index("ecd_px")  # column of the logarithm of the size
CONTRAST_SCALE = 10.0  # grey levels; stronger contrasts are compressed to their logarithm


def shape_row(measured: Mapping[str, Any]) -> NDArray[np.float32]:
    """COLUMNS of a particle, sizes and contrasts compressed, float32 (8,); NaN where it has no outline.

    measured: from morphology.measure, within an outline of ours: an instrument's own mask follows other rules, and the
    particle would seem unlike the known ones because of them.
    """
    if measured["ecd_px"] is None:
        return np.full(len(COLUMNS), np.nan, np.float32)
    return np.array(
        [
            np.log(measured["ecd_px"]),
            np.arcsinh(measured["contrast"] / CONTRAST_SCALE),
            np.log1p(measured["level_sd"]),
            np.log1p(measured["edge_gradient"]),
            measured["aspect_ratio"],
            measured["circularity"],
            measured["convexity"],
            np.log(measured["feret_max_px"] / measured["feret_min_px"]),
        ],
        np.float32,
    )


def shape_of_crop(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """shape_row of the particle in a crop, uint8 (H, W) or (H, W, 3), as far as its tile shows it."""
    top, left = (max(0, size - TILE_PX) // 2 for size in pixels.shape[:2])
    return shape_row(measure(pixels[top : top + TILE_PX, left : left + TILE_PX]))


def shape_rows(crops: Iterable[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """shape_of_crop of each, float32 (N, 8)."""
    rows = [shape_of_crop(crop) for crop in crops]
    return np.stack(rows) if rows else np.zeros((0, len(COLUMNS)), np.float32)
