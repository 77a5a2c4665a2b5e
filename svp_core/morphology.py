"""Size and shape of one particle, from its own pixels.

Definitions follow FlowCam's where they could be checked on real runs, so that our figures can be laid beside an
instrument's, with one difference: **no fringe correction**. FlowCam shortens lengths by its fringe size (4.5 px), we
report what the mask says; a small particle is therefore larger here than in FlowCam's own list.
"""

import numpy as np
from scipy import ndimage

from svp_core.images import background_level, to_grey

SMOOTHING_PX = 0.7  # s.d. of the Gaussian against camera noise; moves a sharp outline by less than half a pixel
MIN_CONTRAST = 7.0  # grey levels of 255; below this a pixel is never taken for particle
MAX_CONTRAST = 25.0  # a border rougher than this is not noise but a particle that reaches over it
NOISE_FACTOR = 3.5  # a particle pixel differs from the background by more than so many s.d. of the border
OUTLINE_SHARE = 1 / 3  # of the particle's own contrast, at which its outline is drawn
MIN_AREA_PX = 9  # smaller specks are noise
FERET_DEGREES = np.arange(0, 180, 5)  # 36 directions, as FlowCam

_EIGHT = np.ones((3, 3), bool)
_DIRECTIONS = np.stack([np.sin(np.deg2rad(FERET_DEGREES)), np.cos(np.deg2rad(FERET_DEGREES))])  # (2, 36): row, column
_MEASURED = (
    "ecd_um", "ecd_px", "area_px", "perimeter_px", "aspect_ratio", "circularity", "feret_max_px", "feret_min_px",
    "mean_level", "contrast",
)  # fmt: skip


def segment(pixels):
    """The particle as a bool mask (H, W) without holes; all False where nothing stands out.

    pixels: uint8 (H, W) or (H, W, 3). A pixel of the slightly smoothed image belongs when it differs from the
    background, darker or lighter, by more than 3.5 s.d. of the outermost two pixels, at least 7 and at most 25 grey
    levels. Parts up to two pixels apart are joined, holes closed; of several
    parts the one with the largest area x closeness is kept, closeness falling from 1 at the centre of the image to 0 in
    its corners. Of a strong particle the outline is drawn at a third of its own contrast (90th percentile), so that its
    blurred flank does not count. Assumes that less than half of the image's border is covered by the particle.
    """
    grey = ndimage.gaussian_filter(to_grey(pixels).astype(np.float32), SMOOTHING_PX, truncate=2.5)
    difference = np.abs(grey - background_level(pixels))
    threshold = np.clip(NOISE_FACTOR * _border_noise(difference), MIN_CONTRAST, MAX_CONTRAST)
    labels, count = ndimage.label(_close_holes(_join(difference > threshold)), _EIGHT)
    if count == 0:
        return np.zeros(grey.shape, bool)
    areas = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    height, width = grey.shape
    rows, columns = np.ogrid[:height, :width]
    far = np.hypot(rows - (height - 1) / 2, columns - (width - 1) / 2)
    nearest = ndimage.minimum(far, labels, np.arange(1, count + 1))
    scores = areas * (1 - nearest / (far.max() + 1))
    best = scores.argmax()
    particle = labels == best + 1
    if areas[best] < MIN_AREA_PX:
        return np.zeros(grey.shape, bool)
    # The threshold finds a strong particle's blur too; its outline lies further up the flank.
    outline = OUTLINE_SHARE * np.percentile(difference[particle], 90)
    return particle if outline <= threshold else _close_holes(_join(particle & (difference > outline)))


