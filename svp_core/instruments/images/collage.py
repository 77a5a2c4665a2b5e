"""Find the tiles in a collage image that has no list: grey rectangles on black, often touching.

Boxes are (top, left, bottom, right) in whole pixels, bottom and right excluded, origin at the top-left pixel.
Two touching tiles are separated at a dark seam, by their different heights or widths, or by the step between their
backgrounds. Two tiles of the same height and the same background level without a seam cannot be separated.
"""

from typing import cast

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from svp_core.images import to_grey

MIN_TILE_PX = 8
BLACK_LEVEL = 40  # of 255: JPEG artefacts in black stay below
DRAWN_COLOURFULNESS = 120  # brightest minus darkest channel; tinted tiles of colour cameras stay below 60
MIN_COLLAGE_TILES = 4
MIN_COLLAGE_PX = 128  # of the longer side; those of instruments have 512 and more
MIN_BLACK_SHARE = 0.05
MIN_GAP_SHARE = 0.01  # of the image area: black between and around the tiles
LONG_ROW = 3  # a bright area at least this many times longer than high is taken for a row of tiles
EDGE_LEVEL = 0.92  # of the tile's median grey: an outermost line darker than this is blurred into the gap
MIN_STEP = 5.0  # grey levels between the backgrounds of two touching tiles


def looks_like_collage(pixels: NDArray[np.uint8]) -> bool:
    """True for an image of several separate rectangular tiles on black, False for an image of one particle.

    pixels: uint8 (H, W) or (H, W, 3).
    """
    # Most crops of a single particle are decided here.
    if min(pixels.shape[:2]) < MIN_TILE_PX or max(pixels.shape[:2]) < MIN_COLLAGE_PX:
        return False
    # Bright pixels exceed half the usual level, so none of them is darker than this: most tiles are decided here.
    if pixels.ndim == 2 and np.count_nonzero(pixels < 128) < MIN_BLACK_SHARE * pixels.size:
        return False
    bright = _bright(pixels)
    if not bright.any() or (~bright).mean() < MIN_BLACK_SHARE:
        return False
    # The black between tiles reaches the border; a dark particle inside its tile does not.
    outside = _connected_to_border(~bright)
    if outside.mean() < MIN_GAP_SHARE:
        return False
    # The black of a collage has a uniform level; the black of a bubble fades towards its rim.
    dark = to_grey(pixels)[~bright].astype(int)
    if (np.abs(dark - np.median(dark)) <= 4).mean() < 0.8:
        return False
    # Tiles are pictures; shapes of one level are text, a drawing or a mask.
    if np.ptp(pixels[bright]) == 0:
        return False
    boxes = find_tiles(pixels)
    covered = np.zeros(bright.shape, bool)
    for top, left, bottom, right in boxes.tolist():
        covered[top:bottom, left:right] = True
    # Round, bright objects on black fill less than 0.8 of their boxes; rectangles fill them completely.
    filled = ~outside
    return bool(len(boxes) >= MIN_COLLAGE_TILES and filled[covered].mean() > 0.95 and covered[filled].mean() > 0.9)


