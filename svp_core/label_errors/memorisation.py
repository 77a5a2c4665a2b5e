"""Memorisation check: features of a network that memorised the labels hide the label errors."""

import numpy as np
from numpy.typing import ArrayLike

from svp_core.label_errors.validation import check_probs

MAX_GAP = 0.05  # of agreement with the labels over that of an unrelated network: above it they were memorised
MIN_ERROR = 0.02  # no lab's labels are this good: a network that contradicts fewer has learnt the errors as well


def memorisation_warning(labels: ArrayLike, seen_probs: ArrayLike, unseen_probs: ArrayLike) -> str:
    """A sentence why a network's features must not be used to search these labels; "" if nothing is wrong.

    labels: int (N,). seen_probs: float (N, K), predictions of the network, which may have been trained on these images
    and labels. unseen_probs: float (N, K), out of fold, from features of a network that never saw them.
    Out-of-fold models do not help: the wrong label is in the features already (average precision fell from 0.78 to 0.44
    in a trial).
    """
    labels, seen = check_probs(labels, seen_probs)
    _, unseen = check_probs(labels, unseen_probs)
    if not len(labels):
        return ""
    seen_accuracy, unseen_accuracy = (float(np.mean(probs.argmax(1) == labels)) for probs in (seen, unseen))
    if seen_accuracy - unseen_accuracy > MAX_GAP:
        return (
            f"The network agrees with {100 * seen_accuracy:.1f} % of the labels, models that never saw them with "
            f"{100 * unseen_accuracy:.1f} %: it has memorised the labels. Use features of a network that was not "
            "trained on them."
        )
    if seen_accuracy > 1 - MIN_ERROR and seen_accuracy > unseen_accuracy + MIN_ERROR / 2:
        return (
            f"The network agrees with {100 * seen_accuracy:.1f} % of the labels, more than labels are usually correct. "
            "Use features of a network that was not trained on them."
        )
    return ""
