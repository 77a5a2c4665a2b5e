"""Segment the particle in an image."""

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from svp_core.images import background_level, to_grey

SMOOTHING_PX = 0.7  # s.d. of the Gaussian filter against camera noise; shifts a sharp outline by less than half a pixel
MIN_CONTRAST = 7.0  # grey levels of 255; a pixel below this never belongs to the particle
MAX_CONTRAST = 25.0  # a border rougher than this is not noise but a particle that extends over it
NOISE_FACTOR = 3.5  # a particle pixel differs from the background by more than this many s.d. of the border
OUTLINE_LEVEL = 0.4  # fraction of the particle's own contrast at which its outline is drawn
MIN_AREA_PX = 9  # smaller specks are noise
FAINT_CONTRAST = 3.0  # grey levels: where nothing else is found, in images with little noise
FAINT_NOISE_FACTOR = 5.0
BODY_REACH_PX = 2.5  # around the strongest parts their own blur lies; what is further out may be a body
BODY_SHARE = 0.2  # of the particle, that a body takes at least
BODY_CONTRAST = 2.0  # of a body, in thresholds; the fringes of simulated particles stay below 1.9
BODY_SIGN = 0.9  # share of a body that is darker, or brighter, than the background as its strongest parts are
BODY_RIM_PX = (2.0, 4.5)  # depth below the edge, at which a body has reached its own contrast
BODY_RIM_CONTRAST = (0.6, 1.4)  # of its contrast further in; that of an unfocused particle's flank is lower
BODY_SPREAD = 0.7  # distance between the quartiles of a body's contrast, in medians
SIGNIFICANCE_SMOOTHING_PX = (1.5, 3.0)
MIN_SIGNIFICANCE = 9.0  # in s.d.: the largest of 4,000 crops of noise was 7.8, the smallest of 7,000 particles 15
MIN_NOISE = 0.3  # grey levels: rounding alone, in an image without noise

_SECOND_DIFFERENCES = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
_EIGHT_CONNECTED = np.ones((3, 3), np.uint8)


