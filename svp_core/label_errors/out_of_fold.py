"""What each image is, according to those that have nothing to do with it."""

import numpy as np

from svp_core.label_errors.ridge import PENALTY, add_intercept, as_probs
from svp_core.label_errors.validation import check_labels, probability_given

STRENGTHS = (0.4, 1.4, 4.0, 14.0)  # how freely the logistic regression may follow the labels; chosen by the data
_STRETCHED = 40  # times, for the solver
_CHOSEN_ON = 6000  # images that the strength is chosen on


def out_of_fold(places, labels, *, fold, class_count=None):
    """Probability of every class for each image, by models of the images in other folds: float32 (N, K), rows sum to 1.

    places: float (N, d), a Space's, or features on one scale whose variances add up to about 1. labels: int (N,).
    fold: int (N,), as draw_folds gives it. The mean of two: multinomial logistic regression, with the strength that is
    surprised least, and ridge regression on 0 and 1, made probabilities by as_probs. Wrong labels pull the second
    less, as their loss does not grow without bound; rare classes are seen better by the first. A class that lies in one
    fold alone has probability 0 there.
    """
    labels, places = check_labels(labels), np.asarray(places, np.float32)
    class_count = class_count or int(labels.max()) + 1
    some = _some(labels, fold)
    strength = min(
        STRENGTHS,
        key=lambda strength: _surprise(
            labels[some], _logistic(places[some], labels[some], fold[some], class_count, strength)
        ),
    )
    logistic = _logistic(places, labels, fold, class_count, strength)
    if len(np.unique(fold)) < 2:
        return logistic
    return (logistic + as_probs(_ridge(places, labels, fold, class_count), labels)) / 2


def _surprise(labels, probs):
    return -np.log(np.maximum(probability_given(labels, probs), 1e-6)).mean()


def _some(labels, fold):
    """Positions of at most 6,000 images, of each class and fold the same share."""
    if len(labels) <= _CHOSEN_ON:
        return np.arange(len(labels))
    order = np.lexsort((fold, labels))
    return np.sort(order[np.linspace(0, len(order) - 1, _CHOSEN_ON).astype(np.int64)])


def _logistic(places, labels, fold, class_count, strength):
    """Probabilities out of fold, float32 (N, K)."""
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    probs = np.zeros((len(labels), class_count), np.float32)
    # The solver stops at a fixed slope, which it would have reached before it began on numbers as small as these.
    places = places * _STRETCHED
    # Threads that wait for one another cost more than they bring at this size.
    with threadpool_limits(1):
        for number in np.unique(fold):
            held, learnt = fold == number, fold != number
            there = np.unique(labels[learnt])
            if len(there) < 2:
                # Nothing to tell apart: what there is, or anything.
                probs[np.ix_(held, there if len(there) else range(class_count))] = 1 if len(there) else 1 / class_count
                continue
            model = LogisticRegression(C=strength / _STRETCHED**2, max_iter=100, tol=1e-2)
            model.fit(places[learnt], labels[learnt])
            probs[np.ix_(held, model.classes_)] = model.predict_proba(places[held])
    return probs


def _ridge(places, labels, fold, class_count):
    """Predictions out of fold, float (N, K), near 1 = of the class."""
    predicted = np.zeros((len(labels), class_count))
    parts = {}
    for number in np.unique(fold):
        rows = add_intercept(places[fold == number])
        wanted = np.eye(class_count)[labels[fold == number]]
        parts[number] = rows.T @ rows, rows.T @ wanted
    squares, products = (sum(part[k] for part in parts.values()) for k in range(2))
    for number, (own_squares, own_products) in parts.items():
        left = squares - own_squares
        penalty = PENALTY * max(np.trace(left) / len(left), 1e-12) * np.eye(len(left))
        predicted[fold == number] = add_intercept(places[fold == number]) @ np.linalg.solve(
            left + penalty, products - own_products
        )
    return predicted
