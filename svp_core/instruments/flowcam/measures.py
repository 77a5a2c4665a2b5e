"""FlowCam's measurements of one particle, computed from its mask and pixels by formulas confirmed on real runs.

Lengths in pixels include the fringe: FlowCam shortens them by its fringe size before converting them to um. Names are
those of the .lst (raw_ = pixels, fringe not subtracted) and of the .csv export. Edge Gradient, Circle Fit and Symmetry
are missing: their formulas are not known. This module reads no files.
"""

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull

# 36 directions, anticlockwise from the rows' axis, in FlowCam's order: a direction, then the perpendicular one. Of
# equal widths the first is reported.
FERET_DEGREES = np.stack([np.arange(0, 90, 5), np.arange(-90, 0, 5)], axis=1).ravel()

_EIGHT_CONNECTED = np.ones((3, 3), bool)
# Steps of the chain code as (row, column): digits 1 to 8 are E NE N NW W SW S SE, N being up the image.
_STEPS = ((0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1))


def flowcam_grey(pixels: NDArray[np.uint8]) -> NDArray[np.int32]:
    """FlowCam's grey levels, int32 (H, W), of an image (H, W) or (H, W, 3): a luma with red and blue exchanged."""
    levels = pixels.astype(np.int32)
    if levels.ndim == 2:
        return levels
    return (1868 * levels[..., 0] + 9617 * levels[..., 1] + 4899 * levels[..., 2] + 8192) // 16384


def subtract_fringe(length_px: float, fringe_px: float) -> float:
    """Length in px after FlowCam's fringe correction: shorter by the fringe, but never by more than half."""
    return length_px - fringe_px if length_px > 2 * fringe_px else length_px / 2


def measure_particle(
    pixels: NDArray[np.uint8], mask: NDArray[np.bool_], *, left: int, top: int, um_per_px: float, fringe_px: float
) -> dict[str, Any]:
    """The measured fields of one row of the .lst: a dict of floats, and of the int ppc.

    pixels: uint8 (H, W), grey. mask: bool (H, W), at least one pixel. left, top: position of column 0 and row 0 in the
    camera frame; Feret diameters depend on it by up to a pixel, as FlowCam rounds in frame coordinates.
    """
    raw = measure_mask(mask, left=left, top=top)
    area, filled, perimeter = raw["raw_area"], raw["raw_filled_area"], raw["raw_perimeter"]
    lengths = {
        "abd_diameter": np.sqrt(4 * area / np.pi),
        "fd_diameter": np.sqrt(4 * filled / np.pi),
        "esd_diameter": raw["raw_feret_mean"],
        "length": raw["raw_feret_max"],
        "width": raw["raw_feret_min"],
    }
    sizes = {name: subtract_fringe(value, fringe_px) * um_per_px for name, value in lengths.items()}
    if raw["raw_feret_min"] == 1:
        sizes["width"] = um_per_px
    geodesic_length, thickness = geodesic(filled, perimeter)
    convex_perimeter = (raw["raw_convex_perimeter"] - fringe_px) * um_per_px
    grey = pixels[mask].astype(np.float64)
    return {
        **raw,
        **sizes,
        "abd_area": np.pi / 4 * sizes["abd_diameter"] ** 2,
        "filled_area": np.pi / 4 * sizes["fd_diameter"] ** 2,
        "perimeter": perimeter * um_per_px,
        "convex_perimeter": convex_perimeter,
        "roughness": perimeter * um_per_px / convex_perimeter,
        "compactness": max(1.0, perimeter**2 / (4 * np.pi * filled)),
        "elongation": geodesic_length / thickness if thickness else 1.0,
        "intensity": grey.mean(),
        "sigma_intensity": grey.std(),
        "sum_intensity": grey.sum(),
        "avg_red": grey.mean(),
        "avg_green": grey.mean(),
        "avg_blue": grey.mean(),
    }


def measure_mask(mask: NDArray[np.bool_], *, left: int, top: int) -> dict[str, Any]:
    """The fields of the .lst that are in pixels and depend on the mask alone: a dict of floats, and of the int ppc."""
    filled = fill_holes(mask)
    points = np.argwhere(filled)[:, ::-1] + (left, top)  # x, y in the camera frame
    widths = feret_widths(points)
    hull_perimeter, hull_area = convex_hull(points)
    spread = np.cov(points.T, bias=True) if len(points) > 1 else np.zeros((2, 2))
    minor, major = 4 * np.sqrt(np.maximum(np.linalg.eigvalsh(spread), 0))
    chains = [chain for _, _, chain in outer_contours(mask)]
    return {
        "ppc": len(chains),
        "raw_area": float(mask.sum()),
        "raw_filled_area": float(len(points)),
        "raw_feret_max": float(widths.max()),
        "raw_feret_min": float(widths.min()),
        "raw_feret_mean": float(widths.mean()),
        "feret_max_angle": float(FERET_DEGREES[widths.argmax()]),
        "feret_min_angle": float(FERET_DEGREES[widths.argmin()]),
        "raw_perimeter": sum(chain_length(chain) for chain in chains),
        "raw_convex_perimeter": hull_perimeter,
        "raw_convex_hull_area": hull_area,
        "raw_legendre_major": float(major),
        "raw_legendre_minor": float(minor),
        "circularity_hu": min(1.0, len(points) / (2 * np.pi * np.trace(spread))) if len(points) > 1 else 1.0,
    }


