"""What every function here takes, looked at once: labels int (N,), probabilities float (N, K)."""

import numpy as np

from svp_core.errors import LabError

MIN_PER_CLASS = 3  # images of a class; fewer cannot be judged, and are not suspected


def check_labels(labels):
    """The labels as int64 (N,). Raises ValueError where they are no positions of classes."""
    labels = np.asarray(labels)
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"labels are {labels.dtype} of shape {labels.shape}; give whole numbers (N,), positions of the classes"
        )
    if len(labels) and labels.min() < 0:
        raise ValueError(f"label {labels.min()} is no position of a class; give 0 or more")
    return labels.astype(np.int64)


def check_probs(labels, probs):
    """(labels int64 (N,), probs float64 (N, K)). Raises ValueError where a row is no probabilities of the classes."""
    labels, probs = check_labels(labels), np.asarray(probs, np.float64)
    if probs.ndim != 2 or len(probs) != len(labels):
        raise ValueError(f"probs are {probs.shape} for {len(labels)} labels; give one row an image")
    if len(labels) and labels.max() >= probs.shape[1]:
        raise ValueError(f"label {labels.max()} has no column in probs, which know {probs.shape[1]} classes")
    if not np.isfinite(probs).all():
        raise ValueError("probs hold numbers that are not finite; leave those images out")
    if len(probs) and (probs.min() < 0 or np.abs(probs.sum(1) - 1).max() > 0.01):
        raise ValueError("rows of probs must be 0 or more and sum to 1; raw scores need a softmax first")
    return labels, probs


def check_judgeable(labels, class_names):
    """Raise LabError unless at least two classes have enough images to be told apart."""
    counts = np.bincount(labels, minlength=len(class_names))
    if (counts > 0).sum() == 1:
        raise LabError(
            f"All {len(labels):,} images are labelled {class_names[labels[0]]}; suspects are found by comparing "
            "classes, so give images of at least two."
        )
    if (counts >= MIN_PER_CLASS).sum() < 2:
        raise LabError(
            f"{len(labels):,} images are too few to judge their labels; give at least two classes of {MIN_PER_CLASS} "
            "images or more."
        )


def probability_given(labels, probs):
    """Probability of the stated label, (N,), 0..1; low = likely mislabelled."""
    return probs[np.arange(len(labels)), labels]


def margins(labels, probs):
    """Probability of the stated label minus that of the best other class, (N,), -1..1; low = likely mislabelled."""
    return probability_given(labels, probs) - best_other(labels, probs).max(1)


def best_other(labels, probs):
    """probs with nothing for the stated label, (N, K)."""
    others = probs.copy()
    others[np.arange(len(labels)), labels] = 0
    return others
