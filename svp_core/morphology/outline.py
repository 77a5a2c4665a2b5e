"""Where in a picture the particle is."""

from functools import lru_cache

import cv2
import numpy as np

from svp_core.images import background_level, to_grey

SMOOTHING_PX = 0.7  # s.d. of the Gaussian against camera noise; moves a sharp outline by less than half a pixel
MIN_CONTRAST = 7.0  # grey levels of 255; below this a pixel is never taken for particle
MAX_CONTRAST = 25.0  # a border rougher than this is not noise but a particle that reaches over it
NOISE_FACTOR = 3.5  # a particle pixel differs from the background by more than so many s.d. of the border
OUTLINE_LEVEL = 0.4  # of the particle's own contrast, at which its outline is drawn; see the tests for what it gives
MIN_AREA_PX = 9  # smaller specks are noise

_EIGHT = np.ones((3, 3), np.uint8)


def segment(pixels):
    """The particle as a bool mask (H, W) without holes; all False where nothing stands out.

    pixels: uint8 (H, W) or (H, W, 3). A pixel of the slightly smoothed image belongs when it differs from the
    background, darker or lighter, by more than 3.5 s.d. of the outermost two pixels, at least 7 and at most 25 grey
    levels. Parts up to two pixels apart are joined, holes closed; of several parts the one with the largest area x
    closeness is kept, closeness falling from 1 at the centre of the image to 0 in its corners. Of a strong particle the
    outline is drawn at 0.4 of its own contrast (90th percentile), so that its blurred flank does not count. Assumes
    that less than half of the image's border is covered by the particle.
    """
    grey = cv2.GaussianBlur(to_grey(pixels).astype(np.float32), (5, 5), SMOOTHING_PX, borderType=cv2.BORDER_REFLECT)
    difference = np.abs(grey - np.float32(background_level(pixels)))
    threshold = min(max(NOISE_FACTOR * _border_noise(difference), MIN_CONTRAST), MAX_CONTRAST)
    particle = _largest_near_the_centre(*_whole(difference > threshold))
    if particle is None:
        return np.zeros(grey.shape, bool)
    # The threshold finds a strong particle's blur too; its outline lies further up the flank.
    outline = OUTLINE_LEVEL * _strength(difference[particle])
    return particle if outline <= threshold else _whole(particle & (difference > outline))[0].astype(bool)


def find_outlines(mask):
    """Outer outlines of a mask, bool or uint8 (H, W): list of pixel positions int (n, 1, 2) as x, y, one step apart."""
    return cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]


def fill_outlines(found, shape):
    """uint8 (H, W), 1 within these outlines: a hole is background that is not 4-connected to the outside."""
    return cv2.drawContours(np.zeros(shape, np.uint8), found, -1, 1, cv2.FILLED)


def _whole(mask):
    """(the mask with parts up to two pixels apart joined and holes closed, uint8 (H, W); how many parts there are)."""
    # Padded, as closing would otherwise eat what touches the border.
    padded = cv2.copyMakeBorder(mask.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    wider = cv2.dilate(padded, _EIGHT)
    joined = cv2.erode(wider, _EIGHT, borderType=cv2.BORDER_CONSTANT, borderValue=0)[1:-1, 1:-1]
    found = find_outlines(joined)
    return fill_outlines(found, joined.shape), len(found)


def _largest_near_the_centre(parts, count):
    if count < 2:  # most pictures; telling parts apart costs as much as finding them
        return parts.astype(bool) if np.count_nonzero(parts) >= MIN_AREA_PX else None
    count, labels, stats, _ = cv2.connectedComponentsWithStats(parts, connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA]
    far, nearest, found = _distances(parts.shape), np.full(count, np.inf), parts > 0
    np.minimum.at(nearest, labels[found], far[found])
    scores = areas * (1 - nearest / (far.max() + 1))
    best = 1 + int(scores[1:].argmax())
    return None if areas[best] < MIN_AREA_PX else labels == best


def _strength(differences):
    """Their 90th percentile, as np.percentile, which takes ten times as long."""
    differences.sort()
    place = 0.9 * (len(differences) - 1)
    below, above = differences[int(place)], differences[min(int(place) + 1, len(differences) - 1)]
    return below + (place - int(place)) * (above - below)


@lru_cache(maxsize=64)
def _distances(shape):
    """Distance of every pixel from the centre of an image."""
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return np.hypot(rows - (shape[0] - 1) / 2, columns - (shape[1] - 1) / 2)


def _border_noise(difference):
    """Standard deviation of the outermost two pixels, from the 80 % nearest to the background.

    So it holds with a particle on a fifth of the border; unlike a median it holds in pictures of few grey levels too.
    """
    d = difference
    border = np.concatenate([d[:2].ravel(), d[-2:].ravel(), d[2:-2, :2].ravel(), d[2:-2, -2:].ravel()])
    border.sort()
    nearest = border[: max(1, int(0.8 * len(border)))]
    return float(np.sqrt(np.mean(nearest * nearest))) / 0.6616  # s.d. of a normal distribution cut at its middle 80 %
