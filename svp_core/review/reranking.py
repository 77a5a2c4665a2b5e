"""What was decided moves the rest of a queue: after each page, so that the next decisions are worth the most."""

from dataclasses import dataclass

import numpy as np

from svp_core.label_errors import LeaveOneOut, leave_one_out_ridge

MAX_NUMBERS = 25_000_000  # that the places may have; of more particles the finer directions are left out
_LIKELIEST, _WEIGHT = 1e-4, 3.0  # see order_again


@dataclass(frozen=True)
class RerankBaseline:
    """What does not change while a queue is worked off: made once, asked after every page."""

    ridge: LeaveOneOut
    labels: np.ndarray  # int (N,), -1 for none: before anything was decided
    margin: np.ndarray  # float (N,): of these labels, as their look-alikes bear them out
    doubt: np.ndarray  # float (N,): log odds that the label is wrong, from the queue's score
    class_count: int


def prepare_rerank(places, labels, scores, *, class_count):
    """The FirstLook at a queue. places: float (N, d) as a label_review.Space gives them; labels: int (N,), -1 for none.

    scores: float (N,), 0 = surely labelled wrong, 1 = fine; nan where nobody knows.
    """
    places = places[:, : max(1, MAX_NUMBERS // max(1, len(places)))]
    ridge = leave_one_out_ridge(places)
    score = np.clip(np.nan_to_num(np.asarray(scores, float), nan=0.5), _LIKELIEST, 1 - _LIKELIEST)
    return RerankBaseline(
        ridge, labels, _margin(ridge, labels, class_count), np.log1p(-score) - np.log(score), class_count
    )


def rerank(first, labels):
    """Positions in the order in which to look now, int (N,): most doubtful first.

    labels: int (N,), as they are now; -1 for particles that have none or teach nothing (unsure, no particle). How
    doubtful a label is stays what the queue says, plus what has been learnt since: by how much less the look-alikes'
    labels bear it out than before anything was decided. Without decisions the order is the queue's.
    """
    # Of a particle that was decided the margin is of the label it had: it is not looked at again.
    change = _margin(first.ridge, first.labels, first.class_count, taught=labels) - first.margin
    return np.argsort(-(first.doubt - _WEIGHT * change), kind="stable")


def _margin(ridge, labels, class_count, *, taught=None):
    """Leave-one-out regression of the label less the largest other, float (N,); 0 where there is no label."""
    taught = labels if taught is None else taught
    predicted = ridge.predict(np.maximum(taught, 0), class_count=class_count, known=taught >= 0)
    rows = np.arange(len(labels))
    own = predicted[rows, np.maximum(labels, 0)].copy()
    predicted[rows, np.maximum(labels, 0)] = -np.inf
    return np.where((labels >= 0) & (class_count > 1), own - predicted.max(1, initial=-9.0), 0.0)