def measure(pixels, *, um_per_px=None, mask=None):
    """Size and shape of one particle, as a dict; None where not measurable, that is, everywhere on an empty mask.

    pixels: uint8 (H, W) or (H, W, 3). um_per_px: None when the scale is unknown. mask: bool (H, W), the instrument's
    own segmentation, possibly with holes and in several parts; without it segment() is asked.

    area_px       A: pixels of the mask, holes not counted
    ecd_px        diameter of the circle of that area, sqrt(4 A / pi); ecd_um the same in um, None without a scale
    perimeter_px  P: length of the outer outlines through the centres of the outermost pixels, 1 per straight and
                  sqrt(2) per diagonal step (chain code)
    circularity   min(1, 4 pi A_f / P^2), A_f with holes filled; near 0.9 for large discs, as the chain code is longer
                  than a smooth outline; 1 for very small ones. MFI reports the square root of this kind of figure
    aspect_ratio  minor / major axis, 0..1: square root of the ratio of the eigenvalues of the covariance of the filled
                  mask's pixel coordinates; feret_min / feret_max for a line one pixel wide
    feret_max_px, feret_min_px   largest and smallest caliper width over 36 directions, one every 5 degrees, of pixel
                  centres plus 1
    mean_level, background_level   mean grey value of the mask; of the empty liquid. 0..255
    contrast      mean_level - background_level: below 0 is darker than the liquid
    touches_edge  True when the mask reaches the border of the image, so that the particle may be cut off
    """
    mask = segment(pixels) if mask is None else mask
    if mask.shape != pixels.shape[:2]:
        raise ValueError(f"the mask is {mask.shape} but the image is {pixels.shape[:2]}")
    level = background_level(pixels)
    found = dict.fromkeys(_MEASURED)
    area = int(np.count_nonzero(mask))
    if area:
        filled = _close_holes(mask)
        points = np.argwhere(filled)
        mean_level = float(to_grey(pixels)[mask].mean())
        perimeter = _outline_length(filled)
        feret_max, feret_min = _feret(points)
        ecd = float(np.sqrt(4 * area / np.pi))
        found = {
            "ecd_um": None if um_per_px is None else ecd * um_per_px,
            "ecd_px": ecd,
            "area_px": area,
            "perimeter_px": perimeter,
            "aspect_ratio": _aspect_ratio(points, feret_min / feret_max),
            "circularity": min(1.0, 4 * np.pi * len(points) / perimeter**2) if perimeter else 1.0,
            "feret_max_px": feret_max,
            "feret_min_px": feret_min,
            "mean_level": mean_level,
            "contrast": mean_level - level,
        }
    edge = mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any()
    return {**found, "background_level": level, "touches_edge": bool(edge)}


def _border_noise(difference):
    """Standard deviation of the outermost two pixels, from the 80 % nearest to the background.

    So it holds with a particle on a fifth of the border; unlike a median it holds in pictures of few grey levels too.
    """
    d = difference
    border = np.sort(np.concatenate([d[:2].ravel(), d[-2:].ravel(), d[2:-2, :2].ravel(), d[2:-2, -2:].ravel()]))
    nearest = border[: max(1, int(0.8 * len(border)))]
    return float(np.sqrt(np.mean(nearest**2))) / 0.6616  # s.d. of a normal distribution cut at its middle 80 %


def _join(mask):
    # Padded, as closing would otherwise eat what touches the border.
    padded = np.pad(mask, 1)
    return ndimage.binary_erosion(ndimage.binary_dilation(padded, _EIGHT), _EIGHT)[1:-1, 1:-1]


def _close_holes(mask):
    """A hole is background that is not 4-connected to the outside."""
    outside, _ = ndimage.label(np.pad(~mask, 1, constant_values=True))
    return outside[1:-1, 1:-1] != outside[0, 0]


def _outline_length(filled):
    """Chain-code length of all outlines of a mask without holes, counted from its 2 x 2 neighbourhoods."""
    m = np.pad(filled, 1).astype(np.uint8)
    a, b, c, d = m[:-1, :-1], m[:-1, 1:], m[1:, :-1], m[1:, 1:]
    size = a + b + c + d
    diagonal_pair = (size == 2) & (a == d)  # the outline passes there and back
    straight = np.count_nonzero(size == 2) - np.count_nonzero(diagonal_pair)
    return float(straight + np.sqrt(2) * (np.count_nonzero(size == 3) + 2 * np.count_nonzero(diagonal_pair)))


def _feret(points):
    along = points @ _DIRECTIONS
    widths = np.ptp(along, axis=0) + 1
    return float(widths.max()), float(widths.min())


def _aspect_ratio(points, of_line):
    spread = np.cov(points.T, bias=True) if len(points) > 1 else np.zeros((2, 2))
    minor, major = np.linalg.eigvalsh(spread)
    return float(np.sqrt(minor / major)) if minor > 1e-9 else float(of_line)
