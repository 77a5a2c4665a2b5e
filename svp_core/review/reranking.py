"""Re-ranking: order the rest of a review queue by what was decided so far."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from svp_core.label_errors import LeaveOneOut, leave_one_out_ridge

MAX_NUMBERS = 25_000_000  # N x d of the coordinates; with more particles the last components are left out
_MIN_PROBABILITY, _WEIGHT = 1e-4, 3.0  # see rerank


@dataclass(frozen=True)
class RerankBaseline:
    """What stays the same while a queue is reviewed: computed once, used after every batch."""

    ridge: LeaveOneOut
    labels: NDArray[np.integer[Any]]  # (N,), -1 for none: before the review
    margin: NDArray[np.float64]  # (N,): support of these labels by similar particles, see _margin
    doubt: NDArray[np.float64]  # (N,): log odds that the label is wrong, from the queue's score
    class_count: int


def prepare_rerank(
    coordinates: NDArray[np.floating[Any]],
    labels: NDArray[np.integer[Any]],
    scores: ArrayLike,
    *,
    class_count: int,
) -> RerankBaseline:
    """Baseline of a queue. coordinates: (N, d) from label_errors.pca; labels: (N,), -1 for none.

    scores: (N,), label quality: 0 = surely wrong, 1 = surely right; nan where unknown.
    """
    coordinates = coordinates[:, : max(1, MAX_NUMBERS // max(1, len(coordinates)))]
    ridge = leave_one_out_ridge(coordinates)
    score = np.clip(np.nan_to_num(np.asarray(scores, float), nan=0.5), _MIN_PROBABILITY, 1 - _MIN_PROBABILITY)
    return RerankBaseline(
        ridge, labels, _margin(ridge, labels, class_count), np.log1p(-score) - np.log(score), class_count
    )


def rerank(baseline: RerankBaseline, labels: NDArray[np.integer[Any]]) -> NDArray[np.intp]:
    """Positions in the order to review now, (N,): most doubtful first.

    labels: (N,), the current ones; -1 for particles without a label to learn from (unsure, not a particle). The doubt
    of a label is the queue's, plus what was learnt since: how much less the labels of similar particles support it than
    before the review. Without decisions the order is the queue's.
    """
    # For a decided particle the margin is that of its former label: it is not reviewed again.
    change = _margin(baseline.ridge, baseline.labels, baseline.class_count, current=labels) - baseline.margin
    return np.argsort(-(baseline.doubt - _WEIGHT * change), kind="stable")


def _margin(
    ridge: LeaveOneOut,
    labels: NDArray[np.integer[Any]],
    class_count: int,
    *,
    current: NDArray[np.integer[Any]] | None = None,
) -> NDArray[np.float64]:
    """Leave-one-out regression value of the label minus the largest other, (N,); 0 where there is no label."""
    current = labels if current is None else current
    predicted = ridge.predict(np.maximum(current, 0), class_count=class_count, known=current >= 0)
    rows = np.arange(len(labels))
    own = predicted[rows, np.maximum(labels, 0)].copy()
    predicted[rows, np.maximum(labels, 0)] = -np.inf
    return np.where((labels >= 0) & (class_count > 1), own - predicted.max(1, initial=-9.0), 0.0)
