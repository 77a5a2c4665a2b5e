"""Nearest neighbours of each particle image, and their labels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NEIGHBOURS = 15
_CANDIDATES = 40  # nearest neighbours from any fold; those of other folds are picked from them
_DIMENSIONS = 128  # leading principal components; the later ones only add noise to the similarity
_MAX_SEARCHED = 200_000  # images; of a larger set a random part is searched


@dataclass(frozen=True)
class Neighbours:
    """The most similar images of each image, most similar first."""

    positions: NDArray[np.int32]  # (N, k); -1 where there are no more
    similarity: NDArray[np.float32]  # (N, k), cosine similarity of the coordinates, -1..1; 1 = identical


def find_neighbours(coordinates: NDArray[np.float32], *, k: int = _CANDIDATES, seed: int = 0) -> Neighbours:
    """Neighbours among all other images. coordinates: float32 (N, d) as PcaSpace.transform gives them."""
    unit = unit_vectors(coordinates)
    searched = np.arange(len(unit))
    if len(unit) > _MAX_SEARCHED:
        searched = np.sort(np.random.default_rng(seed).permutation(len(unit))[:_MAX_SEARCHED])
    positions, similarity = _search(unit, unit[searched], min(k + 1, len(searched)))
    return _drop_self(Neighbours(searched[positions].astype(np.int32), similarity), np.arange(len(unit)), k)


def from_other_folds(
    neighbours: Neighbours,
    coordinates: NDArray[np.float32],
    *,
    fold: NDArray[np.int64],
    eligible: NDArray[np.bool_] | None = None,
    k: int = NEIGHBOURS,
) -> Neighbours:
    """The k neighbours of each image that lie in other folds.

    neighbours: from find_neighbours; where too few of them qualify, all images are searched. eligible: bool (N,),
    images that may be neighbours; all by default.
    """
    n = len(coordinates)
    eligible = np.ones(n, bool) if eligible is None else eligible
    candidates = np.maximum(neighbours.positions, 0)
    valid = (neighbours.positions >= 0) & (fold[candidates] != fold[:, None]) & eligible[candidates]
    # A stable sort moves the valid ones to the front and keeps their order.
    order = np.argsort(~valid, axis=1, kind="stable")[:, :k]
    positions = np.where(np.take_along_axis(valid, order, 1), np.take_along_axis(neighbours.positions, order, 1), -1)
    similarity = np.take_along_axis(neighbours.similarity, order, 1)
    missing = k - positions.shape[1]
    positions = np.pad(positions, ((0, 0), (0, max(0, missing))), constant_values=-1).astype(np.int32)
    similarity = np.pad(similarity, ((0, 0), (0, max(0, missing))), constant_values=-1).astype(np.float32)
    incomplete = (positions < 0).any(1)
    if incomplete.any():
        unit = unit_vectors(coordinates)
        for number in np.unique(fold[incomplete]):
            rows = np.flatnonzero(incomplete & (fold == number))
            others = np.flatnonzero(eligible & (fold != number))
            if not len(others):
                continue
            nearest, values = _search(unit[rows], unit[others], min(k, len(others)))
            positions[rows, : nearest.shape[1]], similarity[rows, : nearest.shape[1]] = others[nearest], values
    return Neighbours(positions, np.where(positions < 0, -1, similarity).astype(np.float32))


def neighbour_votes(neighbours: Neighbours, labels: NDArray[np.int64], class_count: int) -> NDArray[np.int64]:
    """How many neighbours carry each label: int (N, K)."""
    counts = np.zeros((len(neighbours.positions), class_count), np.int64)
    for column in neighbours.positions.T:
        rows = np.flatnonzero(column >= 0)
        counts[rows, labels[column[rows]]] += 1
    return counts


def unit_vectors(coordinates: NDArray[np.float32]) -> NDArray[np.float32]:
    """Direction of each image from the mean of all, float32 (N, d), of length 1 (0 for an image at the mean)."""
    unit = np.array(coordinates[:, :_DIMENSIONS], np.float32)
    length = np.linalg.norm(unit, axis=1, keepdims=True)
    return np.divide(unit, length, out=unit, where=length > 0)


def _search(rows, others, k):
    from sklearn.neighbors import NearestNeighbors

    distances, positions = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(others).kneighbors(rows)
    return positions, (1 - distances**2 / 2).astype(np.float32)


def _drop_self(neighbours, self_positions, k):
    """Remove each row's own position and keep k."""
    is_self = neighbours.positions == self_positions[:, None]
    # Among identical images the own position may be missing from the result; then the last one is dropped.
    is_self[~is_self.any(1), -1] = True
    columns = np.argsort(is_self, axis=1, kind="stable")[:, : neighbours.positions.shape[1] - 1][:, :k]
    return Neighbours(
        np.take_along_axis(neighbours.positions, columns, 1), np.take_along_axis(neighbours.similarity, columns, 1)
    )
