"""Strips of one level along the sides of an image: footers with a scale bar or text, and padding. They are cut off.

A strip is of one exact level, apart from what is written on it, and of another level than the liquid of the picture.
"""

import numpy as np
from numpy.typing import NDArray

MIN_SHARE = 0.5  # of the pixels of each row of a strip that have its level
MIN_ROWS = 3
MAX_BAR_ROWS = 8  # of a bar that is wider than the rest of its rows
MIN_STEP = 15  # levels between a strip and the liquid beside it
MIN_PICTURE_PX = 8  # that must be left on each side
INK_CONTRAST = 40  # levels by which writing on a strip differs from it


def cut_strips(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], str]:
    """(image without strips, what was cut off or ""). pixels: uint8 (H, W) or (H, W, 3)."""
    written, cut = False, False
    grey = pixels if pixels.ndim == 2 else pixels[..., 1]
    for quarter, side in enumerate((grey[-1], grey[:, 0], grey[0], grey[:, -1])):
        if not _may_be_plain(side):
            continue
        # Turned so that its last rows are this side.
        turned = np.rot90(pixels, quarter)
        rows, has_ink = _strip(turned)
        if rows:
            pixels = np.rot90(turned[:-rows], -quarter)
            cut, written = True, written or has_ink
    if not cut:
        return pixels, ""
    what = "a strip with a scale bar or text" if written else "a strip of padding"
    return np.ascontiguousarray(pixels), f"{what} beside the picture, cut off"


def _may_be_plain(line: NDArray[np.uint8]) -> bool:
    """Whether one level may make up most of this outermost line: the cheap first look, which decides most images."""
    data = line.tobytes()
    least = MIN_SHARE * len(data)
    return len(data) > 0 and any(data.count(data[at]) >= least for at in {0, len(data) // 2, len(data) - 1})


def _strip(pixels: NDArray[np.uint8]) -> tuple[int, bool]:
    """(rows of the strip at the bottom, whether something is written on it); (0, False) without one."""
    grey = pixels if pixels.ndim == 2 else pixels[..., 1]
    height, width = grey.shape
    if height < MIN_PICTURE_PX + MIN_ROWS or width < MIN_PICTURE_PX:
        return 0, False
    level = int(np.bincount(grey[-1], minlength=256).argmax())
    if (grey[-1] == level).sum() < MIN_SHARE * width:
        return 0, False
    filled = (grey == level).sum(axis=1) >= MIN_SHARE * width
    rows = _run_length(filled[::-1])
    if not MIN_ROWS <= rows <= height - MIN_PICTURE_PX:
        return 0, False
    above, strip = grey[:-rows], grey[-rows:]
    sides = np.concatenate([above[:, 0], above[:, -1], above[-1]])
    if abs(float(np.median(sides)) - level) < MIN_STEP or (sides == level).mean() > 0.1:
        return 0, False
    return rows, bool((np.abs(strip.astype(np.int16) - level) >= INK_CONTRAST).any())


def _run_length(filled: NDArray[np.bool_]) -> int:
    """How many of these rows from the first on belong to the strip, rows that a wide bar interrupts included."""
    plain = np.flatnonzero(filled)
    gaps = np.flatnonzero(np.diff(plain) > MAX_BAR_ROWS + 1)
    return int(plain[gaps[0]] if len(gaps) else plain[-1]) + 1
