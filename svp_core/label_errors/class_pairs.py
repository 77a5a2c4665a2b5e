"""How many labels are wrong, class pair by class pair."""

from dataclasses import dataclass

import numpy as np

from svp_core.label_errors.noise_matrix import estimate_noise
from svp_core.label_errors.validation import check_probs
from svp_core.stats.intervals import Estimate

_DRAWS = 2000


@dataclass(frozen=True)
class PairCount:
    """Images labelled `given` that are thought to be `suggested`."""

    given: int  # labels
    suggested: int
    n: int  # images of the pair to look at: doubted, if not always more likely wrong than right
    value: float  # how many labels of the pair are wrong, if slips are as frequent everywhere as among clear particles
    low: float
    high: float  # at least as many as the model disagrees with: an upper end if labellers err on look-alikes


def count_class_pairs(labels, probs, suggested, *, noise=None, seed=0):
    """(PairCount of every pair that may hold an error, most first; Estimate of the number of wrong labels in all).

    labels, suggested: int (N,); probs: float (N, K), out of fold. The ends are a range, not a promise: below, 95 % of
    what the clear particles allow (gamma-Poisson, see find_noise); above, that, or the number of images whose likeliest
    class is the other one, whichever is more. Where errors are slips the truth is near the value; where labellers
    err on look-alikes it lies between value and upper end.
    """
    labels, probs = check_probs(labels, probs)
    noise = noise or estimate_noise(labels, probs)
    class_count, rng = probs.shape[1], np.random.default_rng(seed)
    value = noise.sizes[:, None] * noise.rates
    looked_at = noise.clear.sum(1)
    # What the clear counts and the other pairs leave open about each rate.
    other = ~np.eye(class_count, dtype=bool)
    wrong = noise.clear[other].sum() + 0.5
    prior = noise.spread * rng.gamma(wrong, 1 / wrong, _DRAWS)[:, None, None]
    drawn = rng.gamma(noise.clear + prior) * (value / (noise.clear + noise.spread))
    low, high = np.quantile(drawn, (0.025, 0.975), axis=0)
    predicted = probs.argmax(1)
    disagreeing, suspected = np.zeros((2, class_count, class_count), np.int64)
    np.add.at(disagreeing, (predicted, labels), 1)
    np.add.at(suspected, (suggested, labels), 1)
    # No more can be wrong than carry the label.
    carrying = np.bincount(labels, minlength=class_count)
    rows = [
        PairCount(
            given,
            true,
            int(suspected[true, given]),
            min(value[true, given], carrying[given]),
            float(min(low[true, given], carrying[given])),
            float(min(max(high[true, given], disagreeing[true, given]), carrying[given])),
        )
        for true, given in np.argwhere(other & (looked_at[:, None] > 0))
        if suspected[true, given] or disagreeing[true, given] or value[true, given] >= 0.5
    ]
    in_all = (drawn * other).sum((1, 2))
    total = Estimate(
        float(min((value * other).sum(), len(labels))),
        float(min(np.quantile(in_all, 0.025), len(labels))),
        float(min(max(np.quantile(in_all, 0.975), (disagreeing * other).sum()), len(labels))),
        len(labels),
    )
    return sorted(rows, key=lambda row: (-row.value, -row.n)), total
