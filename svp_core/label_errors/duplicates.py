"""Duplicate images: identical pixels, or the same picture shifted by a pixel, brightened or with a little noise."""

from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from svp_core.label_errors.neighbours import Neighbours
from svp_core.near_duplicates import MAX_SHIFTED_RMS

MIN_SIMILARITY = 0.8  # of neighbours (Neighbours.similarity) that are compared pixel by pixel
MAX_COARSE_RMS = 8.0  # grey levels, over means of 8 x 8 px; a shift of one pixel cannot bridge a larger distance
MIN_CORRELATION = 0.9  # two nearly empty tiles are close without being the same picture
_SHIFT_PX = 1
_BATCH_SIZE = 512  # pairs


@dataclass(frozen=True)
class Duplicates:
    """Which images show the same picture."""

    exact: NDArray[np.int64]  # (N,): equal for images with identical pixels
    near: NDArray[np.int64]  # (N,): equal for near-duplicates as well

    def groups(self) -> list[NDArray[np.int64]]:
        """Positions of the images in each group of two or more near-duplicates, in source order."""
        order = np.argsort(self.near, kind="stable")
        parts = np.split(order, np.flatnonzero(np.diff(self.near[order])) + 1) if len(order) else []
        return sorted((part for part in parts if len(part) > 1), key=lambda part: part[0])

    def disagreeing(self, labels: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """Groups whose images carry different labels."""
        return [part for part in self.groups() if len(np.unique(labels[part])) > 1]


def find_duplicates(tiles: NDArray[np.uint8], neighbours: Neighbours) -> Duplicates:
    """Duplicates among tiles, uint8 (N, H, W). neighbours: from find_neighbours, of all of them.

    Identical pixels are found anywhere in the set; near-duplicates among the two nearest neighbours of each image:
    pairs whose difference, after a shift of at most one pixel and equal mean brightness, is below 2.2 grey levels RMS.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    n = len(tiles)
    exact = np.unique([sha256(np.ascontiguousarray(tile).data).digest() for tile in tiles], return_inverse=True)[1]
    exact = exact.reshape(n)
    candidates = neighbours.positions[:, :2]
    pairs = np.argwhere((candidates >= 0) & (neighbours.similarity[:, :2] >= MIN_SIMILARITY))
    left, right = pairs[:, 0], candidates[pairs[:, 0], pairs[:, 1]]
    coarse = _coarse_means(tiles)
    possible = exact[left] != exact[right]
    possible &= ((coarse[left] - coarse[right]) ** 2).mean(1) < MAX_COARSE_RMS**2
    left, right = left[possible], right[possible]
    same = _is_same_picture(tiles, left, right)
    rows, columns = np.concatenate([np.arange(n), left[same]]), np.concatenate([n + exact, right[same]])
    graph = coo_matrix((np.ones(len(rows), bool), (rows, columns)), (2 * n, 2 * n))
    parts = connected_components(graph, directed=False)[1][:n]
    return Duplicates(exact, np.unique(parts, return_inverse=True)[1].reshape(n))


def _is_same_picture(tiles, left, right):
    """Whether each pair is a near-duplicate, bool (P,)."""
    result = np.zeros(len(left), bool)
    edge, shifts = _SHIFT_PX, 2 * _SHIFT_PX + 1
    for start in range(0, len(left), _BATCH_SIZE):
        batch = slice(start, start + _BATCH_SIZE)
        inner = _centred(tiles[left[batch]][:, edge:-edge, edge:-edge])
        whole = np.asarray(tiles[right[batch]])
        for down in range(shifts):
            for across in range(shifts):
                height, width = inner.shape[1:]
                shifted = _centred(whole[:, down : down + height, across : across + width])
                rms = np.sqrt(((inner - shifted) ** 2).mean((1, 2)))
                power = np.sqrt((inner**2).mean((1, 2)) * (shifted**2).mean((1, 2)))
                result[batch] |= (rms < MAX_SHIFTED_RMS) & ((inner * shifted).mean((1, 2)) > MIN_CORRELATION * power)
    return result


def _coarse_means(tiles):
    """Means over 8 x 8 px, less the tile's mean, float32 (N, 64)."""
    height, width = tiles.shape[1] // 8 * 8, tiles.shape[2] // 8 * 8
    means = np.empty((len(tiles), height * width // 64), np.float32)
    for start in range(0, len(tiles), _BATCH_SIZE):
        batch = np.asarray(tiles[start : start + _BATCH_SIZE, :height, :width], np.float32)
        means[start : start + len(batch)] = (
            batch.reshape(len(batch), height // 8, 8, width // 8, 8).mean((2, 4)).reshape(len(batch), -1)
        )
    return means - means.mean(1, keepdims=True)


def _centred(tiles):
    levels = np.asarray(tiles, np.float32)
    return levels - levels.mean((1, 2), keepdims=True)
