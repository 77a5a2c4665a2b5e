"""The light of the empty liquid over a frame: from the frame itself, from several frames, or a calibration image.

All three find the same particles on clean frames; a calibration image or the median of frames also removes dirt on the
glass, which is at the same place in every frame.
"""

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from svp_core.errors import LabError

MEDIAN_FRAMES = 12  # frames, evenly spread over the source, whose median is a background
MIN_MEDIAN_FRAMES = 3  # with fewer, a particle would stay in the median
_SHRINK = 4  # the median filter runs on a frame of a quarter of the size
_FILTER_PX = 63  # width of the median filter there; wider than two particles of any usual size
_SMOOTH_PX = 2.0  # s.d. there: the filter's output is in whole grey levels

METHODS = {
    "filter": "Median filter of each frame",
    "frames": "Median of frames",
    "calibration": "Calibration image",
}


def filter_background(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Background of one frame, float32 (H, W) in grey levels, by a median filter of 252 px, less in a small frame.

    A particle that covers more than half of such a window is taken for background.
    """
    height, width = grey.shape
    small = cv2.resize(grey, (max(1, width // _SHRINK), max(1, height // _SHRINK)), interpolation=cv2.INTER_AREA)
    size = min(_FILTER_PX, min(small.shape) // 2 * 2 - 1)
    filtered = cv2.medianBlur(small, max(3, size)).astype(np.float32)
    smooth = cv2.GaussianBlur(filtered, (0, 0), _SMOOTH_PX, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(smooth, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def median_background(frames: Iterable[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """Background, float32 (H, W), as the median of grey frames (H, W) of one size. Raises LabError for too few."""
    stack: list[NDArray[np.uint8]] = []
    for frame in frames:
        if not stack or frame.shape == stack[0].shape:
            stack.append(frame)
    if len(stack) < MIN_MEDIAN_FRAMES:
        raise LabError(
            f"A background from the median of frames needs {MIN_MEDIAN_FRAMES} frames of one size or more, and there "
            f"{'is' if len(stack) == 1 else 'are'} {len(stack)}; use the median filter."
        )
    return np.median(np.stack(stack), axis=0).astype(np.float32)


def calibration_background(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Background, float32 (H, W), from a grey image of the empty liquid."""
    return image.astype(np.float32)


def check_size(background: NDArray[np.float32], shape: tuple[int, ...]) -> str:
    """Why this background does not fit a frame of this shape; "" where it does."""
    if background.shape == shape[:2]:
        return ""
    (height, width), (own_height, own_width) = shape[:2], background.shape
    return f"the frame is {width} x {height} px, but the background is {own_width} x {own_height} px"
