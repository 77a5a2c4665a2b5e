"""Checks of the shared inputs: labels int (N,), probabilities float (N, K)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from svp_core.errors import LabError

MIN_PER_CLASS = 3  # images; a smaller class cannot be judged, so none of its labels is suspected


def check_labels(labels: ArrayLike) -> NDArray[np.int64]:
    """Labels as int64 (N,). Raises ValueError unless they are class indices (whole numbers from 0)."""
    array = np.asarray(labels)
    if array.ndim != 1 or not np.issubdtype(array.dtype, np.integer):
        raise ValueError(
            f"labels are {array.dtype} of shape {array.shape}; give whole numbers of shape (N,), the class indices"
        )
    if len(array) and array.min() < 0:
        raise ValueError(f"label {array.min()} is not a class index; give 0 or more")
    return array.astype(np.int64)


def check_probs(labels: ArrayLike, probs: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """(labels int64 (N,), probs float64 (N, K)). Raises ValueError unless every row of probs is a distribution."""
    labels, array = check_labels(labels), np.asarray(probs, np.float64)
    if array.ndim != 2 or len(array) != len(labels):
        raise ValueError(f"probs have shape {array.shape} for {len(labels)} labels; give one row per image")
    if len(labels) and labels.max() >= array.shape[1]:
        raise ValueError(f"label {labels.max()} has no column in probs, which cover {array.shape[1]} classes")
    if not np.isfinite(array).all():
        raise ValueError("probs contain NaN or infinite values; leave those images out")
    if len(array) and (array.min() < 0 or np.abs(array.sum(1) - 1).max() > 0.01):
        raise ValueError("rows of probs must be 0 or more and sum to 1; apply softmax to raw scores first")
    return labels, array


def check_judgeable(labels: NDArray[np.int64], class_names: Sequence[str]) -> None:
    """Raise LabError unless at least two classes have enough images to be compared."""
    counts = np.bincount(labels, minlength=len(class_names))
    if (counts > 0).sum() == 1:
        raise LabError(
            f"All {len(labels):,} images are labelled {class_names[labels[0]]}. Label errors are found by comparing "
            "classes; give images of at least two."
        )
    if (counts >= MIN_PER_CLASS).sum() < 2:
        raise LabError(
            f"{len(labels):,} images are too few to search for label errors; give at least two classes of "
            f"{MIN_PER_CLASS} images or more."
        )


def probability_given(labels: NDArray[np.int64], probs: NDArray) -> NDArray:
    """Predicted probability of the given label, (N,), 0..1; low = likely mislabelled (self-confidence)."""
    return probs[np.arange(len(labels)), labels]


def margins(labels: NDArray[np.int64], probs: NDArray) -> NDArray:
    """Probability of the given label minus that of the likeliest other class, (N,), -1..1; low = likely mislabelled."""
    return probability_given(labels, probs) - best_other(labels, probs).max(1)


def best_other(labels: NDArray[np.int64], probs: NDArray) -> NDArray:
    """Copy of probs (N, K) with 0 in the column of the given label."""
    others = probs.copy()
    others[np.arange(len(labels)), labels] = 0
    return others
