"""Letters drawn into an image of a particle: thin, sharp strokes of equal strength on one baseline."""

from itertools import pairwise
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

VISIBLE_SHARE = 0.45  # of that contrast: pixels of letters
MIN_LETTER_PX, MAX_LETTER_PX = 4, 40  # height of a letter
MAX_JOINED_PX = 12  # height of letters so small that they touch each other
MIN_LETTERS = 3  # on a baseline, without a scale bar beside them
BACKGROUND_SHARE = 0.25  # of that contrast: pixels that differ less from the background belong to it
MIN_CONTRAST = 40  # levels between ink and background
VISIBLE_LEVELS = 15  # by which a particle differs from the background
MIN_STEP = 0.6  # of a letter's contrast, from one pixel to the next: optics blur a particle more
MIN_SHARP_PX = 24  # places along rows with such a step, of a few letters together
MAX_UNLIKE = 1.33  # ratio of the contrasts of letters of one line

Box = tuple[slice, slice]
Boxes = list[Box]


def find_letters(
    difference: NDArray[np.float32],
    contrast: float,
    lines: NDArray[np.bool_],
    ink: NDArray[np.bool_],
    least: float,
) -> NDArray[np.bool_]:
    """Letters: thin strokes of full contrast, several on one baseline, or one beside a bar.

    ink, least: the pixels of the ink, and their share of a letter.
    """
    text = np.zeros(lines.shape, bool)
    labels, boxes = label_pieces((difference >= VISIBLE_SHARE * contrast) & ~lines)
    bars = label_pieces(lines)[1] if lines.any() else []
    needed = 1 if bars else MIN_LETTERS - 1
    found = [(number, box) for number, box in enumerate(boxes, 1) if _is_letter_size(box)]
    if not bars and len(found) <= needed:  # most images: no look at each of them is needed
        return text
    letters = []
    for number, box in found:
        shape, height = labels[box] == number, box[0].stop - box[0].start
        # Full of ink somewhere, no stroke as thick as a particle, and not within one.
        if difference[box][shape].max() < 0.85 * contrast or not _is_thin(shape, height):
            continue
        if ink[box][shape].mean() < least:
            continue
        if _stands_alone(labels, box, difference, contrast):
            letters.append((box, shape))
    for (box, shape), line in zip(letters, _on_one_line([box for box, _ in letters]), strict=True):
        if len(line) > needed or any(_is_near(box, bar) for bar in bars):
            text[box] |= shape
    return text


def find_faint_letters(difference: NDArray[np.uint8]) -> NDArray[np.bool_] | None:
    """Letters (H, W) of any level, at least MIN_LETTERS on one baseline and equally strong; None where there are none.

    difference: levels of each pixel (H, W) from the background. Their strokes are thin and as sharp as pixels allow.
    """
    # First what is cheap: most images have few sharp edges; of the others, few pieces are as large as letters.
    steps = cv2.absdiff(difference[:, 1:], difference[:, :-1])
    if cv2.countNonZero((steps >= MIN_STEP * MIN_CONTRAST).view(np.uint8)) < MIN_SHARP_PX:
        return None
    labels, stats = _connected(difference > VISIBLE_LEVELS)
    # Letters that do not touch are a piece each; those that do, one wide piece.
    if len(stats) <= MIN_LETTERS and not any(wide > 1.6 * high + 2 for _, _, wide, high, _ in stats[1:].tolist()):
        return None
    width, height = stats[:, 2], stats[:, 3]
    narrow = width <= 1.6 * height + 2
    chosen = (height >= MIN_LETTER_PX) & np.where(narrow, height <= MAX_LETTER_PX, height <= MAX_JOINED_PX)
    chosen[0] = False  # the background
    found = np.flatnonzero(chosen)
    if len(found) < MIN_LETTERS and narrow[found].all():
        return None
    boxes = [
        (int(number), (slice(y, y + h), slice(x, x + w)))
        for number, (x, y, w, h) in zip(found, stats[found, :4].tolist(), strict=True)
    ]
    pieces = list[tuple[Box, NDArray[np.bool_]]]()
    for number, box in boxes:
        shape = labels[box] == number
        pieces += [(box, shape)] if _is_letter_size(box) else _letters_of(difference, box, shape)
    if len(pieces) < MIN_LETTERS:
        return None
    letters = []
    for (box, shape), line in zip(pieces, _on_one_line([box for box, _ in pieces]), strict=True):
        if len(line) < MIN_LETTERS:
            continue
        contrast = float(difference[box][shape].max())
        if contrast >= MIN_CONTRAST and _is_sharp(difference, box, contrast) and _is_thin(shape, len(shape)):
            letters.append((box, shape, contrast))
    text, contrasts = None, np.array([contrast for *_, contrast in letters])
    for (box, shape, contrast), line in zip(letters, _on_one_line([box for box, *_ in letters]), strict=True):
        ratios = contrasts[line] / contrast
        if np.count_nonzero((ratios > 1 / MAX_UNLIKE) & (ratios < MAX_UNLIKE)) >= MIN_LETTERS:
            text = np.zeros(difference.shape, bool) if text is None else text
            text[box] |= shape
    return text


