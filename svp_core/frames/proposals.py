"""Find particles in a frame: pixels that differ from the background by a share of it, joined by neighbour distance.

A threshold relative to the background draws the box that an instrument draws; one in standard deviations of the noise
also takes in the faint outer rings (see README, Frames). Boxes are int (N, 4): top, left, bottom, right in pixels, the
last two excluded.
"""

from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
import scipy
from numpy.typing import NDArray

from svp_core.errors import LabError

Boxes = NDArray[np.int32]  # (N, 4)

THRESHOLD = 0.04  # |difference| / background
NEIGHBOUR_UM = 5.0  # parts at most this far apart are one particle, as FlowCam joins them
NEIGHBOUR_PX = 9  # the same where the pixel size is unknown: 5 µm at 0.55 µm per pixel
MIN_AREA_PX = 12
MAX_PARTICLES = 2_000  # in one frame; more means that the background does not fit
NOISE_SD = 4.5  # the threshold is at least so many standard deviations of the smoothed noise
SMOOTHING_PX = 0.5
_MAD_TO_SD = 1.4826  # of normally distributed noise
_SAMPLE_STEP = 4  # median and noise are those of every fourth pixel and row


@dataclass(frozen=True)
class ProposalSettings:
    """How particles are told from the background."""

    threshold: float = THRESHOLD
    neighbour_px: int = NEIGHBOUR_PX
    min_area_px: int = MIN_AREA_PX

    def check(self) -> None:
        """Raise LabError for settings that find nothing or everything."""
        if not 0.005 <= self.threshold <= 0.9:
            raise LabError(f"A threshold of {self.threshold:g} is not possible; give 0.005 to 0.9 of the background.")
        if not 1 <= self.neighbour_px <= 200:
            raise LabError(f"A neighbour distance of {self.neighbour_px} px is not possible; give 1 to 200 px.")
        if not 1 <= self.min_area_px <= 100_000:
            raise LabError(f"A smallest area of {self.min_area_px} px is not possible; give 1 to 100,000 px.")


@dataclass(frozen=True, eq=False)
class Located:
    """Particles of one frame."""

    boxes: Boxes  # (N, 4), from top to bottom
    areas_px: NDArray[np.int64]  # (N,): pixels over the threshold
    contrasts: NDArray[np.float32]  # (N,): mean difference of these pixels relative to the background, dark < 0
    threshold: float  # used: larger than asked for in a noisy frame


def neighbour_px(um_per_px: float | None, neighbour_um: float = NEIGHBOUR_UM) -> int:
    """Neighbour distance in pixels; the usual one where the pixel size is unknown."""
    return NEIGHBOUR_PX if um_per_px is None else max(1, round(neighbour_um / um_per_px))


def relative_difference(grey: NDArray[np.uint8], background: NDArray[np.float32]) -> NDArray[np.float32]:
    """(frame - background) / background, float32 (H, W); its median is 0, so a change of the lamp does not matter."""
    # Smoothed after the subtraction: else every sharp edge of dirt on the glass would remain.
    raw = grey.astype(np.float32) - background
    difference = cv2.GaussianBlur(raw, (0, 0), SMOOTHING_PX, borderType=cv2.BORDER_REPLICATE)
    difference -= np.median(difference[::_SAMPLE_STEP, ::_SAMPLE_STEP])
    return np.asarray(difference / np.maximum(background, 1), np.float32)


def noise_sd(difference: NDArray[np.float32]) -> float:
    """Standard deviation of the noise of a relative difference, from its median absolute value."""
    return _MAD_TO_SD * float(np.median(np.abs(difference[::_SAMPLE_STEP, ::_SAMPLE_STEP])))


def find_particles(
    grey: NDArray[np.uint8], background: NDArray[np.float32], settings: ProposalSettings | None = None
) -> Located:
    """Particles of a frame. Steps: relative difference, threshold, close holes of a pixel, group by distance.

    Raises LabError where so much differs from the background that it does not fit.
    """
    settings = settings or ProposalSettings()
    difference = relative_difference(grey, background)
    threshold = max(settings.threshold, NOISE_SD * noise_sd(difference))
    boxes, areas, contrasts = group_pixels(difference, threshold, settings.neighbour_px, settings.min_area_px)
    if len(boxes) > MAX_PARTICLES:
        raise LabError(
            f"{len(boxes):,} particles were found in one frame, more than {MAX_PARTICLES:,}; the background does not "
            "fit, or the threshold is too low."
        )
    return Located(boxes, areas, contrasts, threshold)


def group_pixels(
    difference: NDArray[np.float32], threshold: float, reach_px: int, min_area_px: int
) -> tuple[Boxes, NDArray[np.int64], NDArray[np.float32]]:
    """(boxes (N, 4), areas (N,), mean differences (N,)) of the groups of pixels that differ by more than a threshold.

    difference: (H, W). reach_px: pixels up to this far apart are one group; the box is that of the pixels themselves.
    """
    over = (np.abs(difference) > threshold).astype(np.uint8)
    if not over.any():
        return np.zeros((0, 4), np.int32), np.zeros(0, np.int64), np.zeros(0, np.float32)
    over |= np.asarray(cv2.morphologyEx(over, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)), np.uint8)
    # Two parts are joined when their surroundings of half the distance touch.
    reach = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach_px | 1, reach_px | 1))
    count, groups = cv2.connectedComponents(cv2.dilate(over, reach), connectivity=8)
    groups = np.where(over, groups, 0)
    rows, columns = np.nonzero(groups)
    at = groups[rows, columns]
    areas = np.bincount(at, minlength=count)[1:]
    sums = np.bincount(at, difference[rows, columns], minlength=count)[1:]
    slices = cast("list[tuple[slice, slice]]", scipy.ndimage.find_objects(groups, count - 1))
    boxes = np.array([(r.start, c.start, r.stop, c.stop) for r, c in slices], np.int32).reshape(-1, 4)
    kept = areas >= min_area_px
    return boxes[kept], areas[kept], (sums[kept] / areas[kept]).astype(np.float32)