def segment(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Mask of the particle, bool (H, W), without holes; all False if nothing differs from the background.

    pixels: uint8 (H, W) or (H, W, 3). A pixel of the slightly smoothed image belongs to the particle if it differs from
    the background, darker or brighter, by more than 3.5 s.d. of the outermost two pixels, at least 7 and at most 25
    grey levels. Parts up to two pixels apart are joined and holes closed; of several parts the one with the largest
    area x closeness is kept, where closeness falls from 1 at the centre of the image to 0 in its corners. The outline
    of a high-contrast particle is drawn at 0.4 of its own contrast (90th percentile), so that its blurred flank is
    excluded; a translucent body around darker parts has a contrast and an outline of its own. Assumes that the
    particle covers less than half of the image's border. Where nothing is found, light that is brighter on one side is
    evened out first: it hides a faint particle; then fainter particles are searched for, by the noise alone.
    """
    grey = cv2.GaussianBlur(to_grey(pixels).astype(np.float32), (5, 5), SMOOTHING_PX, borderType=cv2.BORDER_REFLECT)
    mask = _segment(grey - np.float32(background_level(pixels)))
    if mask.any():
        return mask
    evened = grey - _plane_of_border(grey)
    mask = _segment(evened)
    return mask if mask.any() else _segment(evened, factor=FAINT_NOISE_FACTOR, lowest=FAINT_CONTRAST)


def stands_out(pixels: NDArray[np.uint8], mask: NDArray[np.bool_]) -> bool:
    """Whether a mask of segment() holds more than the image's own noise: such noise, too, has rough spots.

    Smoothed over a few pixels, noise is averaged out and a particle is not. Somewhere in the image the smoothed levels
    must differ from the background by MIN_SIGNIFICANCE of their s.d. as it were for independent noise of each pixel,
    whose strength is estimated from second differences (Immerkaer 1996).
    """
    if not mask.any():
        return False
    grey = to_grey(pixels).astype(np.float32)
    curved = cv2.filter2D(grey, -1, _SECOND_DIFFERENCES)[1:-1, 1:-1]
    noise = cv2.norm(curved, cv2.NORM_L1) / max(1, curved.size) * np.sqrt(np.pi / 2) / 6
    grey -= np.float32(background_level(pixels))
    for smoothing in SIGNIFICANCE_SMOOTHING_PX:
        smoothed = cv2.GaussianBlur(grey, (0, 0), smoothing, borderType=cv2.BORDER_REFLECT)
        left = max(float(noise), MIN_NOISE) / (2 * np.sqrt(np.pi) * smoothing)
        if cv2.norm(smoothed, cv2.NORM_INF) >= MIN_SIGNIFICANCE * left:
            return True
    return False


def _segment(
    signed: NDArray[np.float32], *, factor: float = NOISE_FACTOR, lowest: float = MIN_CONTRAST
) -> NDArray[np.bool_]:
    """Mask of the particle from the difference of each pixel from the background (H, W)."""
    difference = np.abs(signed)
    threshold = min(max(factor * _border_noise(difference), lowest), MAX_CONTRAST)
    particle = _select_part(*_join_parts(difference > threshold))
    if particle is None:
        return np.zeros(difference.shape, bool)
    # The threshold includes the blur of a high-contrast particle; its outline is further up the flank.
    level = OUTLINE_LEVEL * _percentile_90(difference[particle])
    if level <= threshold:
        return particle
    outline = _join_parts(particle & (difference > level))[0].astype(bool)
    body = _body_beside(outline, particle, signed)
    if body is None or np.median(difference[body]) < BODY_CONTRAST * threshold:
        return outline
    # The largest part only: noise near the threshold may hang on a body.
    level = max(threshold, OUTLINE_LEVEL * _percentile_90(difference[body]))
    whole = _select_part(*_join_parts(particle & (difference > level)))
    return outline if whole is None else whole


def _body_beside(
    outline: NDArray[np.bool_], particle: NDArray[np.bool_], signed: NDArray[np.float32]
) -> NDArray[np.bool_] | None:
    """Pixels (H, W) of a translucent body whose darkest or brightest parts the outline holds; None without one.

    outline: at the level of the strongest parts. particle: all that differs from the background. A body is large, of
    the sign of these parts and, unlike blur and fringes, of nearly the same contrast beside its own edge as further in.
    """
    least = BODY_SHARE * np.count_nonzero(particle)
    if np.count_nonzero(particle) - np.count_nonzero(outline) < least:
        return None  # most particles: no distances are needed
    rest = particle & (_distance_to(outline) > BODY_REACH_PX)
    count = np.count_nonzero(rest)
    if count < least or np.mean((signed[rest] < 0) == (np.median(signed[outline]) < 0)) < BODY_SIGN:
        return None
    lower, middle, upper = np.percentile(np.abs(signed[rest]), (25, 50, 75))
    depth = _distance_to(~particle)
    rim = np.abs(signed[rest & (depth > BODY_RIM_PX[0]) & (depth <= BODY_RIM_PX[1])])
    inner = np.abs(signed[rest & (depth > BODY_RIM_PX[1])])
    if upper - lower > BODY_SPREAD * middle or min(len(rim), len(inner)) < MIN_AREA_PX:
        return None
    return rest if BODY_RIM_CONTRAST[0] <= np.median(rim) / np.median(inner) <= BODY_RIM_CONTRAST[1] else None


def _distance_to(mask: NDArray[np.bool_]) -> MatLike:
    """Distance of every pixel (H, W) from the nearest pixel of the mask; beyond the image nothing is."""
    return cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)


def _plane_of_border(grey: NDArray[np.float32] | MatLike) -> NDArray[np.float32]:
    """Light of the empty liquid (H, W): the plane fitted to the outermost two pixels by least squares."""
    rows, columns = (axis.astype(np.float32) for axis in np.mgrid[: grey.shape[0], : grey.shape[1]])
    border = np.ones(grey.shape, bool)
    border[2:-2, 2:-2] = False
    terms = np.stack([np.ones_like(rows), rows, columns])
    plane, *_ = np.linalg.lstsq(terms[:, border].T, grey[border], rcond=None)
    return np.tensordot(plane, terms, 1).astype(np.float32)


def find_outlines(mask: NDArray[np.bool_] | MatLike) -> Sequence[MatLike]:
    """Outer outlines of a mask (H, W): one array (n, 1, 2) of pixel positions x, y, one step apart, per part."""
    return cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]


def fill_outlines(outlines: Sequence[MatLike], shape: tuple[int, ...]) -> MatLike:
    """Mask, uint8 (H, W), 1 within these outlines: a hole is background that is not 4-connected to the outside."""
    return cv2.drawContours(np.zeros(shape, np.uint8), outlines, -1, 1, cv2.FILLED)


def _join_parts(mask: NDArray[np.bool_]) -> tuple[MatLike, int]:
    """(mask with parts up to two pixels apart joined and holes closed, uint8 (H, W); number of parts)."""
    # Padded, since closing would otherwise erode parts that touch the border.
    padded = cv2.copyMakeBorder(mask.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    wider = cv2.dilate(padded, _EIGHT_CONNECTED)
    joined = cv2.erode(wider, _EIGHT_CONNECTED, borderType=cv2.BORDER_CONSTANT, borderValue=0)[1:-1, 1:-1]
    outlines = find_outlines(joined)
    return fill_outlines(outlines, mask.shape), len(outlines)


def _select_part(parts: MatLike, count: int) -> NDArray[np.bool_] | None:
    """Mask of the part with the largest area x closeness to the centre, or None if it is too small."""
    if count < 2:  # most images; labelling the parts costs as much as finding them
        return parts.astype(bool) if np.count_nonzero(parts) >= MIN_AREA_PX else None
    count, labels, stats, _ = cv2.connectedComponentsWithStats(parts, connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA]
    distance, nearest, inside = _distance_from_centre(parts.shape), np.full(count, np.inf), parts > 0
    np.minimum.at(nearest, labels[inside].astype(np.int32, copy=False), distance[inside])
    scores = areas * (1 - nearest / (distance.max() + 1))
    best = 1 + int(scores[1:].argmax())
    return None if areas[best] < MIN_AREA_PX else labels == best


def _percentile_90(values: NDArray[np.float32]) -> float:
    """90th percentile of values, which are sorted in place: equal to np.percentile but ten times as fast."""
    values.sort()
    position = 0.9 * (len(values) - 1)
    below, above = values[int(position)], values[min(int(position) + 1, len(values) - 1)]
    return below + (position - int(position)) * (above - below)


@lru_cache(maxsize=64)
def _distance_from_centre(shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Distance of every pixel from the centre of an image (H, W)."""
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return np.hypot(rows - (shape[0] - 1) / 2, columns - (shape[1] - 1) / 2)


def _border_noise(difference: NDArray[np.float32]) -> float:
    """Standard deviation of the outermost two pixels, from the 80 % of them nearest to the background.

    It is therefore valid with a particle on a fifth of the border and, unlike a median, in images of few grey levels.
    """
    d = difference
    border = np.concatenate([d[:2].ravel(), d[-2:].ravel(), d[2:-2, :2].ravel(), d[2:-2, -2:].ravel()])
    border.sort()
    nearest = border[: max(1, int(0.8 * len(border)))]
    return float(np.sqrt(np.mean(nearest * nearest))) / 0.6616  # s.d. of a normal distribution cut at its middle 80 %
