"""Take out of an image what software has put there: strips beside the picture, then marks drawn into it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from svp_core.instruments.images.drawn_marks import remove_marks
from svp_core.instruments.images.strips import cut_strips


@dataclass(frozen=True, eq=False)
class CleanImage:
    """An image, and what was done to it."""

    pixels: NDArray[np.uint8] | None  # (H, W) or (H, W, 3); None with a reason
    caution: str = ""  # what was removed
    reason: str = ""  # why it cannot be used


def clean_image(pixels: NDArray[np.uint8]) -> CleanImage:
    """CleanImage of an image of one particle, uint8 (H, W) or (H, W, 3)."""
    picture, strip = cut_strips(pixels)
    picture, marks, reason = remove_marks(picture)
    if reason:
        return CleanImage(None, reason=reason)
    drawn = f"{marks} drawn into the image, removed" if marks else ""
    return CleanImage(picture, "; ".join(filter(None, (strip, drawn))))
