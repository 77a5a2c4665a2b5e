"""Size and shape of one particle, from its own pixels.

Definitions follow FlowCam's where they could be checked on real runs, so that our figures can be laid beside an
instrument's, with one difference: **no fringe correction**. FlowCam shortens lengths by its fringe size (4.5 px), we
report what the mask says; a small particle is therefore larger here than in FlowCam's own list. FlowCam's own figures
stand beside ours as the instrument's columns. Where the two are to be compared, flowcam_measures.without_fringe takes
the fringe off: diameters (ABD), aspect ratio and circularity are then the same, caliper widths within a pixel, as
FlowCam rounds them in its camera frame; flowcam_measures.measure_particle rounds so too and gives FlowCam's figures.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from svp_core.images import background_level, to_grey
from svp_core.morphology.outline import fill_outlines, find_outlines, segment

FERET_DEGREES = np.arange(0, 180, 5)  # 36 directions, as FlowCam
_DIRECTIONS = np.stack([np.cos(np.deg2rad(FERET_DEGREES)), np.sin(np.deg2rad(FERET_DEGREES))])  # (2, 36): x, y


@dataclass(frozen=True)
class Measure:
    """One figure of a particle."""

    title: str  # on screens and in reports
    unit: str  # "" for a ratio
    definition: str  # one line


def _lengths(name, words, definition):
    """The same length in um and in px."""
    return {f"{name}_{ending}": Measure(words, unit, definition) for ending, unit in (("um", "µm"), ("px", "px"))}


# Every figure of measure(), in the order of tables.
MEASURES = {
    **_lengths("ecd", "ECD", "Diameter of the circle of the same area; holes are not counted. FlowCam: ABD diameter"),
    **_lengths("esd", "ESD", "Mean caliper width over 36 directions. FlowCam rounds each to a whole pixel"),
    "area_um2": Measure("Area", "µm²", "Pixels of the mask, holes not counted"),
    "area_px": Measure("Area", "px", "Pixels of the mask, holes not counted"),
    **_lengths("perimeter", "Perimeter", "Outer outlines through pixel centres: 1 a straight, √2 a diagonal step"),
    **_lengths("feret_max", "Feret, largest", "Largest caliper width over 36 directions. FlowCam: Length"),
    **_lengths("feret_min", "Feret, smallest", "Smallest caliper width over 36 directions. FlowCam: Width"),
    "aspect_ratio": Measure("Aspect ratio", "", "Minor / major axis of the ellipse of equal moments, holes filled"),
    "circularity": Measure("Circularity", "", "4πA / P² with holes filled, at most 1, as FlowCam"),
    "circularity_mfi": Measure("Circularity (MFI)", "", "2√(πA) / P, at most 1; about the root of FlowCam's kind"),
    "convexity": Measure("Convexity", "", "Area with holes filled / area of the convex hull, at most 1"),
    "mean_level": Measure("Mean level", "grey", "Mean grey level within the mask, 0 to 255"),
    "level_sd": Measure("Level s.d.", "grey", "Standard deviation of the grey level within the mask"),
    "background_level": Measure("Background", "grey", "Grey level of the empty liquid: median of the crop's border"),
    "contrast": Measure("Contrast", "grey", "Mean level less background; below 0 is darker than the liquid"),
    "edge_gradient": Measure("Edge gradient", "grey/px", "Mean steepness of the grey level on the outline (Sobel)"),
    "touches_edge": Measure("Touches edge", "", "Whether the mask reaches the border of the crop: it may be cut off"),
}


_LENGTHS = tuple(name.removesuffix("_um") for name in MEASURES if name.endswith("_um"))


def measure(pixels, *, um_per_px=None, mask=None):
    """Size and shape of one particle: dict with the names of MEASURES; None where it cannot be measured.

    That is everything but background_level and touches_edge on an empty mask, and what is in um without a scale.
    pixels: uint8 (H, W) or (H, W, 3). um_per_px: None when the scale is unknown. mask: bool (H, W), the instrument's
    own segmentation, possibly with holes and in several parts; without it segment() is asked.

    Caliper widths are of pixel centres plus 1. circularity is near 0.9 for large discs, as the chain code is longer
    than a smooth outline, and 1 for very small ones. aspect_ratio is 0..1; of a line one pixel wide it is
    feret_min / feret_max.
    """
    mask = segment(pixels) if mask is None else mask
    if mask.shape != pixels.shape[:2]:
        raise ValueError(f"the mask is {mask.shape} but the image is {pixels.shape[:2]}")
    level, found = background_level(pixels), dict.fromkeys(MEASURES)
    if mask.any():
        found |= _figures(to_grey(pixels), mask, level)
        if um_per_px is not None:
            found |= {f"{name}_um": found[f"{name}_px"] * um_per_px for name in _LENGTHS}
            found["area_um2"] = found["area_px"] * um_per_px**2
    edge = mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any()
    return found | {"background_level": level, "touches_edge": bool(edge)}


def _figures(grey, mask, level):
    found = find_outlines(mask)
    solid = fill_outlines(found, mask.shape)
    around = np.concatenate(found)[:, 0]
    hull = cv2.convexHull(around)
    widths = np.ptp(hull[:, 0] @ _DIRECTIONS, axis=0) + 1
    area, solid_area = int(np.count_nonzero(mask)), int(np.count_nonzero(solid))
    perimeter, hull_area = sum(cv2.arcLength(outline, True) for outline in found), cv2.contourArea(hull)
    (mean_level, *_), (level_sd, *_) = (each[0] for each in cv2.meanStdDev(grey, mask=mask.astype(np.uint8)))
    return {
        "ecd_px": float(np.sqrt(4 * area / np.pi)),
        "esd_px": float(widths.mean()),
        "area_px": area,
        "perimeter_px": perimeter,
        "feret_max_px": float(widths.max()),
        "feret_min_px": float(widths.min()),
        "aspect_ratio": _aspect_ratio(cv2.moments(solid, True), of_line=float(widths.min() / widths.max())),
        "circularity": min(1.0, 4 * np.pi * solid_area / perimeter**2) if perimeter else 1.0,
        "circularity_mfi": min(1.0, 2 * float(np.sqrt(np.pi * area)) / perimeter) if perimeter else 1.0,
        "convexity": min(1.0, solid_area / hull_area) if hull_area else 1.0,
        "mean_level": float(mean_level),
        "level_sd": float(level_sd),
        "contrast": float(mean_level) - level,
        "edge_gradient": _steepness(grey, around),
    }


def _aspect_ratio(moments, *, of_line):
    """Root of the ratio of the eigenvalues of the covariance of the pixels' positions."""
    x, y, both = (moments[name] / moments["m00"] for name in ("mu20", "mu02", "mu11"))
    middle, apart = (x + y) / 2, float(np.hypot((x - y) / 2, both))
    return float(np.sqrt((middle - apart) / (middle + apart))) if middle - apart > 1e-9 else of_line


def _steepness(grey, around):
    """Mean of the gradient's length at these positions (n, 2) as x, y; grey levels a pixel."""
    slopes = [cv2.Sobel(grey, cv2.CV_32F, *order, scale=1 / 8) for order in ((1, 0), (0, 1))]
    return float(np.hypot(*(slope[around[:, 1], around[:, 0]] for slope in slopes)).mean())
