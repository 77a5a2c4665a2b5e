"""Ranking again after each page of decisions: leave-one-out ridge regression in closed form, in a moment."""

from dataclasses import dataclass

import numpy as np

from svp_core.label_errors.validation import check_labels, probability_given

PENALTY = 0.03  # relative to the mean square of a direction; from 0.001 to 0.1 as many errors are found
_CONSTANT = 0.06  # beside places whose variances add up to 1, about what one of 256 directions is
_SHARPNESS = np.geomspace(0.5, 30, 25)


@dataclass(frozen=True)
class LeaveOneOut:
    """Everything about the images that does not depend on their labels: made once, asked after every page."""

    rows: np.ndarray  # float64 (N, d + 1): places, then the constant
    inverse: np.ndarray  # float64 (d + 1, d + 1): of their squares with the penalty
    leverage: np.ndarray  # float64 (N,), 0..1: how much an image decides its own prediction

    def predict(self, labels, *, class_count, known=None):
        """Prediction for each image by the ridge regression of all others: float64 (N, K), near 1 = of the class.

        labels: int (N,). known: bool (N,); where False (unsure, no particle) the label teaches nothing.
        One-vs-rest on 0 and 1: y - (y - f) / (1 - h), exact as long as the penalty stays (Hastie et al., The
        Elements of Statistical Learning, eq. 7.64).
        """
        wanted = np.zeros((len(labels), class_count))
        wanted[np.arange(len(labels)), check_labels(labels)] = 1 if known is None else known
        fitted = self.rows @ (self.inverse @ (self.rows.T @ wanted))
        return wanted - (wanted - fitted) / np.maximum(1 - self.leverage, 1e-9)[:, None]


def leave_one_out_ridge(places, *, penalty=PENALTY):
    """LeaveOneOut of places, float (N, d), as a Space gives them. The constant is penalised as every direction is."""
    rows = add_intercept(places)
    squares = rows.T @ rows
    squares[np.diag_indices_from(squares)] += penalty * max(np.trace(squares) / len(squares), 1e-12)
    inverse = np.linalg.inv(squares)
    return LeaveOneOut(rows, inverse, np.einsum("ij,ij->i", rows @ inverse, rows))


def as_probs(predicted, labels):
    """Probabilities float32 (N, K) from regressions on 0 and 1: softmax, as sharp as the labels bear out."""

    def sharpened(by):
        raised = np.exp(by * (predicted - predicted.max(1, keepdims=True)))
        return raised / raised.sum(1, keepdims=True)

    def surprise(by):
        return -np.log(np.maximum(probability_given(labels, sharpened(by)), 1e-6)).mean()

    return sharpened(min(_SHARPNESS, key=surprise)).astype(np.float32)


def add_intercept(places):
    """places, float (N, d), with a column for the constant: float64 (N, d + 1)."""
    return np.column_stack([np.asarray(places, np.float64), np.full(len(places), _CONSTANT)])