def _connected_to_border(dark: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The dark pixels (H, W) that are connected to the border of the image."""
    labels, count = cast("tuple[NDArray[np.int32], int]", scipy.ndimage.label(dark))
    at_border = np.zeros(count + 1, bool)
    for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        at_border[edge] = True
    at_border[0] = False
    return at_border[labels]


def find_tiles(pixels: NDArray[np.uint8]) -> NDArray[np.int_]:
    """Boxes of all tiles in reading order, int (N, 4); N is 0 for an empty image.

    pixels: uint8 (H, W) or (H, W, 3). Rectangles drawn on the image in a bright colour are excluded from the tiles.
    """
    grey = to_grey(pixels).astype(np.float32)
    labels, _ = cast("tuple[NDArray[np.int32], int]", scipy.ndimage.label(_bright(pixels)))
    boxes = []
    for number, window in enumerate(scipy.ndimage.find_objects(labels), 1):
        if min(side.stop - side.start for side in window) >= MIN_TILE_PX:
            shape = cast("NDArray[np.bool_]", scipy.ndimage.binary_fill_holes(labels[window] == number))
            corner = np.array([window[0].start, window[1].start] * 2)
            boxes += [corner + box for box in _split(shape, grey[window])]
    return _in_reading_order(np.array(boxes, int).reshape(-1, 4))


def _bright(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Pixels (H, W) that belong to a tile: brighter than half the usual background, and not drawn in colour."""
    grey = to_grey(pixels)
    if not (grey > BLACK_LEVEL).any():
        return np.zeros(grey.shape, bool)
    bright = grey > np.median(grey[grey > BLACK_LEVEL]) / 2
    if pixels.ndim == 3:
        bright &= (pixels.max(axis=2) - pixels.min(axis=2)) < DRAWN_COLOURFULNESS
    return bright


def _split(shape: NDArray[np.bool_], grey: NDArray[np.float32], *, touching: bool = False) -> list[NDArray[np.int_]]:
    """Boxes of the tiles in one connected area. shape: bool (H, W) without holes; grey: float (H, W).

    touching: it is known that tiles touch here. Only then, or in a long row, are faint seams searched for: the edge of
    the flow cell looks like a seam, and most collages separate all their tiles by black lines.
    """
    (top, bottom), (left, right) = _extent(shape.any(axis=1)), _extent(shape.any(axis=0))
    height, width = bottom - top, right - left
    if min(height, width) < MIN_TILE_PX:
        return []
    shape, grey = shape[top:bottom, left:right], grey[top:bottom, left:right]
    touching = touching or max(height, width) >= LONG_ROW * min(height, width)
    # First between columns, since collages are packed in rows; then between rows.
    for between_columns in (True, False):
        view, level = (shape, grey) if between_columns else (shape.T, grey.T)
        cut = _silhouette_cut(view)
        if cut is None and touching:
            cut = _seam_cut(level)
        if cut is not None:
            before, after = (np.s_[:, :cut], np.s_[:, cut:]) if between_columns else (np.s_[:cut], np.s_[cut:])
            shift = np.array([0, cut, 0, cut] if between_columns else [cut, 0, cut, 0])
            boxes = _split(shape[before], grey[before], touching=True)
            boxes += [shift + box for box in _split(shape[after], grey[after], touching=True)]
            return [np.array([top, left, top, left]) + box for box in boxes]
    return [np.array([top, left, top, left]) + _without_blurred_edge(shape, grey)]


def _without_blurred_edge(shape: NDArray[np.bool_], grey: NDArray[np.float32]) -> NDArray[np.int_]:
    """Box of one tile without its half-black edge lines, where a resized image mixes tile and gap."""
    background = np.median(grey[shape])
    is_tile = np.percentile(np.where(shape, grey, 0), 75, axis=1) > EDGE_LEVEL * background
    top, bottom = _extent(is_tile)
    is_tile = np.percentile(np.where(shape, grey, 0), 75, axis=0) > EDGE_LEVEL * background
    left, right = _extent(is_tile)
    # More than two lines are not blur but a dark particle that the edge cuts off.
    height, width = shape.shape
    top, left = (edge if edge <= 2 else 0 for edge in (top, left))
    bottom = bottom if height - bottom <= 2 else height
    right = right if width - right <= 2 else width
    return np.array([top, left, bottom, right])


def _extent(lines: ArrayLike) -> tuple[int, int]:
    """(first, last + 1) of the true entries; (0, 0) if there are none."""
    indices = np.flatnonzero(lines)
    return (int(indices[0]), int(indices[-1]) + 1) if len(indices) else (0, 0)


def _silhouette_cut(shape: NDArray[np.bool_]) -> int | None:
    """Column at which the upper or lower outline jumps between two level sections, or None."""
    height, width = shape.shape
    upper = np.where(shape.any(axis=0), shape.argmax(axis=0), height)
    lower = np.where(shape.any(axis=0), height - shape[::-1].argmax(axis=0), 0)
    reach = MIN_TILE_PX - 2  # leaves room for a blurred edge
    largest, cut = 0.0, None
    for outline in (upper, lower):
        for column in np.flatnonzero(np.diff(outline)) + 1:
            if not MIN_TILE_PX <= column <= width - MIN_TILE_PX:
                continue
            # A blurred edge may put one odd column next to the jump; a jump of one row is then not significant.
            before, after = outline[column - reach : column], outline[column : column + reach]
            jump = abs(np.median(after) - np.median(before))
            uneven = max(_unevenness(before), _unevenness(after))
            level = not np.ptp(before) and not np.ptp(after)
            if jump > largest and (level or (uneven <= 1 and jump > 2)):
                largest, cut = jump, int(column)
    return cut


def _unevenness(outline: NDArray[np.integer]) -> int:
    """Range of the values without the lowest and the highest one."""
    levels = np.sort(outline)
    return levels[-2] - levels[1]


def _seam_cut(grey: NDArray[np.float32]) -> int | None:
    """First column of a new tile, found by a step or a darker line over the full height, or None. grey: (H, W)."""
    if grey.shape[1] < 2 * MIN_TILE_PX:
        return None
    # A particle does not reach its tile's upper and lower edge, so only a seam appears in every band of rows.
    bands = np.stack([band.mean(axis=0) for band in np.array_split(grey, 4)])
    noise = np.median(np.abs(np.diff(bands, axis=1)))
    # Eight columns around each possible start of a tile: three before, two that may hold the seam, three after.
    around = np.lib.stride_tricks.sliding_window_view(bands, 8, axis=1)[:, MIN_TILE_PX - 4 : 5 - MIN_TILE_PX or None]
    before, seam, after = around[..., :3], around[..., 3:5], around[..., 5:]
    step = after.mean(axis=-1) - before.mean(axis=-1)
    same_sign = np.abs(np.sign(step).sum(axis=0)) == len(step)
    line = np.minimum(before.mean(axis=-1), after.mean(axis=-1)) - seam.min(axis=-1)
    score = np.maximum(np.where(same_sign, np.abs(step).min(axis=0), 0), line.min(axis=0))
    # Next to a seam both backgrounds are flat; next to the flow cell's edge or a fibre the light changes gradually.
    uneven = np.maximum(np.ptp(before, axis=-1), np.ptp(after, axis=-1)).max(axis=0)
    score = np.where(uneven < 0.3 * score, score, 0)
    best = score.argmax()
    if score[best] <= max(MIN_STEP, 4 * noise):
        return None
    # The window determines which tiles, the largest change within it between which two columns.
    change = np.abs(np.diff(around[:, best].mean(axis=0)))[2:5]
    return MIN_TILE_PX - 1 + int(best) + int(change.argmax())


def _in_reading_order(boxes: NDArray[np.int_]) -> NDArray[np.int_]:
    """Boxes by rows of the collage from the top, each from left to right.

    A row consists of the tiles that start above the middle of its first tile.
    """
    ordered, rest = [], boxes[np.argsort(boxes[:, 0], kind="stable")]
    while len(rest):
        top, bottom = rest[0, 0], rest[0, 2]
        in_row = rest[:, 0] < (top + bottom) / 2
        row = rest[in_row]
        ordered.append(row[np.argsort(row[:, 1], kind="stable")])
        rest = rest[~in_row]
    return np.concatenate(ordered) if ordered else boxes
