"""Outline of a FlowCam particle by the thresholds of its run, as the instrument's software draws it.

|grey - empty cell| above the threshold, holes closed: from the collage, the run's image of the empty cell and its .ctx.
Grey is FlowCam's own, a luma with red and blue exchanged: with the usual one, the outline of a colour run is another.
Tested on the masks of a real run of VisualSpreadsheet 4.19.3 that captures dark pixels; the numbers for light pixels
and for both are taken from their order in the software.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from svp_core.instruments.crops import ImageCache
from svp_core.instruments.flowcam.measures import flowcam_grey
from svp_core.instruments.records import ScannedFiles
from svp_core.instruments.text_tables import parse_number, parse_positive

DARK, LIGHT, BOTH = "0", "1", "2"  # of CaptureDarkOrLightPixels
MAX_CLOSINGS = 50
_EIGHT_CONNECTED = np.ones((3, 3), np.uint8)


@dataclass(frozen=True)
class RunThresholds:
    """How a run found its particles."""

    dark: float | None  # grey levels below the empty cell; None: dark pixels are not captured
    light: float | None  # grey levels above it
    close_holes: int  # times

    def outline(self, pixels: NDArray[np.uint8], empty: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Mask, bool (H, W), of a crop (H, W) or (H, W, 3); empty: the same place of the empty cell, (H, W).

        All parts in the crop belong to the particle: the software grouped them before it cut the crop around them. All
        False where nothing passes a threshold.
        """
        darker = empty.astype(np.int32) - flowcam_grey(pixels)
        found = np.zeros(darker.shape, bool)
        if self.dark is not None:
            found |= darker > self.dark
        if self.light is not None:
            found |= -darker > self.light
        return _close(found, self.close_holes)


def read_thresholds(settings: Mapping[str, str]) -> RunThresholds | None:
    """The thresholds in the settings of a .ctx; None where one is missing."""
    captured = settings.get("capturedarkorlightpixels", "").strip()
    dark, light = parse_positive(settings.get("thresholddark")), parse_positive(settings.get("thresholdlight"))
    dark, light = dark if captured in (DARK, BOTH) else None, light if captured in (LIGHT, BOTH) else None
    closings = parse_number(settings.get("closeholes"))
    if (dark is None and light is None) or closings is None:
        return None
    return RunThresholds(dark, light, min(max(int(closings), 0), MAX_CLOSINGS))


class EmptyCell:
    """The images of the empty cell that lie beside a list."""

    def __init__(self, scanned: ScannedFiles, name: str) -> None:
        self._cache = ImageCache(scanned.files, scanned.sibling_finder(name), noun="image of the empty cell")

    def behind(self, row: Mapping[str, Any], shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
        """The empty cell (H, W) where the particle of this row was; None where its image or place is missing."""
        number, x, y = (row.get(key) for key in ("cal_image", "src_x", "src_y"))
        if not isinstance(number, int) or not isinstance(x, int) or not isinstance(y, int):
            return None
        pixels, _, _ = self._cache.crop(f"cal_image_{number:06d}.tif", (x, y, shape[1], shape[0]))
        return None if pixels is None else flowcam_grey(pixels).astype(np.uint8)


def _close(mask: NDArray[np.bool_], times: int) -> NDArray[np.bool_]:
    """The mask after so many dilations and as many erosions, as if the crop went on around it."""
    if not times:
        return mask
    padded = np.pad(mask.astype(np.uint8), times + 1)
    wider = cv2.dilate(padded, _EIGHT_CONNECTED, iterations=times)
    return cv2.erode(wider, _EIGHT_CONNECTED, iterations=times)[times + 1 : -times - 1, times + 1 : -times - 1] > 0
