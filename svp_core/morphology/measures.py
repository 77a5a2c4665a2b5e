"""Measure the size and shape of one particle from its own pixels.

Definitions follow FlowCam's where they could be checked on real runs, so that the values can be compared with an
instrument's, with one difference: **no fringe correction**. FlowCam shortens lengths by its fringe size (4.5 px); here
the mask is measured as it is, so a small particle is larger than in FlowCam's own list. FlowCam's own values are kept
beside these as the instrument's columns. To compare the two, flowcam.measures.subtract_fringe subtracts the fringe:
diameters (ABD), aspect ratio and circularity are then the same, and caliper widths agree within a pixel, as FlowCam
rounds them in its camera frame; flowcam.measures.measure_particle also rounds this way and reproduces FlowCam's values.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from svp_core.images import background_level, to_grey
from svp_core.morphology.outline import fill_outlines, find_outlines, segment

FERET_DEGREES = np.arange(0, 180, 5)  # 36 directions, as in FlowCam
_DIRECTIONS = np.stack([np.cos(np.deg2rad(FERET_DEGREES)), np.sin(np.deg2rad(FERET_DEGREES))])  # (2, 36): x, y


@dataclass(frozen=True)
class Measure:
    """One measurement of a particle."""

    title: str  # on screens and in reports
    unit: str  # "" for a ratio
    definition: str  # in one line


def _lengths(name: str, title: str, definition: str) -> dict[str, Measure]:
    """A length in um and in px."""
    return {f"{name}_{ending}": Measure(title, unit, definition) for ending, unit in (("um", "µm"), ("px", "px"))}


# All measurements of measure(), in the order of tables.
MEASURES = {
    **_lengths("ecd", "ECD", "Diameter of the circle of the same area, holes excluded. FlowCam: ABD diameter"),
    **_lengths("esd", "ESD", "Mean caliper width over 36 directions. FlowCam rounds each to a whole pixel"),
    "area_um2": Measure("Area", "µm²", "Pixels of the mask, holes excluded"),
    "area_px": Measure("Area", "px", "Pixels of the mask, holes excluded"),
    **_lengths("perimeter", "Perimeter", "Outer outlines through pixel centres: 1 per straight, √2 per diagonal step"),
    **_lengths("feret_max", "Feret, maximum", "Largest caliper width over 36 directions. FlowCam: Length"),
    **_lengths("feret_min", "Feret, minimum", "Smallest caliper width over 36 directions. FlowCam: Width"),
    "aspect_ratio": Measure("Aspect ratio", "", "Minor / major axis of the ellipse of equal moments, holes filled"),
    "circularity": Measure("Circularity", "", "4πA / P² with holes filled, at most 1, as in FlowCam"),
    "circularity_mfi": Measure("Circularity (MFI)", "", "2√(πA) / P, at most 1; about the square root of FlowCam's"),
    "convexity": Measure("Convexity", "", "Area with holes filled / area of the convex hull, at most 1"),
    "mean_level": Measure("Mean level", "grey", "Mean grey level within the mask, 0 to 255"),
    "level_sd": Measure("Level s.d.", "grey", "Standard deviation of the grey level within the mask"),
    "background_level": Measure("Background", "grey", "Grey level of the empty liquid: median of the crop's border"),
    "contrast": Measure("Contrast", "grey", "Mean level minus background; negative: darker than the liquid"),
    "edge_gradient": Measure("Edge gradient", "grey/px", "Mean gradient of the grey level on the outline (Sobel)"),
    "touches_edge": Measure("Touches edge", "", "Whether the mask touches the border of the crop: it may be cut off"),
}


_LENGTHS = tuple(name.removesuffix("_um") for name in MEASURES if name.endswith("_um"))


def measure(
    pixels: NDArray[np.uint8], *, um_per_px: float | None = None, mask: NDArray[np.bool_] | None = None
) -> dict[str, Any]:
    """Size and shape of one particle, by the names of MEASURES; None for values that cannot be measured.

    These are, on an empty mask, all except background_level and touches_edge; without a pixel size, those in um.
    pixels: uint8 (H, W) or (H, W, 3). um_per_px: None if the pixel size is unknown. mask: bool (H, W), the instrument's
    own segmentation, possibly with holes and in several parts; without it, segment() is used.

    Caliper widths are those of pixel centres plus 1. circularity is near 0.9 for large discs, as the chain code is
    longer than a smooth outline, and 1 for very small ones. aspect_ratio is 0..1; for a line one pixel wide it is
    feret_min / feret_max.
    """
    mask = segment(pixels) if mask is None else mask
    if mask.shape != pixels.shape[:2]:
        raise ValueError(f"The mask has shape {mask.shape} but the image has {pixels.shape[:2]}; they must be equal.")
    level = background_level(pixels)
    values: dict[str, Any] = dict.fromkeys(MEASURES)
    if mask.any():
        values |= _measure_mask(to_grey(pixels), mask, level)
        if um_per_px is not None:
            values |= {f"{name}_um": values[f"{name}_px"] * um_per_px for name in _LENGTHS}
            values["area_um2"] = values["area_px"] * um_per_px**2
    edge = mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any()
    return values | {"background_level": level, "touches_edge": bool(edge)}


def _measure_mask(grey: NDArray[np.uint8], mask: NDArray[np.bool_], level: float) -> dict[str, float]:
    outlines = find_outlines(mask)
    solid = fill_outlines(outlines, mask.shape)
    outline = np.concatenate(outlines)[:, 0].astype(np.int32, copy=False)
    hull = cv2.convexHull(outline)
    widths = np.ptp(hull[:, 0] @ _DIRECTIONS, axis=0) + 1
    area, solid_area = int(np.count_nonzero(mask)), int(np.count_nonzero(solid))
    perimeter, hull_area = sum(cv2.arcLength(part, True) for part in outlines), cv2.contourArea(hull)
    (mean_level, *_), (level_sd, *_) = (statistic[0] for statistic in cv2.meanStdDev(grey, mask=mask.astype(np.uint8)))
    return {
        "ecd_px": float(np.sqrt(4 * area / np.pi)),
        "esd_px": float(widths.mean()),
        "area_px": area,
        "perimeter_px": perimeter,
        "feret_max_px": float(widths.max()),
        "feret_min_px": float(widths.min()),
        "aspect_ratio": _aspect_ratio(cv2.moments(solid, True), line_ratio=float(widths.min() / widths.max())),
        "circularity": min(1.0, 4 * np.pi * solid_area / perimeter**2) if perimeter else 1.0,
        "circularity_mfi": min(1.0, 2 * float(np.sqrt(np.pi * area)) / perimeter) if perimeter else 1.0,
        "convexity": min(1.0, solid_area / hull_area) if hull_area else 1.0,
        "mean_level": float(mean_level),
        "level_sd": float(level_sd),
        "contrast": float(mean_level) - level,
        "edge_gradient": _mean_gradient(grey, outline),
    }


def _aspect_ratio(moments: Mapping[str, float], *, line_ratio: float) -> float:
    """Square root of the eigenvalue ratio of the covariance of the pixel positions; line_ratio if it is singular."""
    xx, yy, xy = (moments[name] / moments["m00"] for name in ("mu20", "mu02", "mu11"))
    mean, offset = (xx + yy) / 2, float(np.hypot((xx - yy) / 2, xy))
    return float(np.sqrt((mean - offset) / (mean + offset))) if mean - offset > 1e-9 else line_ratio


def _mean_gradient(grey: NDArray[np.uint8], outline: NDArray[np.int32]) -> float:
    """Mean gradient magnitude at these positions (n, 2) as x, y; grey levels per pixel."""
    slopes = [cv2.Sobel(grey, cv2.CV_32F, *order, scale=1 / 8) for order in ((1, 0), (0, 1))]
    return float(np.hypot(*(slope[outline[:, 1], outline[:, 0]] for slope in slopes)).mean())
