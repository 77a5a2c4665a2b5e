"""Scale bars, text, frames and corner marks that software has drawn into an image of a particle: find, remove.

A mark is drawn in an extreme level or a saturated colour with straight strokes along rows and columns whose edges are
one pixel wide, or is a line of letters on a common baseline. Optics blur every edge of a particle, and noise every
level, so that particles have neither. Most images are decided by their darkest and brightest pixel.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

DARK_INK, BRIGHT_INK = 20, 240  # levels that ink reaches
INK_COLOURFULNESS = 120  # brightest minus darkest channel of coloured ink
MIN_INK_PX = 3
MIN_CONTRAST = 40  # levels between ink and background
BACKGROUND_SHARE = 0.25  # of that contrast: pixels that differ less from the background belong to it
VISIBLE_SHARE = 0.45  # of that contrast: pixels of letters
VISIBLE_LEVELS = 15  # by which a particle differs from the background
MIN_STROKE_PX, MAX_STROKE_PX = 6, 8  # length of a straight stroke; its thickness
MIN_BAR_PX, MAX_BAR_PX = 12, 4  # length and thickness of a bar that is found on a particle, too
MIN_LETTER_PX, MAX_LETTER_PX = 4, 40  # height of a letter
MIN_LETTERS = 3  # on a baseline, without a scale bar beside them
MIN_PARTICLE_PX = 4  # pixels that must be left
MAX_SPECK_PX = 6  # of a letter that is not connected to the rest of it
_AROUND = np.ones((3, 3), bool)

Boxes = list[tuple[slice, slice]]


@dataclass(frozen=True, eq=False)
class Marks:
    """What was drawn into an image."""

    drawn: NDArray[np.bool_]  # (H, W)
    kinds: tuple[str, ...]  # of "lines" and "text"


def find_marks(pixels: NDArray[np.uint8]) -> Marks | None:
    """The marks drawn into an image of one particle, uint8 (H, W) or (H, W, 3); None where there are none."""
    if min(pixels.shape[:2]) < 2 * MIN_LETTER_PX or not _may_hold_ink(pixels):
        return None
    background = _background(pixels)
    found, kinds = None, dict[str, None]()
    for ink, sign in _inks(pixels, background):
        if np.count_nonzero(ink) < MIN_INK_PX:
            continue
        difference = _difference(pixels, background, sign)
        contrast = float(np.median(difference[ink]))
        if contrast < MIN_CONTRAST:
            continue
        lines = _lines(ink, difference, contrast)
        text = _text(difference, contrast, lines)
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
    labels, boxes = _label(visible & ~painted)
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
    return np.atleast_1d(np.median(border, axis=0))


def _difference(pixels: NDArray[np.uint8], background: NDArray[np.float64], sign: int = 0) -> NDArray[np.float32]:
    """How much each pixel (H, W) differs from the background, in the channel that differs most.

    sign: 1 where brighter pixels differ, -1 where darker ones do, 0 for both; never below 0.
    """
    levels = pixels[..., None] if pixels.ndim == 2 else pixels
    difference = levels - background.astype(np.float32)
    return (np.maximum(sign * difference, 0) if sign else np.abs(difference)).max(axis=2)


def _inks(pixels: NDArray[np.uint8], background: NDArray[np.float64]) -> Iterator[tuple[NDArray[np.bool_], int]]:
    """Yield the pixels (H, W) of each ink that there is, and its sign as for _difference: dark, bright, coloured."""
    if background.min() >= MIN_CONTRAST and pixels.min() <= DARK_INK:
        yield _in_all_channels(pixels <= DARK_INK), -1
    if background.max() <= 255 - MIN_CONTRAST and pixels.max() >= BRIGHT_INK:
        yield _in_all_channels(pixels >= BRIGHT_INK), 1
    if pixels.ndim == 3:
        colourful = _colourfulness(pixels) >= INK_COLOURFULNESS
        if colourful.any():
            yield colourful, 0


def _in_all_channels(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return mask if mask.ndim == 2 else np.asarray(mask.all(axis=2), bool)


def _lines(ink: NDArray[np.bool_], difference: NDArray[np.float32], contrast: float) -> NDArray[np.bool_]:
    """Those connected pixels of the ink that are bars, corners, crosses or frames of straight strokes."""
    lines = np.zeros(ink.shape, bool)
    labels, boxes = _label(ink)
    for number, box in enumerate(boxes, 1):
        height, width = (side.stop - side.start for side in box)
        if max(height, width) < MIN_STROKE_PX:
            continue
        shape = labels[box] == number
        # All of it lies in rows and columns that are filled from end to end.
        rows, columns = shape.sum(axis=1) >= 0.95 * width, shape.sum(axis=0) >= 0.95 * height
        straight = shape & ((rows[:, None] & (width >= MIN_STROKE_PX)) | (columns & (height >= MIN_STROKE_PX)))
        if straight.sum() < 0.95 * shape.sum():
            continue
        thickness = min(_thickness(rows) if rows.any() else height, _thickness(columns) if columns.any() else width)
        if thickness > MAX_STROKE_PX or max(height, width) < 3 * thickness:
            continue
        window = tuple(slice(max(0, side.start - 2), side.stop + 2) for side in box)
        own = labels[window] == number
        ring = ndimage.binary_dilation(own, _AROUND) & ~own
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


def _text(difference: NDArray[np.float32], contrast: float, lines: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Letters: thin strokes of full contrast, several on one baseline, or one beside a bar."""
    text = np.zeros(lines.shape, bool)
    labels, boxes = _label((difference >= VISIBLE_SHARE * contrast) & ~lines)
    letters = []
    for number, box in enumerate(boxes, 1):
        height, width = (side.stop - side.start for side in box)
        if not MIN_LETTER_PX <= height <= MAX_LETTER_PX or width > 1.6 * height + 2:
            continue
        shape = labels[box] == number
        # Full of ink somewhere, no stroke as thick as a particle, and not within one.
        if difference[box][shape].max() < 0.85 * contrast or not _is_thin(shape, height):
            continue
        if _stands_alone(labels, box, difference, contrast):
            letters.append((box, shape))
    bars = _label(lines)[1]
    for box, shape in letters:
        beside = [other for other, _ in letters if other is not box and _on_one_line(box, other)]
        needed = 1 if bars else MIN_LETTERS - 1
        if len(beside) >= needed or any(_is_near(box, bar) for bar in bars):
            text[box] |= shape
    return text


