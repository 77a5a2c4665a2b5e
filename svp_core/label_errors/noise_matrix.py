"""How often images of one class carry the label of another: read from those whose class is clear."""

from dataclasses import dataclass

import numpy as np

from svp_core.label_errors.validation import check_probs

CLEAR = 0.6  # share of each class, the surest ones, that counts as clear
# Of small classes more: a wrong label makes its neighbours less sure, not itself, so that it lies among the surest.
MIN_CLEAR = 30
_SPREADS = (0.03, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25, 100)  # from rates all apart to all alike
_RATES = np.geomspace(1e-6, 0.3, 120)
_MOST = 0.4  # a larger rate would say that the label is usual for the class


@dataclass(frozen=True)
class NoiseMatrix:
    """How often labels go wrong."""

    rates: np.ndarray  # float (K, K): [true, given], share of images of the class `true` that are labelled `given`
    clear: np.ndarray  # int (K, K): [predicted, given], clear images behind it
    sizes: np.ndarray  # int (K,): images that are predicted to be of each class
    spread: float  # shape of the gamma distribution the rates are thought to come from; large = all rates alike


def estimate_noise(labels, probs):
    """Noise of labels, from probabilities out of fold. labels: int (N,); probs: float (N, K).

    Among the surer 60 % of the images predicted to be of a class, those labelled otherwise are errors of the label, not
    of the model: there, n_yg of n_y labels say g instead of y. The rates n_yg / n_y of few images are drawn to one
    another as far as they differ no more than chance makes them (gamma-Poisson, by the largest likelihood of the
    counts): with noise of one kind everywhere all rates become one, with one confused pair that pair's stands out.
    It takes errors to be as frequent among clear images as among others; where labellers err on look-alikes alone, the
    rates are too low.
    """
    labels, probs = check_probs(labels, probs)
    class_count = probs.shape[1]
    predicted = probs.argmax(1)
    clear = np.zeros((class_count, class_count), np.int64)
    for true in range(class_count):
        rows = np.flatnonzero(predicted == true)
        if len(rows):
            sure = probs[rows, true]
            count = min(len(rows), max(MIN_CLEAR, round(CLEAR * len(rows))))
            least = np.partition(sure, len(rows) - count)[len(rows) - count]
            clear[true] = np.bincount(labels[rows[sure >= least]], minlength=class_count)
    spread, exposure = _prior(clear)
    rates = np.minimum((clear + spread) / (clear.sum(1, keepdims=True) + exposure), _MOST)
    # However many classes there are, most images are thought to be labelled right.
    np.fill_diagonal(rates, 0)
    rates /= np.maximum(rates.sum(1, keepdims=True) / 0.9, 1)
    np.fill_diagonal(rates, 1 - rates.sum(1))
    return NoiseMatrix(rates, clear, np.bincount(predicted, minlength=class_count), float(spread))


def _prior(clear):
    """(shape, rate) of the gamma distribution under which the counts off the diagonal are most likely."""
    from scipy.special import gammaln

    other = ~np.eye(len(clear), dtype=bool)
    wrong = clear[other].astype(float)
    looked_at = np.maximum(np.repeat(clear.sum(1), len(clear) - 1).astype(float), 1e-9)
    if not wrong.any():
        # Nothing wrong among the clear ones: about half an error among all of them.
        return 1.0, max(2 * looked_at.sum(), 1.0)
    best = -np.inf, 1.0, 1.0
    for spread in _SPREADS:
        exposure = spread / _RATES[:, None]
        likely = (
            gammaln(wrong + spread)
            - gammaln(spread)
            + spread * np.log(exposure / (exposure + looked_at))
            + wrong * np.log(looked_at / (exposure + looked_at))
        ).sum(1)
        place = int(likely.argmax())
        best = max(best, (float(likely[place]), spread, float(exposure[place, 0])))
    return best[1:]
