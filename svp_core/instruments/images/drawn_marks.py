"""Scale bars, text, frames and corner marks that software has drawn into an image of a particle: find, remove.

A mark is drawn in an extreme level, a saturated colour or one exact grey with straight strokes along rows and columns
whose edges are one pixel wide, or is a line of letters on a common baseline. Optics blur every edge of a particle, and
noise every level, so that particles have neither. Most images are decided by their darkest and brightest pixel and by
how often each level occurs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
import scipy
from numpy.typing import NDArray

from svp_core.instruments.images.drawn_text import (
    BACKGROUND_SHARE,
    MIN_CONTRAST,
    MIN_LETTER_PX,
    VISIBLE_LEVELS,
    find_faint_letters,
    find_letters,
    label_pieces,
)

DARK_INK, BRIGHT_INK = 20, 240  # levels that ink reaches
INK_COLOURFULNESS = 120  # brightest minus darkest channel of coloured ink
MIN_INK_PX = 3
MIN_GREY_PX, MIN_SPIKE = 12, 4.0  # pixels of one exact grey, and how many times as often as levels beside it, of ink
SPIKE_SIDES = 3  # levels on either side of it
MIN_GREY_SHARE = 0.2  # of the pixels of a letter in grey ink that have exactly its level
MIN_STROKE_PX, MAX_STROKE_PX = 6, 8  # length of a straight stroke; its thickness
MIN_BAR_PX, MAX_BAR_PX = 12, 4  # length and thickness of a bar that is found on a particle, too
MIN_PARTICLE_PX = 4  # pixels that must be left
MAX_SPECK_PX = 6  # of a letter that is not connected to the rest of it
_AROUND = np.ones((3, 3), bool)


@dataclass(frozen=True, eq=False)
class Marks:
    """What was drawn into an image."""

    drawn: NDArray[np.bool_]  # (H, W)
    kinds: tuple[str, ...]  # of "lines" and "text"


def find_marks(pixels: NDArray[np.uint8]) -> Marks | None:
    """The marks drawn into an image of one particle, uint8 (H, W) or (H, W, 3); None where there are none."""
    if min(pixels.shape[:2]) < 2 * MIN_LETTER_PX:
        return None
    background = _background(pixels)
    levels = _level_difference(pixels, background)
    # Ink of any kind has more contrast; this decides faint images.
    if levels.max() < MIN_CONTRAST - 1:
        return None
    greys = _grey_inks(pixels)
    found, kinds = None, dict[str, None]()
    if (faint := find_faint_letters(levels)) is not None:
        found, kinds["text"] = faint, None
    elif not greys and not _may_hold_ink(pixels):
        return None
    for ink, sign, least in _inks(pixels, background, greys):
        if np.count_nonzero(ink) < MIN_INK_PX:
            continue
        difference = _difference(pixels, background, sign)
        contrast = float(np.median(difference[ink]))
        if contrast < MIN_CONTRAST:
            continue
        lines = _lines(ink, difference, contrast)
        text = find_letters(difference, contrast, lines, ink, least)
        for kind, mask in (("lines", lines), ("text", text)):
            if mask.any():
                kinds[kind] = None
                found = mask if found is None else found | mask
    if found is None:
        return None
    rest = (_difference(pixels, background) > VISIBLE_LEVELS) & ~_grown(found, 1)
    # A single straight piece is what the image is of, unless there is something else, or writing.
    if "text" not in kinds and rest.sum() < MIN_PARTICLE_PX:
        return None
    return Marks(found, tuple(kinds))


def remove_marks(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], str, str]:
    """(image without marks, what was removed or "", why the image cannot be used or "").

    pixels: uint8 (H, W) or (H, W, 3). A strip above or below the particle that holds nothing but marks is cut off;
    other marks are painted over with the background.
    """
    marks = find_marks(pixels)
    if marks is None:
        return pixels, "", ""
    background = _background(pixels)
    difference = _difference(pixels, background)
    visible = difference > VISIBLE_LEVELS
    painted = _painted(marks.drawn, visible)
    particle = visible & ~painted
    kinds = " and ".join({"lines": "scale bars or lines", "text": "text"}[kind] for kind in marks.kinds)
    near = _grown(painted, 1) & ~painted
    if particle.any() and (near & particle).sum() > 0.2 * max(1, marks.drawn.sum()):
        return pixels, "", f"{kinds} drawn across the particle; save the images without them"
    clean = pixels.copy()
    clean[painted] = np.round(background).astype(np.uint8)
    top, bottom = _without_strips(marks.drawn, particle)
    return np.ascontiguousarray(clean[top:bottom]), kinds, ""


def _painted(drawn: NDArray[np.bool_], visible: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The marks with their blurred edges and the specks beside them that are part of a letter."""
    painted = _grown(drawn, 1)
    labels, boxes = label_pieces(visible & ~painted)
    near = _grown(painted, 2)
    for number, box in enumerate(boxes, 1):
        speck = labels[box] == number
        if speck.sum() <= MAX_SPECK_PX and near[box][speck].all():
            painted[box] |= speck
    return painted


