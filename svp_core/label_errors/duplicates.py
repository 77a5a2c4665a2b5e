"""One picture more than once: exactly, or saved again, moved by a pixel, brightened, with a little noise."""

from dataclasses import dataclass
from hashlib import sha256

import numpy as np

ALIKE = 0.8  # likeness (nearest.Nearest) from which pictures are compared
ROUGHLY = 8.0  # grey levels, root mean square over means of 8 x 8 px; farther apart no shift of a pixel brings them
SAME = 2.2  # grey levels, root mean square; two photographs of simulated particles are never closer than 2.5
FOLLOWS = 0.9  # correlation; two nearly empty tiles are close without being one picture
_SHIFT_PX = 1
_COMPARED = 512  # pairs at a time


@dataclass(frozen=True)
class Duplicates:
    """Which images are one picture."""

    picture: np.ndarray  # int (N,): equal for images of the same pixels
    near: np.ndarray  # int (N,): equal for near-duplicates too

    def groups(self):
        """Positions of the images of every picture that is there more than once, in their order."""
        order = np.argsort(self.near, kind="stable")
        parts = np.split(order, np.flatnonzero(np.diff(self.near[order])) + 1) if len(order) else []
        return sorted((part for part in parts if len(part) > 1), key=lambda part: part[0])

    def disagreeing(self, labels):
        """Those groups whose images do not all carry the same label."""
        return [part for part in self.groups() if len(np.unique(labels[part])) > 1]


def find_duplicates(tiles, nearest):
    """Copies among tiles, uint8 (N, H, W). nearest: as find_nearest gives it for all of them.

    The same pixels are found wherever they are; near-duplicates among the two most alike images of each: what is left
    of one when the other is put over it, moved by up to a pixel and made as bright, is below 2.2 grey levels.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    n = len(tiles)
    picture = np.unique([sha256(np.ascontiguousarray(tile)).digest() for tile in tiles], return_inverse=True)[1]
    picture = picture.reshape(n)
    candidates = nearest.positions[:, :2]
    pairs = np.argwhere((candidates >= 0) & (nearest.likeness[:, :2] >= ALIKE))
    left, right = pairs[:, 0], candidates[pairs[:, 0], pairs[:, 1]]
    rough = _rough(tiles)
    possible = picture[left] != picture[right]
    possible &= ((rough[left] - rough[right]) ** 2).mean(1) < ROUGHLY**2
    left, right = left[possible], right[possible]
    same = _same(tiles, left, right)
    rows, columns = np.concatenate([np.arange(n), left[same]]), np.concatenate([n + picture, right[same]])
    graph = coo_matrix((np.ones(len(rows), bool), (rows, columns)), (2 * n, 2 * n))
    parts = connected_components(graph, directed=False)[1][:n]
    return Duplicates(picture, np.unique(parts, return_inverse=True)[1].reshape(n))


def _same(tiles, left, right):
    """Whether these pairs are one picture, bool (P,)."""
    found = np.zeros(len(left), bool)
    edge, moves = _SHIFT_PX, 2 * _SHIFT_PX + 1
    for start in range(0, len(left), _COMPARED):
        part = slice(start, start + _COMPARED)
        own = _centred(tiles[left[part]][:, edge:-edge, edge:-edge])
        whole = np.asarray(tiles[right[part]])
        for down in range(moves):
            for across in range(moves):
                height, width = own.shape[1:]
                other = _centred(whole[:, down : down + height, across : across + width])
                apart = np.sqrt(((own - other) ** 2).mean((1, 2)))
                power = np.sqrt((own**2).mean((1, 2)) * (other**2).mean((1, 2)))
                found[part] |= (apart < SAME) & ((own * other).mean((1, 2)) > FOLLOWS * power)
    return found


def _rough(tiles):
    """Means over 8 x 8 px, less the mean of all, float32 (N, 64)."""
    height, width = tiles.shape[1] // 8 * 8, tiles.shape[2] // 8 * 8
    means = np.empty((len(tiles), height * width // 64), np.float32)
    for start in range(0, len(tiles), _COMPARED):
        part = np.asarray(tiles[start : start + _COMPARED, :height, :width], np.float32)
        means[start : start + len(part)] = (
            part.reshape(len(part), height // 8, 8, width // 8, 8).mean((2, 4)).reshape(len(part), -1)
        )
    return means - means.mean(1, keepdims=True)


def _centred(tiles):
    levels = np.asarray(tiles, np.float32)
    return levels - levels.mean((1, 2), keepdims=True)