def fill_holes(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask (H, W) with its holes filled. A hole is background that is not 4-connected to the outside."""
    outside, _ = _label(np.pad(~mask, 1, constant_values=True))
    return outside[1:-1, 1:-1] != outside[0, 0]


def feret_widths(points: NDArray[np.integer]) -> NDArray[np.integer]:
    """Caliper widths (36,) in whole px, of pixels at points (N, 2): integer x, y in the camera frame."""
    angles = np.deg2rad(FERET_DEGREES)
    projections = points @ np.stack([np.cos(angles), -np.sin(angles)])
    return np.ptp(np.floor(projections + 0.5 + 1e-9).astype(int), axis=0) + 1


def convex_hull(points: NDArray[np.integer]) -> tuple[float, float]:
    """(perimeter, area) in px of the convex hull of pixel centres (N, 2); for a line, twice its length and 0."""
    if np.linalg.matrix_rank(points - points[0]) < 2:
        return 2 * float(np.hypot(*np.ptp(points, axis=0))), 0.0
    hull = ConvexHull(points)
    return float(hull.area), float(hull.volume)  # in two dimensions, scipy calls the perimeter area


def geodesic(filled_area: float, perimeter: float) -> tuple[float, float]:
    """(length, thickness) in px of the rectangle with this area and perimeter; of a square if there is none."""
    half = perimeter / 2
    root = half**2 / 4 - filled_area
    if root < 0:
        return perimeter / 4, perimeter / 4
    return half / 2 + np.sqrt(root), half / 2 - np.sqrt(root)


def outer_contours(mask: NDArray[np.bool_]) -> list[tuple[int, int, str]]:
    """(x, y, chain code) of the outer contour of every 8-connected part, last start first, as in FlowCam's .edg.

    x, y: the leftmost pixel of the part's top row. Chain code: digits 1 to 8 for steps E NE N NW W SW S SE,
    anticlockwise and back to the start; "" for a single pixel.
    """
    labels, count = _label(mask, _EIGHT_CONNECTED)
    labels = np.pad(labels, 1)
    contours = []
    for label in range(1, count + 1):
        row, column = np.argwhere(labels == label)[0]
        contours.append((int(column) - 1, int(row) - 1, _chain_code(labels == label, row, column)))
    return sorted(contours, key=lambda contour: (-contour[1], -contour[0]))


def chain_length(chain: str) -> float:
    """Length in px of a chain code: 1 per straight step, the root of 2 per diagonal one."""
    diagonal = sum(digit in "2468" for digit in chain)
    return float(len(chain) - diagonal + np.sqrt(2) * diagonal)


def _chain_code(part: NDArray[np.bool_], row: int, column: int) -> str:
    """Chain code around one part (with a border of False) from its first pixel in reading order."""
    pixel, heading, chain = (row, column), 7, []
    while True:
        # Turn anticlockwise, starting from the direction just outside the contour followed so far.
        first = heading + (7 if heading % 2 == 0 else 6)
        directions = ((first + turn) % 8 for turn in range(8))
        heading = next((d for d in directions if part[pixel[0] + _STEPS[d][0], pixel[1] + _STEPS[d][1]]), None)
        if heading is None:
            return ""
        # Back at the start and about to leave it in the direction of the first step.
        if pixel == (row, column) and chain and heading == chain[0]:
            return "".join(str(d + 1) for d in chain)
        chain.append(heading)
        pixel = pixel[0] + _STEPS[heading][0], pixel[1] + _STEPS[heading][1]


def _label(mask: NDArray[np.bool_], structure: NDArray[np.bool_] | None = None) -> tuple[NDArray[np.int32], int]:
    return cast("tuple[NDArray[np.int32], int]", ndimage.label(mask, structure))


def derived_measures(row: Mapping[str, Any]) -> dict[str, float]:
    """Measurements that the .csv export adds to those of the .lst, by export name.

    row: the output of measure_particle, with um_per_px under cal_const.
    """
    cal, filled, perimeter = row["cal_const"], row["raw_filled_area"], row["raw_perimeter"]
    length, thickness = geodesic(filled, perimeter)
    major, minor, hull = row["raw_legendre_major"], row["raw_legendre_minor"], row["raw_convex_hull_area"]
    return {
        "Aspect Ratio": minor / major if minor > 0 else row["width"] / row["length"],
        "Circularity": min(1.0, 4 * np.pi * filled / perimeter**2) if perimeter else 1.0,
        "Convexity": min(1.0, filled / hull) if hull else 0.0,
        "Fiber Curl": max(0.0, length * cal / row["length"] - 1),
        "Fiber Straightness": row["length"] / (length * cal) if length else 1.0,
        "Geodesic Aspect Ratio": thickness / length if length else 1.0,
        "Geodesic Length": length * cal,
        "Geodesic Thickness": thickness * cal,
        "Transparency": 1 - row["abd_diameter"] / row["esd_diameter"],
        "Volume (ABD)": np.pi / 6 * row["abd_diameter"] ** 3,
        "Volume (ESD)": np.pi / 6 * row["esd_diameter"] ** 3,
    }
