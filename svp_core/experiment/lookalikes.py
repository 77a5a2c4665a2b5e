"""Which tiles show the same picture: turned or mirrored, shifted by up to two pixels, brighter, or with a little noise.

Two tiles are lookalikes where, in one of eight orientations and after a shift of at most 2 px along each axis, their
central 60 x 60 px differ by less than near_duplicates.MAX_SHIFTED_RMS after both means are subtracted, and as little in
those pixels alone in which either shows more than background: around a small particle the tile is filled with one
level, in which all particles agree. They also correlate above MIN_CORRELATION, or two nearly empty tiles would be
lookalikes. All pairs are searched: means over cells can only be nearer than the pixels are, so nothing is lost by
comparing those first.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from svp_core.near_duplicates import MAX_SHIFTED_RMS, orientations

SHIFT_PX = 2
MIN_CORRELATION = 0.95
CONTENT_LEVELS = 4.0  # grey levels from the background, from which on a pixel shows something
_CELL_PX = 6
_VARIANTS_COMPARED = 4  # per pair, those with the nearest cell means
_BATCH = 24  # tiles whose variants are compared at a time; bounds memory


def find_lookalikes(tiles: NDArray[np.uint8], others: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Lookalikes between two sets: int (P, 2), position in `tiles` and in `others`, in order.

    tiles, others: uint8 (N, 64, 64), (M, 64, 64).
    """
    pairs = [pair for pair, _ in _search(np.asarray(tiles), np.asarray(others))]
    return np.array(sorted(pairs), np.int64).reshape(-1, 2)


def group_lookalikes(tiles: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Group of each tile, int (N,): equal for lookalikes, and for lookalikes of those."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    n = len(tiles)
    if not n:
        return np.zeros(0, np.int64)
    pairs = find_lookalikes(tiles, tiles)
    graph = coo_matrix((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), (n, n))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def _search(tiles: NDArray[np.uint8], others: NDArray[np.uint8]) -> Iterator[tuple[tuple[int, int], float]]:
    """((position, other), difference in grey levels) of every pair of lookalikes."""
    if not len(tiles) or not len(others):
        return
    core = tiles[:, SHIFT_PX:-SHIFT_PX, SHIFT_PX:-SHIFT_PX]
    cells, spread = _cell_means(core), core.std((1, 2), dtype=np.float32)
    length = np.sqrt((cells**2).sum(1))
    order = np.argsort(length, kind="stable")
    cells, spread, ordered_length = cells[order], spread[order], length[order]
    reach = MAX_SHIFTED_RMS * np.sqrt(cells.shape[1])
    # Others of similar contrast together, so that few tiles have to be compared with them.
    contrast = np.argsort(others.std((1, 2), dtype=np.float32), kind="stable")
    for start in range(0, len(others), _BATCH):
        members = contrast[start : start + _BATCH]
        variants = _variants(others[members])  # (n, V, 60, 60)
        flat = variants.reshape(-1, *variants.shape[2:])
        variant_cells, variant_spread = _cell_means(flat), flat.std((1, 2), dtype=np.float32)
        variant_length = np.sqrt((variant_cells**2).sum(1))
        # |a - b| >= ||a| - |b||: only tiles of similar length can be near.
        first = np.searchsorted(ordered_length, variant_length.min() - reach)
        last = np.searchsorted(ordered_length, variant_length.max() + reach, side="right")
        window = slice(first, last)
        squares = (ordered_length[window] ** 2)[:, None] + variant_length**2
        squares -= 2 * cells[window] @ variant_cells.T
        squares /= cells.shape[1]
        a, b = spread[window][:, None], variant_spread[None]
        limit = np.minimum(MAX_SHIFTED_RMS**2, a**2 + b**2 - 2 * MIN_CORRELATION * a * b)
        squares[squares > limit + 1e-3] = np.inf
        by_tile = squares.reshape(last - first, len(members), -1)
        for row, column in np.argwhere(np.isfinite(by_tile).any(2)):
            best = np.argsort(by_tile[row, column], kind="stable")[:_VARIANTS_COMPARED]
            best = best[np.isfinite(by_tile[row, column][best])]
            difference = _difference(core[order[first + row]], variants[column][best])
            if difference is not None:
                yield (int(order[first + row]), int(members[column])), difference


def _difference(tile: NDArray[np.uint8], variants: NDArray[np.uint8]) -> float | None:
    """Smallest RMS difference to the variants that are the same picture; None where none is."""
    a = tile.astype(np.float32) - tile.mean(dtype=np.float32)
    b = variants.astype(np.float32)
    b -= b.mean((1, 2), keepdims=True)
    rms = np.sqrt(((a - b) ** 2).mean((1, 2)))
    power = np.sqrt((a**2).mean() * (b**2).mean((1, 2)))
    shows = (np.abs(a - np.median(a)) > CONTENT_LEVELS) | (
        np.abs(b - np.median(b, axis=(1, 2), keepdims=True)) > CONTENT_LEVELS
    )
    inside = np.sqrt((((a - b) ** 2) * shows).sum((1, 2)) / np.maximum(shows.sum((1, 2)), 1))
    near = (rms < MAX_SHIFTED_RMS) & (inside < MAX_SHIFTED_RMS)
    same = near & (((a * b).mean((1, 2)) > MIN_CORRELATION * power) | (rms == 0))
    return float(rms[same].min()) if same.any() else None


def _variants(tiles: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The central part of each tile in every orientation and shift, uint8 (N, 200, 60, 60)."""
    side = tiles.shape[-1] - 2 * SHIFT_PX
    shifts = range(2 * SHIFT_PX + 1)
    crops = [
        turned[:, down : down + side, right : right + side]
        for turned in orientations(tiles)
        for down in shifts
        for right in shifts
    ]
    return np.stack(crops, axis=1)


def _cell_means(tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Means over square cells, less the tile's mean, float32 (N, cells)."""
    cells = tiles.shape[-1] // _CELL_PX
    shape = (len(tiles), cells, _CELL_PX, cells, _CELL_PX)
    means = tiles.reshape(shape).mean((2, 4), dtype=np.float32).reshape(len(tiles), -1)
    return means - means.mean(1, keepdims=True)
