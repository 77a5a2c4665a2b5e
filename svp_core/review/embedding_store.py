"""Embedding of a review's particles, stored beside its queue: nearest neighbours, coordinates and a 2-D map.

Made by the search for label errors, or afterwards (tasks.embed_review); a review created without it has none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svp_core.files import remove_leftovers, save_array
from svp_core.review.store import Review, open_review
from svp_core.workspace.paths import workspace_root


@dataclass(frozen=True)
class ReviewEmbedding:
    """Arrays of all particles, in the queue's order; memory-mapped."""

    neighbours: NDArray[np.int32]  # (N, k): positions in the queue of the nearest, nearest first; -1 for no more
    coordinates: NDArray[np.float16]  # (N, d): principal components of the features, largest variance first
    map_xy: NDArray[np.float32]  # (N, 2): t-SNE, as embedding.clusters.tsne_map gives it


def save_embedding(
    review_id: str,
    names: Sequence[str],
    neighbours: NDArray[np.integer[Any]],
    coordinates: NDArray[np.floating[Any]],
    map_xy: NDArray[np.floating[Any]],
) -> None:
    """Store the embedding of a review's particles.

    names: particles in the order of the arrays. neighbours: (N, k), positions in names or -1. coordinates: (N, d).
    map_xy: (N, 2).
    """
    positions = open_review(review_id).positions
    to_queue = np.array([positions[name] for name in names], np.int32)
    in_queue = np.where(neighbours < 0, -1, to_queue[np.maximum(neighbours, 0)]).astype(np.int32)
    order = np.argsort(to_queue)
    folder = workspace_root() / "reviews" / review_id
    remove_leftovers(folder)
    save_array(folder / "nearest.npy", in_queue[order])
    save_array(folder / "places.npy", np.asarray(coordinates, np.float16)[order])
    save_array(folder / "plane.npy", np.asarray(map_xy, np.float32)[order])


def load_embedding(review: Review) -> ReviewEmbedding | None:
    """Embedding of an open review, or None where it has none, or it does not fit."""
    folder, arrays = workspace_root() / "reviews" / review.id, []
    for file in ("nearest.npy", "places.npy", "plane.npy"):
        try:
            arrays.append(np.load(folder / file, mmap_mode="r", allow_pickle=False))
        except (OSError, ValueError, EOFError):
            return None
    if any(len(array) != len(review.table) or array.ndim != 2 for array in arrays):
        return None
    return ReviewEmbedding(*arrays)
