"""How much a classifier's confusion differs between instruments, and what that leaves to know of a new one.

Among particles of one class, the assigned classes on instrument i are taken as multinomial with shares from a Dirichlet
distribution of mean p and weight M (Dirichlet-multinomial; Minka 2000, Estimating a Dirichlet distribution). M is the
worth of the simulated instruments: what they say about another instrument is worth M particles of its own, however many
were simulated. Particles of the sample's own instrument count in full beside them.
"""

import numpy as np
import scipy
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

OWN_INSTRUMENT = -1  # in ConfusionReference.instruments: the instrument of the sample itself
USUAL_WORTH = 12.0  # where instruments are not told apart; fitted to the first shipped reference, for protein and air
# However alike the simulated instruments are, they are not worth more: particles of one size range differ more between
# instruments than those of all sizes, to which the worth is fitted, and a rare confusion may be missing among them all.
# Chosen on the instruments of benchmarks/counts.py, where fitted values alone gave intervals that held in 85 %.
MAX_WORTH = 15.0
MIN_INSTRUMENTS = 5  # from which the worth is fitted
# Beforehand, the standard deviation between instruments is equally likely to be anything from none to very large
# (Gelman 2006, Bayesian Analysis 1, section 4.1); it goes with 1 / sqrt(M + 1).
_WORTHS = 1 / np.linspace(0.58, 0.03, 80) ** 2 - 1


def worth_posterior(tables: FloatArray) -> FloatArray:
    """Probabilities (80,) of each of _WORTHS for one class; tables (I, C) are its counts per instrument.

    A point mass near USUAL_WORTH where fewer than MIN_INSTRUMENTS have at least two particles.
    """
    tables = tables[tables.sum(1) >= 2]
    if len(tables) < MIN_INSTRUMENTS:
        return (np.arange(len(_WORTHS)) == np.abs(_WORTHS - USUAL_WORTH).argmin()).astype(float)
    alpha = _WORTHS[:, None] * smooth(tables.sum(0))
    likelihood, gammaln = np.zeros(len(_WORTHS)), scipy.special.gammaln
    for row in tables:
        n = row.sum()
        likelihood += gammaln(_WORTHS) - gammaln(n + _WORTHS) + (gammaln(row + alpha) - gammaln(alpha)).sum(1)
    weights = np.exp(likelihood - likelihood.max())
    return weights / weights.sum()


def worth(tables: FloatArray) -> float:
    """Median worth of the simulated instruments for one class, in particles of the sample's own instrument."""
    return float(drawn_worths(worth_posterior(tables), np.array([0.5]))[0])


def drawn_worths(posterior: FloatArray, uniform: FloatArray) -> FloatArray:
    """Draws of the worth from its posterior, by uniform numbers of any shape."""
    return _WORTHS[np.minimum(np.searchsorted(posterior.cumsum(), uniform), len(_WORTHS) - 1)]


def smooth(counts: FloatArray) -> FloatArray:
    """Shares (..., C) of counts (..., C), with half a particle more in every column (Jeffreys' prior)."""
    with_prior = counts + 0.5
    return with_prior / with_prior.sum(-1, keepdims=True)


def draw_shares(
    similar: FloatArray,
    tables: FloatArray,
    own: FloatArray,
    instruments: FloatArray,
    worths: FloatArray,
    uniform: FloatArray,
    uniform_instrument: FloatArray,
) -> FloatArray:
    """Draws of P(assigned c | true k) on the sample's instrument: (D, K, C).

    similar: counts (K, C) of similar particles on simulated instruments, and instruments (K,), on how many of them.
    tables: counts (I, K, C) of each simulated instrument's particles of any size. own: counts (K, C) of similar
    particles of the sample's own instrument. worths: (D, K). uniform (D, K, C) and uniform_instrument (D,): random
    numbers, 0..1.

    Every draw follows one of the simulated instruments, as far as its few particles tell how it differs from the mean:
    the confusions of two classes with one another change together, so that drawing them apart would make their
    difference, a corrected count, look surer than it is. Instruments that agree with the own particles are drawn more
    often.
    """
    mean = smooth(similar)
    # The mean of the instruments is known no better than from these instruments and particles.
    of_mean = 1 / (worths + 1) / np.maximum(instruments, 1) + 1 / np.maximum(similar.sum(1), 1)
    alpha = worths[:, :, None] * mean
    if len(tables):
        chosen = np.searchsorted(_agreement(tables, own, np.median(worths, axis=0)).cumsum(), uniform_instrument)
        followed = tables[np.minimum(chosen, len(tables) - 1)]  # (D, K, C)
        # What is known at all sizes, carried over to these: the same factors on the mean shares.
        carried = followed * (mean / smooth(tables.sum(0)))
        carried *= (followed.sum(2) / np.maximum(carried.sum(2), 1e-12))[:, :, None]
        alpha = alpha + carried
    total = alpha.sum(2)
    weight = np.maximum(1 / (1 / (total + 1) + of_mean) - 1, 0.5)
    alpha = alpha * (weight / total)[:, :, None] + own
    drawn = np.maximum(scipy.special.gammaincinv(alpha, uniform), 1e-12)
    return drawn / drawn.sum(2, keepdims=True)


def _agreement(tables: FloatArray, own: FloatArray, worths: FloatArray) -> FloatArray:
    """Probability (I,) of each simulated instrument to be like the sample's, by its own particles."""
    alpha = worths[:, None] * smooth(tables.sum(0)) + tables
    total, n = alpha.sum(2), own.sum(1)
    gammaln = scipy.special.gammaln
    likelihood = gammaln(total) - gammaln(total + n) + (gammaln(alpha + own) - gammaln(alpha)).sum(2)
    weights = np.exp(likelihood.sum(1) - likelihood.sum(1).max())
    return weights / weights.sum()


def expected_shares(simulated: FloatArray, own: FloatArray, worths: FloatArray) -> FloatArray:
    """Most likely P(assigned c | true k), (K, C); worths (K,) is what the simulated particles are worth."""
    plain = simulated / np.maximum(simulated.sum(1, keepdims=True), 1)
    combined = worths[:, None] * plain + own
    return combined / np.maximum(combined.sum(1, keepdims=True), 1e-12)