def _letters_of(
    difference: NDArray[np.uint8], box: Box, shape: NDArray[np.bool_]
) -> list[tuple[Box, NDArray[np.bool_]]]:
    """(box, shape) of each letter of a piece in which small letters touch by their blurred edges; [] for other pieces.

    A letter's shape reaches to the middle between it and the next ones.
    """
    own = np.where(shape, difference[box], 0)
    contrast = float(own.max())
    if contrast < MIN_CONTRAST or not _is_sharp(difference, box, contrast) or not _is_thin(shape, len(shape)):
        return []
    strong = label_pieces(own >= VISIBLE_SHARE * contrast)[1]
    found = sorted(filter(_is_letter_size, strong), key=lambda inner: inner[1].start)
    edges = [0, *((one[1].stop + other[1].start) // 2 for one, other in pairwise(found)), shape.shape[1]]
    left = box[1].start
    return [((box[0], slice(left + a, left + b)), shape[:, a:b]) for a, b in pairwise(edges) if b > a]


def _is_sharp(difference: NDArray[np.uint8], box: Box, contrast: float) -> bool:
    """Whether most of the contrast of a piece lies between two neighbouring pixels somewhere."""
    window = tuple(slice(max(0, side.start - 1), side.stop + 1) for side in box)
    steps = (np.abs(np.diff(difference[window].astype(np.int16), axis=axis)).max() for axis in (0, 1))
    return max(steps) >= MIN_STEP * contrast


def _is_letter_size(box: Box) -> bool:
    height, width = (side.stop - side.start for side in box)
    return MIN_LETTER_PX <= height <= MAX_LETTER_PX and width <= 1.6 * height + 2


def _stands_alone(labels: NDArray[np.integer], box: Box, difference: NDArray[np.float32], contrast: float) -> bool:
    """Whether the surroundings of a letter, at two pixels from it, are background or other letters."""
    top, left = max(0, box[0].start - 2), max(0, box[1].start - 2)
    window = slice(top, box[0].stop + 2), slice(left, box[1].stop + 2)
    around = np.ones(labels[window].shape, bool)
    around[box[0].start - top : box[0].stop - top, box[1].start - left : box[1].stop - left] = False
    around &= labels[window] == 0
    return bool(around.any() and (difference[window][around] <= BACKGROUND_SHARE * contrast).mean() >= 0.8)


def _is_thin(shape: NDArray[np.bool_], height: int) -> bool:
    most = max(3, height // 4)  # pixels across a stroke
    padded = cv2.copyMakeBorder(shape.view(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    return cv2.distanceTransform(padded, cv2.DIST_C, 3).max() <= (most + 1) // 2


def _on_one_line(boxes: Boxes) -> list[NDArray[np.int64]]:
    """For each letter, the letters (itself included) on its baseline, of similar height and not far apart."""
    edges = [(rows.start, rows.stop, columns.start, columns.stop) for rows, columns in boxes]
    top, bottom, left, right = np.array(edges, np.int64).reshape(-1, 4).T
    height, order = bottom - top, np.argsort(bottom, kind="stable")
    first, last = np.searchsorted(bottom[order], [bottom - 1, bottom + 2])
    lines = []
    for letter in range(len(boxes)):
        near = order[first[letter] : last[letter]]
        taller, smaller = np.maximum(height[near], height[letter]), np.minimum(height[near], height[letter])
        gap = np.maximum(left[near], left[letter]) - np.minimum(right[near], right[letter])
        lines.append(near[(taller <= 1.7 * smaller) & (gap <= 4 * taller)])
    return lines


def _is_near(box: Box, bar: Box) -> bool:
    """Whether a letter stands above or below a bar, at most its own height and a half away."""
    height = box[0].stop - box[0].start
    gap = max(box[0].start, bar[0].start) - min(box[0].stop, bar[0].stop)
    is_bar = bar[1].stop - bar[1].start >= 3 * (bar[0].stop - bar[0].start)
    inside = bar[1].start - height <= box[1].start and box[1].stop <= bar[1].stop + height
    return is_bar and inside and 0 <= gap <= 1.5 * height


def label_pieces(mask: NDArray[np.bool_]) -> tuple[NDArray[np.integer], Boxes]:
    """(number of the connected piece of each pixel (H, W), 0 for none; box of each piece)."""
    labels, stats = _connected(mask)
    return labels, [(slice(y, y + height), slice(x, x + width)) for x, y, width, height, _ in stats[1:].tolist()]


def _connected(mask: NDArray[np.bool_]) -> tuple[NDArray[np.integer], NDArray[np.int32]]:
    """(number of the connected piece of each pixel (H, W); left, top, width, height and area of the pieces (n, 5)).

    Number 0 is the background, which comes first.
    """
    # Half the time with small numbers, which suffice here: at most every fourth pixel is a piece of its own.
    kind = cv2.CV_16U if mask.size <= 4 * np.iinfo(np.uint16).max else cv2.CV_32S
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8, ltype=kind)
    return cast("NDArray[np.integer]", labels), cast("NDArray[np.int32]", stats)
