"""The background of frames as a request of locate asks for it: of each frame itself, of several, or a fixed image."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svp_core.errors import LabError
from svp_core.progress import Progress, run_to_end

CALIBRATION, FRAMES, FILTER = "calibration", "frames", "filter"  # keys of frames.background.METHODS

Background = Callable[[NDArray[np.uint8]], NDArray[np.float32]]  # grey frame (H, W) -> background (H, W)


def open_background(request: Any, source: Any) -> Background:
    """The function frame (H, W) -> background (H, W) of a request. Raises LabError where it cannot be made."""
    return run_to_end(background_steps(request, source))


def background_steps(request: Any, source: Any) -> Generator[Progress, None, Background]:
    """Yield Progress; returns the background of a LocateRequest and its FrameSource."""
    from svp_core.frames.background import (
        MEDIAN_FRAMES,
        calibration_background,
        filter_background,
        median_background,
    )
    from svp_core.frames.reading import grey_frame

    if request.background == FILTER:
        return filter_background
    if request.background == CALIBRATION:
        fixed = calibration_background(_calibration_image(request, source))
    else:
        yield Progress(0, source.count, "Median of frames as the background")
        frames = source.iter_frames(0, max(1, source.count // MEDIAN_FRAMES))
        fixed = median_background(grey_frame(frame) for frame in frames if frame.pixels is not None)

    return FixedBackground(fixed)


@dataclass(frozen=True, eq=False)
class FixedBackground:
    """The same background for every frame."""

    levels: NDArray[np.float32]  # (H, W)

    def __call__(self, grey: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Background of a frame (H, W). Raises LabError for a frame of another size."""
        from svp_core.frames.background import check_size

        if fault := check_size(self.levels, grey.shape):
            raise LabError(f"{fault[0].upper()}{fault[1:]}; use the median filter.")
        return self.levels


def _calibration_image(request: Any, source: Any) -> NDArray[np.uint8]:
    from svp_core.frames.reading import grey_frame, read_frame

    if request.calibration:
        frame = read_frame(request.calibration, 0)
        if frame.pixels is None:
            raise LabError(f"The calibration image {frame.name} cannot be read: {frame.reason}.")
        return grey_frame(frame)
    if source.calibration is None:
        raise LabError(
            f"{source.title} has no calibration image (cal_image_000001.tif) beside its frames; name one, or use the "
            "median of frames."
        )
    return source.calibration()
