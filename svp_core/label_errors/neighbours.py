"""The particles most like each one, and what they are labelled."""

from dataclasses import dataclass

import numpy as np

NEIGHBOURS = 15
_LOOKED_AT = 40  # nearest of all; those of other folds are taken from them
_DIRECTIONS = 128  # of a Space; the finer ones only add noise to a likeness
_MOST = 200_000  # particles that are looked among; of more a random part


@dataclass(frozen=True)
class Neighbours:
    """The most alike images of each image, most alike first."""

    positions: np.ndarray  # int32 (N, k); -1 where there are no more
    likeness: np.ndarray  # float32 (N, k), cosine of the angle between the places, -1..1; 1 = the same


def find_neighbours(places, *, k=_LOOKED_AT, seed=0):
    """Nearest of all other images. places: float32 (N, d) as a Space gives them."""
    unit = directions(places)
    among = np.arange(len(unit))
    if len(unit) > _MOST:
        among = np.sort(np.random.default_rng(seed).permutation(len(unit))[:_MOST])
    found, likeness = _search(unit, unit[among], min(k + 1, len(among)))
    return _without(Neighbours(among[found].astype(np.int32), likeness), np.arange(len(unit)), k)


def from_other_folds(nearest, places, *, fold, among=None, k=NEIGHBOURS):
    """The k Nearest that lie in another fold than the image. among: bool (N,), only these count; left out, all.

    nearest: what find_nearest gave; where too few of those are fit, all are searched.
    """
    n = len(places)
    among = np.ones(n, bool) if among is None else among
    there = np.maximum(nearest.positions, 0)
    fit = (nearest.positions >= 0) & (fold[there] != fold[:, None]) & among[there]
    # A stable sort brings the fit ones to the front, in their order.
    order = np.argsort(~fit, axis=1, kind="stable")[:, :k]
    positions = np.where(np.take_along_axis(fit, order, 1), np.take_along_axis(nearest.positions, order, 1), -1)
    likeness = np.take_along_axis(nearest.likeness, order, 1)
    missing = k - positions.shape[1]
    positions = np.pad(positions, ((0, 0), (0, max(0, missing))), constant_values=-1).astype(np.int32)
    likeness = np.pad(likeness, ((0, 0), (0, max(0, missing))), constant_values=-1).astype(np.float32)
    wanting = (positions < 0).any(1)
    unit = directions(places) if wanting.any() else None
    for number in np.unique(fold[wanting]):
        rows, others = np.flatnonzero(wanting & (fold == number)), np.flatnonzero(among & (fold != number))
        if not len(others):
            continue
        found, near = _search(unit[rows], unit[others], min(k, len(others)))
        positions[rows, : found.shape[1]], likeness[rows, : found.shape[1]] = others[found], near
    return Neighbours(positions, np.where(positions < 0, -1, likeness).astype(np.float32))


def neighbour_votes(nearest, labels, class_count):
    """How many of the nearest carry each label: int (N, K)."""
    counts = np.zeros((len(nearest.positions), class_count), np.int64)
    for column in nearest.positions.T:
        rows = np.flatnonzero(column >= 0)
        counts[rows, labels[column[rows]]] += 1
    return counts


def directions(places):
    """Where each image lies seen from the middle of all, float32 (N, d), of length 1 (0 for one in the middle)."""
    unit = np.array(places[:, :_DIRECTIONS], np.float32)
    length = np.linalg.norm(unit, axis=1, keepdims=True)
    return np.divide(unit, length, out=unit, where=length > 0)


def _search(rows, others, k):
    from sklearn.neighbors import NearestNeighbors

    distances, found = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(others).kneighbors(rows)
    return found, (1 - distances**2 / 2).astype(np.float32)


def _without(nearest, own, k):
    """Each row's own position taken out, and k left."""
    mine = nearest.positions == own[:, None]
    # Among identical images the own position may not be among the found ones; then the last goes.
    mine[~mine.any(1), -1] = True
    kept = np.argsort(mine, axis=1, kind="stable")[:, : nearest.positions.shape[1] - 1][:, :k]
    return Neighbours(np.take_along_axis(nearest.positions, kept, 1), np.take_along_axis(nearest.likeness, kept, 1))
