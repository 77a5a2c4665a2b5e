"""Out-of-fold predicted probabilities."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from svp_core.label_errors.ridge import PENALTY, add_intercept, as_probs
from svp_core.label_errors.validation import check_labels, probability_given

STRENGTHS = (0.4, 1.4, 4.0, 14.0)  # inverse regularisation of the logistic regression; chosen on the data
_SCALE = 40  # of the coordinates, for the solver
_TUNING_SAMPLE = 6000  # images on which the strength is chosen


def out_of_fold(
    coordinates: ArrayLike, labels: ArrayLike, *, fold: NDArray[np.int64], class_count: int | None = None
) -> NDArray[np.float32]:
    """Class probabilities of each image from models of the other folds: float32 (N, K), rows sum to 1.

    coordinates: float (N, d), from a PcaSpace, or features on one scale whose variances sum to about 1. labels: int
    (N,). fold: int (N,), from assign_folds. The mean of two models: multinomial logistic regression, with the strength
    of least log loss, and ridge regression on 0 and 1, converted by as_probs. Wrong labels distort the second less,
    because its loss does not grow without bound; the first handles rare classes better. A class that lies in a single
    fold has probability 0 there.
    """
    labels, points = check_labels(labels), np.asarray(coordinates, np.float32)
    class_count = class_count or int(labels.max()) + 1
    sample = _tuning_sample(labels, fold)
    strength = min(
        STRENGTHS,
        key=lambda strength: _log_loss(
            labels[sample], _logistic(points[sample], labels[sample], fold[sample], class_count, strength)
        ),
    )
    logistic = _logistic(points, labels, fold, class_count, strength)
    if len(np.unique(fold)) < 2:
        return logistic
    ridge = as_probs(_ridge(points, labels, fold, class_count), labels)
    return ((logistic + ridge) / 2).astype(np.float32)


def _log_loss(labels, probs):
    return -np.log(np.maximum(probability_given(labels, probs), 1e-6)).mean()


def _tuning_sample(labels, fold):
    """Positions of at most 6,000 images, the same share of each class and fold."""
    if len(labels) <= _TUNING_SAMPLE:
        return np.arange(len(labels))
    order = np.lexsort((fold, labels))
    return np.sort(order[np.linspace(0, len(order) - 1, _TUNING_SAMPLE).astype(np.int64)])


def _logistic(coordinates, labels, fold, class_count, strength):
    """Out-of-fold probabilities of the logistic regression, float32 (N, K)."""
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    probs = np.zeros((len(labels), class_count), np.float32)
    # The solver stops at a fixed gradient, which coordinates this small would satisfy from the start.
    coordinates = coordinates * _SCALE
    # At this size threads cost more in waiting than they save.
    with threadpool_limits(1):
        for number in np.unique(fold):
            held_out, train = fold == number, fold != number
            present = np.unique(labels[train])
            if len(present) < 2:
                # Nothing to tell apart: the one class present, or a uniform distribution.
                columns = present if len(present) else range(class_count)
                probs[np.ix_(held_out, columns)] = 1 if len(present) else 1 / class_count
                continue
            model = LogisticRegression(C=strength / _SCALE**2, max_iter=100, tol=1e-2)
            model.fit(coordinates[train], labels[train])
            probs[np.ix_(held_out, model.classes_)] = model.predict_proba(coordinates[held_out])
    return probs


def _ridge(coordinates, labels, fold, class_count):
    """Out-of-fold predictions of the ridge regression, float (N, K), near 1 = of the class."""
    predicted = np.zeros((len(labels), class_count))
    per_fold = {}
    for number in np.unique(fold):
        rows = add_intercept(coordinates[fold == number])
        target = np.eye(class_count)[labels[fold == number]]
        per_fold[number] = rows.T @ rows, rows.T @ target
    gram, products = (sum(part[k] for part in per_fold.values()) for k in range(2))
    for number, (own_gram, own_products) in per_fold.items():
        rest = gram - own_gram
        penalty = PENALTY * max(np.trace(rest) / len(rest), 1e-12) * np.eye(len(rest))
        predicted[fold == number] = add_intercept(coordinates[fold == number]) @ np.linalg.solve(
            rest + penalty, products - own_products
        )
    return predicted
