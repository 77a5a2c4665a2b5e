"""Label noise matrix: how often images of one class carry the label of another."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from svp_core.label_errors.validation import check_probs

CLEAR = 0.6  # share of each predicted class, the most confident images, that counts as clear
# Small classes need more: a wrong label lowers its neighbours' confidence, not its own, so it stays among the top.
MIN_CLEAR = 30
_SHAPES = (0.03, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25, 100)  # from unrelated rates to equal rates
_RATES = np.geomspace(1e-6, 0.3, 120)
_MAX_RATE = 0.4  # a larger rate would mean that the label is usual for the class


@dataclass(frozen=True)
class NoiseMatrix:
    """Estimated rates of label errors."""

    rates: NDArray[np.float64]  # (K, K): [true, given], share of images of class `true` that are labelled `given`
    clear: NDArray[np.int64]  # (K, K): [predicted, given], clear images behind the rates
    sizes: NDArray[np.int64]  # (K,): images predicted to be of each class
    spread: float  # shape of the gamma prior of the rates; large = all rates equal


def estimate_noise(labels: ArrayLike, probs: ArrayLike) -> NoiseMatrix:
    """NoiseMatrix from out-of-fold probabilities. labels: int (N,); probs: float (N, K).

    Among the more confident 60 % of the images predicted to be of a class, those labelled otherwise are taken as errors
    of the label, not of the model: there n_yg of n_y labels say g instead of y. The rates n_yg / n_y of few images are
    shrunk towards one another as far as they differ no more than by chance (gamma-Poisson model, shape and rate by
    maximum likelihood of the counts): with uniform noise all rates become equal, with one confused pair that pair's
    rate stands out. The model assumes that errors are as frequent among clear images as among others; where labellers
    err on look-alikes only, the rates are too low.
    """
    labels, probs = check_probs(labels, probs)
    class_count = probs.shape[1]
    predicted = probs.argmax(1)
    clear = np.zeros((class_count, class_count), np.int64)
    for true in range(class_count):
        rows = np.flatnonzero(predicted == true)
        if len(rows):
            confidence = probs[rows, true]
            count = min(len(rows), max(MIN_CLEAR, round(CLEAR * len(rows))))
            threshold = np.partition(confidence, len(rows) - count)[len(rows) - count]
            clear[true] = np.bincount(labels[rows[confidence >= threshold]], minlength=class_count)
    shape, rate = _gamma_prior(clear)
    rates = np.minimum((clear + shape) / (clear.sum(1, keepdims=True) + rate), _MAX_RATE)
    # However many classes there are, most images are taken to be labelled correctly.
    np.fill_diagonal(rates, 0)
    rates /= np.maximum(rates.sum(1, keepdims=True) / 0.9, 1)
    np.fill_diagonal(rates, 1 - rates.sum(1))
    return NoiseMatrix(rates, clear, np.bincount(predicted, minlength=class_count), float(shape))


def _gamma_prior(clear):
    """(shape, rate) of the gamma prior that maximises the likelihood of the off-diagonal counts."""
    from scipy.special import gammaln

    off_diagonal = ~np.eye(len(clear), dtype=bool)
    wrong = clear[off_diagonal].astype(float)
    totals = np.maximum(np.repeat(clear.sum(1), len(clear) - 1).astype(float), 1e-9)
    if not wrong.any():
        # No error among the clear images: assume about half an error among all of them.
        return 1.0, max(2 * totals.sum(), 1.0)
    best = -np.inf, 1.0, 1.0
    for shape in _SHAPES:
        rate = shape / _RATES[:, None]
        log_likelihood = (
            gammaln(wrong + shape)
            - gammaln(shape)
            + shape * np.log(rate / (rate + totals))
            + wrong * np.log(totals / (rate + totals))
        ).sum(1)
        index = int(log_likelihood.argmax())
        best = max(best, (float(log_likelihood[index]), shape, float(rate[index, 0])))
    return best[1:]