def _stands_alone(
    labels: NDArray[np.int32], box: tuple[slice, slice], difference: NDArray[np.float32], contrast: float
) -> bool:
    """Whether the surroundings of a letter, at two pixels from it, are background or other letters."""
    top, left = max(0, box[0].start - 2), max(0, box[1].start - 2)
    window = slice(top, box[0].stop + 2), slice(left, box[1].stop + 2)
    around = np.ones(labels[window].shape, bool)
    around[box[0].start - top : box[0].stop - top, box[1].start - left : box[1].stop - left] = False
    around &= labels[window] == 0
    return bool(around.any() and (difference[window][around] <= BACKGROUND_SHARE * contrast).mean() >= 0.8)


def _is_thin(shape: NDArray[np.bool_], height: int) -> bool:
    most = max(3, height // 4)  # pixels across a stroke
    padded = np.pad(shape, 1)
    distances = cast("NDArray[np.int32]", ndimage.distance_transform_cdt(padded, "chessboard"))
    return int(distances.max()) <= (most + 1) // 2


def _on_one_line(box: tuple[slice, slice], other: tuple[slice, slice]) -> bool:
    """Whether two letters stand on one baseline, of similar height and not far apart."""
    heights = [side[0].stop - side[0].start for side in (box, other)]
    if abs(box[0].stop - other[0].stop) > 1 or max(heights) > 1.7 * min(heights):
        return False
    gap = max(box[1].start, other[1].start) - min(box[1].stop, other[1].stop)
    return gap <= 4 * max(heights)


def _is_near(box: tuple[slice, slice], bar: tuple[slice, slice]) -> bool:
    """Whether a letter stands above or below a bar, at most its own height and a half away."""
    height = box[0].stop - box[0].start
    gap = max(box[0].start, bar[0].start) - min(box[0].stop, bar[0].stop)
    is_bar = bar[1].stop - bar[1].start >= 3 * (bar[0].stop - bar[0].start)
    inside = bar[1].start - height <= box[1].start and box[1].stop <= bar[1].stop + height
    return is_bar and inside and 0 <= gap <= 1.5 * height


def _without_strips(marks: NDArray[np.bool_], particle: NDArray[np.bool_]) -> tuple[int, int]:
    """(first row, end) of the image without the strips of marks above and below the particle."""
    rows = np.flatnonzero(particle.any(axis=1))
    if not len(rows):
        return 0, len(marks)
    top, bottom = 0, len(marks)
    for box in _label(_grown(marks, 2))[1]:
        start, stop = box[0].start + 2, box[0].stop - 2
        if start > rows[-1] + 3:
            bottom = min(bottom, max(rows[-1] + 4, start - 2))
        elif stop < rows[0] - 2:
            top = max(top, min(rows[0] - 3, stop + 2))
    return top, bottom


def _grown(mask: NDArray[np.bool_], by: int) -> NDArray[np.bool_]:
    return cast("NDArray[np.bool_]", ndimage.binary_dilation(mask, _AROUND, iterations=by))


def _label(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int32], Boxes]:
    labels, _ = cast("tuple[NDArray[np.int32], int]", ndimage.label(mask, _AROUND))
    return labels, ndimage.find_objects(labels)
