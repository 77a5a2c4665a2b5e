"""Imaging conditions of a run, measured on the empty liquid around its particles.

Levels are fractions of full scale, as in optics.camera.Camera: a simulated particle can be exposed with them. Nothing
here depends on the kinds of particles: only pixels well outside every outline are used.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from svp_core.images import TILE_PX, to_grey
from svp_core.morphology import segment

PIXEL_SIZES_UM = {"20x": 0.28, "10x": 0.55, "4x": 1.25}  # magnification -> approximate pixel size
MIN_CROPS = 10  # with fewer, the median says little about the instrument
MIN_PIXELS = 80  # of empty liquid in a crop
MAX_CROPS = 4096  # of one run; more would not change the median

_MARGIN_PX = 4  # kept free around the outline, whose blurred flank and first ring are not empty liquid
# Second difference along both axes, scaled to leave the s.d. of white noise as it is: slopes and the wide rings of an
# unfocused particle vanish in it (Immerkaer 1996, Computer Vision and Image Understanding 64, eq. 5).
_HIGH_PASS = np.outer((1, -2, 1), (1, -2, 1)).astype(np.float32) / 6
_ROUNDING = 1 / 12  # variance of rounding to whole grey levels
_NOISE_STEPS = 20  # of rounded noise per factor e
_PADDED_SHARE = 0.2  # of constant 3 x 3 windows, above which they are taken as padding

Liquid = tuple[float, float, float, float]  # around one particle, see measure_liquid


@dataclass(frozen=True)
class ImagingConditions:
    """Scale and background of one run's images."""

    um_per_px: float
    magnification: str  # the nearest of PIXEL_SIZES_UM
    background: float  # level of the empty liquid, fraction of full scale
    gradient_x: float  # relative change of the background from the centre of a tile to its edge
    gradient_y: float
    noise: float  # standard deviation at the background, fraction of full scale
    n_crops: int  # that it was measured on

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready form, as in summary.json and instrument profiles."""
        return asdict(self)

    def rounded(self) -> "ImagingConditions":
        """The same in steps too small to matter: alike for most runs of one instrument."""
        steps = round(_NOISE_STEPS * math.log(max(self.noise, 1e-4)))
        return replace(
            self,
            background=round(self.background, 2),
            gradient_x=round(self.gradient_x, 2),
            gradient_y=round(self.gradient_y, 2),
            noise=math.exp(steps / _NOISE_STEPS),
            n_crops=0,
        )


def conditions_from_dict(stored: Any) -> ImagingConditions | None:
    """Conditions from their stored form; None where there are none, or they are damaged."""
    try:
        numbers = {name: float(stored[name]) for name in ("um_per_px", "background", "gradient_x", "gradient_y")}
        conditions = ImagingConditions(
            **numbers,
            magnification=nearest_magnification(numbers["um_per_px"]),
            noise=float(stored["noise"]),
            n_crops=int(stored["n_crops"]),
        )
    except (TypeError, KeyError, ValueError):
        return None
    return conditions if all(map(math.isfinite, (*numbers.values(), conditions.noise))) else None


def nearest_magnification(um_per_px: float) -> str:
    """The magnification of PIXEL_SIZES_UM whose pixel size is nearest by ratio. Raises ValueError if not positive."""
    return min(PIXEL_SIZES_UM, key=lambda name: abs(math.log(um_per_px / PIXEL_SIZES_UM[name])))


def magnification_of(um_per_px: float | None) -> str | None:
    """nearest_magnification(); None where the pixel size is not known."""
    return nearest_magnification(um_per_px) if um_per_px else None


def measure_conditions(
    crops: Sequence[NDArray[np.uint8]],
    *,
    um_per_px: float,
    masks: Iterable[NDArray[np.bool_] | None] | None = None,
) -> ImagingConditions | None:
    """Conditions of a run from crops of its particles, uint8 (H, W) or (H, W, 3); None where too few show liquid.

    masks: the instrument's outlines, bool (H, W); without one, segment() finds the particle.
    """
    found = [measure_liquid(crop, mask) for crop, mask in zip(crops, masks or [None] * len(crops), strict=True)]
    return pool_liquid([liquid for liquid in found if liquid is not None], um_per_px=um_per_px)


class LiquidSample:
    """Liquid around the particles of a source, collected batch by batch."""

    def __init__(self) -> None:
        self._measured: dict[float, list[Liquid]] = {}  # by pixel size
        self._count = 0

    def add(self, measured: Iterable[tuple[float | None, Liquid]]) -> None:
        """Add (um per px, measure_liquid) of some particles; those of unknown pixel size are left out."""
        for um_per_px, liquid in measured:
            if um_per_px and self._count < MAX_CROPS:
                self._measured.setdefault(um_per_px, []).append(liquid)
                self._count += 1

    def conditions(self) -> ImagingConditions | None:
        """Conditions at the most frequent pixel size; None without one, and where too few crops show liquid."""
        if not self._measured:
            return None
        um_per_px = max(self._measured, key=lambda size: len(self._measured[size]))
        return pool_liquid(self._measured[um_per_px], um_per_px=um_per_px)


def pool_liquid(measured: Sequence[Liquid], *, um_per_px: float) -> ImagingConditions | None:
    """Conditions of a run from measure_liquid of its crops: medians; None where there are fewer than MIN_CROPS."""
    if len(measured) < MIN_CROPS:
        return None
    level, slope_x, slope_y, variance = np.median(np.asarray(measured, float), axis=0).tolist()
    if level <= 0:
        return None
    edge = (TILE_PX - 1) / 2 / level
    return ImagingConditions(
        um_per_px=float(um_per_px),
        magnification=nearest_magnification(um_per_px),
        background=level / 255,
        gradient_x=slope_x * edge,
        gradient_y=slope_y * edge,
        noise=math.sqrt(max(variance - _ROUNDING, 0.0)) / 255,
        n_crops=len(measured),
    )


def measure_liquid(pixels: NDArray[np.uint8], mask: NDArray[np.bool_] | None = None) -> Liquid | None:
    """(level, its slope along x and y per px, noise variance) around one particle, in grey levels of 0 to 255.

    None where the crop shows too little liquid. mask: bool (H, W), the particle's outline, by default segment()'s.
    """
    grey = to_grey(pixels).astype(np.float32)
    if min(grey.shape) < 3:
        return None
    particle = (segment(pixels) if mask is None else mask).astype(np.uint8)
    wide = cv2.dilate(particle, np.ones((2 * _MARGIN_PX + 1,) * 2, np.uint8))
    empty = wide == 0
    count = int(empty.sum())
    if count < MIN_PIXELS:
        return None
    try:
        level, slope_x, slope_y = _plane(grey, empty)
    except np.linalg.LinAlgError:
        return None
    variance = _noise_variance(grey, cv2.dilate(wide, np.ones((3, 3), np.uint8)) == 0)
    return None if variance is None else (level, slope_x, slope_y, variance)


def _plane(grey: NDArray[np.float32], empty: NDArray[np.bool_]) -> tuple[float, float, float]:
    """(level at the centre, slope along x and y per px) of the plane through these pixels (H, W), by least squares.

    Raises LinAlgError where they lie on one line.
    """
    v, u = (np.arange(length) - (length - 1) / 2 for length in grey.shape)
    weights, levels = empty.astype(float), np.where(empty, grey, 0).astype(float)
    in_columns, in_rows = weights.sum(0), weights.sum(1)
    by_u, by_v = in_columns @ u, in_rows @ v
    products = [
        [in_columns.sum(), by_u, by_v],
        [by_u, in_columns @ u**2, v @ weights @ u],
        [by_v, v @ weights @ u, in_rows @ v**2],
    ]
    level, slope_x, slope_y = np.linalg.solve(products, [levels.sum(), levels.sum(0) @ u, v @ levels.sum(1)])
    return float(level), float(slope_x), float(slope_y)


def _noise_variance(grey: NDArray[np.float32], empty: NDArray[np.bool_]) -> float | None:
    """Variance of the noise in these pixels (H, W), grey levels squared; None where they are too few."""
    inside = empty[1:-1, 1:-1]
    squares = cv2.filter2D(grey, -1, _HIGH_PASS)[1:-1, 1:-1][inside] ** 2
    if len(squares) < MIN_PIXELS:
        return None
    # A crop that was padded with one level has no noise there.
    window = np.ones((3, 3), np.uint8)
    constant = (cv2.dilate(grey, window) == cv2.erode(grey, window))[1:-1, 1:-1][inside]
    if constant.mean() > _PADDED_SHARE:
        squares = squares[~constant]
    return float(squares.mean()) if len(squares) >= MIN_PIXELS else None
