"""Which particles of a review look alike, and where each lies by its looks; kept beside its queue.

Made by whoever looked for suspects, or afterwards (tasks.likeness); a review that was begun without has none.
"""

from dataclasses import dataclass

import numpy as np

from svp_core.review.store import open_review
from svp_core.workspace.paths import workspace_root


@dataclass(frozen=True)
class ReviewEmbedding:
    """Of every particle, in the queue's order; memory-mapped."""

    nearest: np.ndarray  # int32 (N, k): positions in the queue of the most alike, most alike first; -1 for no more
    places: np.ndarray  # float16 (N, d), as a label_review.Space gives them: most telling direction first
    plane: np.ndarray  # float32 (N, 2), as groups.plane_of gives it


def save_embedding(review_id, names, nearest, places, plane):
    """Keep the likeness of a review's particles.

    names: of the particles in the order of nearest, int (N, k) with positions in names or -1, places, float (N, d), and
    plane, float (N, 2).
    """
    place = open_review(review_id).place
    to_queue = np.array([place[name] for name in names], np.int32)
    in_queue = np.where(nearest < 0, -1, to_queue[np.maximum(nearest, 0)]).astype(np.int32)
    order = np.argsort(to_queue)
    folder = workspace_root() / "reviews" / review_id
    np.save(folder / "nearest.npy", in_queue[order])
    np.save(folder / "places.npy", np.asarray(places, np.float16)[order])
    np.save(folder / "plane.npy", np.asarray(plane, np.float32)[order])


def load_embedding(review):
    """The Likeness of an open review, or None where none was kept, or it does not fit."""
    folder, found = workspace_root() / "reviews" / review.id, []
    for file in ("nearest.npy", "places.npy", "plane.npy"):
        try:
            found.append(np.load(folder / file, mmap_mode="r", allow_pickle=False))
        except (OSError, ValueError, EOFError):
            return None
    if any(len(array) != len(review.table) or array.ndim != 2 for array in found):
        return None
    return ReviewEmbedding(*found)
