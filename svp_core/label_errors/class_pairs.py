"""Estimated number of label errors, by class pair and in total."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from svp_core.label_errors.noise_matrix import NoiseMatrix, estimate_noise
from svp_core.label_errors.validation import MIN_PER_CLASS, check_probs
from svp_core.stats.intervals import Estimate

# Share of labels that the out-of-fold predictions agree with, mean over classes. Below it the clear images, too, are
# often predicted wrongly: then the estimate was 3 to 8 times too high.
MIN_AGREEMENT = 0.7
_DRAWS = 2000


@dataclass(frozen=True)
class PairCount:
    """Images labelled `given` that are likely of class `suggested`."""

    given: int  # class index
    suggested: int
    n: int  # images of the pair to check: doubted, though not all are more likely wrong than right
    value: float  # estimated label errors, if slips are as frequent everywhere as among clear particles
    low: float
    high: float  # at least the number the model disagrees with: an upper end if labellers err on look-alikes


def mean_agreement(labels: NDArray[np.integer], probs: NDArray[np.floating]) -> float:
    """Share of labels (N,) that are the most likely class by out-of-fold probabilities (N, K), mean over classes."""
    counts = np.bincount(labels, minlength=probs.shape[1])
    judged = np.flatnonzero(counts >= MIN_PER_CLASS)
    return float(np.mean([(probs[labels == label].argmax(1) == label).mean() for label in judged]))


def why_not_estimated(labels: NDArray[np.integer], probs: NDArray[np.floating], total: Estimate) -> str:
    """Why the number of label errors is no estimate but an upper limit, as a sentence; "" where it is one.

    total: of count_class_pairs. Among clear images, disagreement is counted as an error of the label; where the model
    itself is often wrong, it is the model's.
    """
    agreement, contradicted = mean_agreement(labels, probs), int((probs.argmax(1) != labels).sum())
    if agreement < MIN_AGREEMENT:
        return (
            "How many labels are wrong is not estimated: predictions from the other images agree with only "
            f"{100 * agreement:.0f} % of the labels (mean over classes; {100 * MIN_AGREEMENT:.0f} % are needed), and "
            "whether the label or the prediction is wrong cannot be told from that."
        )
    if contradicted and total.low <= 0:
        return (
            "How many labels are wrong is not estimated: predictions from the other images contradict "
            f"{contradicted:,} labels, and may themselves be wrong wherever they do."
        )
    return ""


def count_class_pairs(
    labels: ArrayLike,
    probs: ArrayLike,
    suggested: NDArray[np.int64],
    *,
    noise: NoiseMatrix | None = None,
    seed: int = 0,
) -> tuple[list[PairCount], Estimate]:
    """(PairCount of each pair that may hold errors, largest first; Estimate of all label errors).

    labels, suggested: int (N,); probs: float (N, K), out of fold. low and high are a range, not a confidence interval:
    below, the 2.5 % quantile of what the clear particles allow (gamma-Poisson, see estimate_noise), less the
    contradicted labels that the estimate leaves to the model: as many of its errors may be among the others; above, the
    larger of the 97.5 % quantile and the number of images whose likeliest class is the other one. Where errors are
    slips the truth is near the value; where labellers err on look-alikes it lies between the value and the upper end.
    """
    labels, probs = check_probs(labels, probs)
    noise = noise or estimate_noise(labels, probs)
    class_count, rng = probs.shape[1], np.random.default_rng(seed)
    value = noise.sizes[:, None] * noise.rates
    clear_totals = noise.clear.sum(1)
    # Posterior uncertainty of each rate, from the clear counts and the other pairs.
    off_diagonal = ~np.eye(class_count, dtype=bool)
    wrong = noise.clear[off_diagonal].sum() + 0.5
    prior = noise.spread * rng.gamma(wrong, 1 / wrong, _DRAWS)[:, None, None]
    drawn = rng.gamma(noise.clear + prior) * (value / (noise.clear + noise.spread))
    low, high = np.quantile(drawn, (0.025, 0.975), axis=0)
    predicted = probs.argmax(1)
    disagreeing, suspected = np.zeros((2, class_count, class_count), np.int64)
    np.add.at(disagreeing, (predicted, labels), 1)
    np.add.at(suspected, (suggested, labels), 1)
    low = np.maximum(low - np.maximum(disagreeing - value, 0), 0)
    # No more labels can be wrong than carry the label.
    label_counts = np.bincount(labels, minlength=class_count)
    rows = [
        PairCount(
            given,
            true,
            int(suspected[true, given]),
            float(min(value[true, given], label_counts[given])),
            float(min(low[true, given], label_counts[given])),
            float(min(max(high[true, given], disagreeing[true, given]), label_counts[given])),
        )
        for true, given in np.argwhere(off_diagonal & (clear_totals[:, None] > 0))
        if suspected[true, given] or disagreeing[true, given] or value[true, given] >= 0.5
    ]
    totals = (drawn * off_diagonal).sum((1, 2))
    own_errors = max((disagreeing * off_diagonal).sum() - (value * off_diagonal).sum(), 0.0)  # the model's
    total = Estimate(
        float(min((value * off_diagonal).sum(), len(labels))),
        float(min(max(np.quantile(totals, 0.025) - own_errors, 0.0), len(labels))),
        float(min(max(np.quantile(totals, 0.975), (disagreeing * off_diagonal).sum()), len(labels))),
        len(labels),
    )
    return sorted(rows, key=lambda row: (-row.value, -row.n)), total
