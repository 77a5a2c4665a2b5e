"""Features of a network that has learnt the labels by heart hide the errors: told before anyone trusts them."""

import numpy as np

from svp_core.label_errors.validation import check_probs

GAP = 0.05  # share of images; a network that agrees with its labels so much more than a strange one knows them by heart
ALL_BUT = 0.02  # no lab's labels are this good: a network that contradicts fewer of them has learnt the errors too


def is_memorised(labels, seen_probs, unseen_probs):
    """A sentence that says why a network's features must not be used to doubt these labels; "" where nothing is wrong.

    labels: int (N,). seen_probs: float (N, K), the network's own answers, when it may have been trained on these images
    and labels. unseen_probs: float (N, K), out of fold, from features of a network that never saw them.
    Out-of-fold models do not help: the wrong label is in the features already (average precision fell from 0.78 to 0.44
    in a trial).
    """
    labels, seen = check_probs(labels, seen_probs)
    _, unseen = check_probs(labels, unseen_probs)
    if not len(labels):
        return ""
    own, honest = (float(np.mean(probs.argmax(1) == labels)) for probs in (seen, unseen))
    if own - honest > GAP:
        return (
            f"The network agrees with {100 * own:.1f} % of the labels, models that never saw them with "
            f"{100 * honest:.1f} %; it has learnt the labels by heart, so use features of a network that was not "
            "trained on them."
        )
    if own > 1 - ALL_BUT and own > honest + ALL_BUT / 2:
        return (
            f"The network agrees with {100 * own:.1f} % of the labels; no one's labels are so good, so use features of "
            "a network that was not trained on them."
        )
    return ""