def _may_hold_ink(pixels: NDArray[np.uint8]) -> bool:
    """Whether any pixel is extreme or colourful: the first and cheapest look, which decides most images."""
    if pixels.min() <= DARK_INK or pixels.max() >= BRIGHT_INK:
        return True
    return pixels.ndim == 3 and bool((_colourfulness(pixels) >= INK_COLOURFULNESS).any())


def _colourfulness(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Brightest minus darkest channel of each pixel (H, W)."""
    red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    return np.maximum(np.maximum(red, green), blue) - np.minimum(np.minimum(red, green), blue)


def _background(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Median level of the outermost pixels, one per channel."""
    border = np.concatenate([pixels[0], pixels[-1], pixels[1:-1, 0], pixels[1:-1, -1]])
    border.sort(axis=0)  # quicker than np.median of so few
    lower, upper = border[(len(border) - 1) // 2], border[len(border) // 2]
    return np.atleast_1d((lower.astype(np.float64) + upper) / 2)


def _level_difference(pixels: NDArray[np.uint8], background: NDArray[np.float64]) -> NDArray[np.uint8]:
    """As _difference, in whole levels, uint8: quicker."""
    level = np.round(background)
    difference = cast("NDArray[np.uint8]", cv2.absdiff(pixels, level if pixels.ndim == 3 else level[:1]))
    return difference if difference.ndim == 2 else difference.max(axis=2)


def _difference(pixels: NDArray[np.uint8], background: NDArray[np.float64], sign: int = 0) -> NDArray[np.float32]:
    """How much each pixel (H, W) differs from the background, in the channel that differs most.

    sign: 1 where brighter pixels differ, -1 where darker ones do, 0 for both; never below 0.
    """
    levels = pixels[..., None] if pixels.ndim == 2 else pixels
    difference = levels - background.astype(np.float32)
    return (np.maximum(sign * difference, 0) if sign else np.abs(difference)).max(axis=2)


def _inks(
    pixels: NDArray[np.uint8], background: NDArray[np.float64], greys: Sequence[int]
) -> Iterator[tuple[NDArray[np.bool_], int, float]]:
    """Yield the pixels (H, W) of each ink that there is: dark, bright, coloured, grey.

    With its sign as for _difference, and the share of a letter's pixels that it must have. greys: from _grey_inks.
    """
    if background.min() >= MIN_CONTRAST and pixels.min() <= DARK_INK:
        yield _in_all_channels(pixels <= DARK_INK), -1, 0
    if background.max() <= 255 - MIN_CONTRAST and pixels.max() >= BRIGHT_INK:
        yield _in_all_channels(pixels >= BRIGHT_INK), 1, 0
    if pixels.ndim == 3:
        colourful = _colourfulness(pixels) >= INK_COLOURFULNESS
        if colourful.any():
            yield colourful, 0, 0
    for grey in greys:
        if background.min() >= grey + MIN_CONTRAST or background.max() <= grey - MIN_CONTRAST:
            yield _in_all_channels(pixels == grey), -1 if background.min() > grey else 1, MIN_GREY_SHARE


def _grey_inks(pixels: NDArray[np.uint8]) -> list[int]:
    """Levels that occur far more often than those beside them, as only something drawn does; extreme ones left out."""
    levels = pixels if pixels.ndim == 2 else pixels[..., 1][(pixels == pixels[..., :1]).all(axis=2)]
    counts = np.bincount(levels.ravel(), minlength=256)
    here, side = slice(DARK_INK + 1, BRIGHT_INK), SPIKE_SIDES  # all of them have levels on both sides
    sums, own = counts.cumsum(), counts[here]
    around = sums[here.start + side : here.stop + side] - sums[here.start - side - 1 : here.stop - side - 1]
    is_spike = own * (2 * side + MIN_SPIKE) >= MIN_SPIKE * around
    is_spike &= own >= MIN_GREY_PX
    return (np.flatnonzero(is_spike) + here.start).tolist() if is_spike.any() else []


def _in_all_channels(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return mask if mask.ndim == 2 else np.asarray(mask.all(axis=2), bool)


def _lines(ink: NDArray[np.bool_], difference: NDArray[np.float32], contrast: float) -> NDArray[np.bool_]:
    """Those connected pixels of the ink that are bars, corners, crosses or frames of straight strokes."""
    lines = np.zeros(ink.shape, bool)
    labels, boxes = label_pieces(ink)
    for number, box in enumerate(boxes, 1):
        height, width = (side.stop - side.start for side in box)
        if max(height, width) < MIN_STROKE_PX:
            continue
        shape = labels[box] == number
        # All of it lies in rows and columns that are filled from end to end.
        rows = np.count_nonzero(shape, axis=1) >= 0.95 * width
        columns = np.count_nonzero(shape, axis=0) >= 0.95 * height
        straight = shape & ((rows[:, None] & (width >= MIN_STROKE_PX)) | (columns & (height >= MIN_STROKE_PX)))
        if np.count_nonzero(straight) < 0.95 * np.count_nonzero(shape):
            continue
        thickness = min(_thickness(rows) if rows.any() else height, _thickness(columns) if columns.any() else width)
        if thickness > MAX_STROKE_PX or max(height, width) < 3 * thickness:
            continue
        window = tuple(slice(max(0, side.start - 2), side.stop + 2) for side in box)
        own = labels[window] == number
        ring = scipy.ndimage.binary_dilation(own, _AROUND) & ~own
        around = difference[window][ring]
        is_bar = shape.all() and thickness <= MAX_BAR_PX and max(height, width) >= MIN_BAR_PX
        on_background = (around <= BACKGROUND_SHARE * contrast).mean() >= 0.5
        # Across a particle, too, a bar ends from one pixel to the next.
        if on_background or (is_bar and (around <= contrast - MIN_CONTRAST).mean() >= 0.95):
            lines[box] |= shape
    return lines


def _thickness(filled: NDArray[np.bool_]) -> int:
    """The largest number of neighbouring filled rows or columns."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], filled.astype(np.int8), [0]])))
    return int((edges[1::2] - edges[::2]).max())


def _without_strips(marks: NDArray[np.bool_], particle: NDArray[np.bool_]) -> tuple[int, int]:
    """(first row, end) of the image without the strips of marks above and below the particle."""
    rows = np.flatnonzero(particle.any(axis=1))
    if not len(rows):
        return 0, len(marks)
    top, bottom = 0, len(marks)
    for box in label_pieces(_grown(marks, 2))[1]:
        start, stop = box[0].start + 2, box[0].stop - 2
        if start > rows[-1] + 3:
            bottom = min(bottom, max(rows[-1] + 4, start - 2))
        elif stop < rows[0] - 2:
            top = max(top, min(rows[0] - 3, stop + 2))
    return top, bottom


def _grown(mask: NDArray[np.bool_], by: int) -> NDArray[np.bool_]:
    return cast("NDArray[np.bool_]", scipy.ndimage.binary_dilation(mask, _AROUND, iterations=by))
