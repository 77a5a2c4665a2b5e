"""Label quality scores: how likely each label is correct, what it should be instead, and the order of review."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from svp_core.label_errors.neighbours import Neighbours, neighbour_votes
from svp_core.label_errors.noise_matrix import NoiseMatrix, estimate_noise
from svp_core.label_errors.validation import MIN_PER_CLASS, best_other, check_probs, margins, probability_given

SUSPECT = 0.5  # a label with a lower score is more likely wrong than right
LOOK_ALIKE_WEIGHT = 0.2  # how readily labellers mistake a particle for one it resembles; see score_labels
_MIN_PROBABILITY = 1e-4


@dataclass(frozen=True)
class LabelScores:
    """One entry per image, in the input's order."""

    score: NDArray[np.float32]  # (N,), 0..1: 0 = certainly mislabelled, 1 = correct
    margin: NDArray[np.float32]  # (N,), -1..1: p(given) minus the likeliest other; an alternative order of review
    given: NDArray[np.float32]  # (N,): p(given)
    suggested: NDArray[np.int64]  # (N,): the given label where nothing is likelier, else the likelier class
    rank: NDArray[np.int64]  # (N,): 1 = review first
    reasons: tuple[str, ...]  # N sentences

    @property
    def order(self) -> NDArray[np.int64]:
        """Positions of the images, worst first."""
        return np.argsort(self.rank)


def score_set(
    labels: ArrayLike,
    probs: ArrayLike,
    *,
    class_names: Sequence[str],
    neighbours: Neighbours | None = None,
    neighbour_labels: NDArray[np.int64] | None = None,
    noise: NoiseMatrix | None = None,
) -> LabelScores:
    """LabelScores of labels int (N,) from out-of-fold probabilities float (N, K).

    class_names: K names for the reasons. neighbours: most similar images of other folds (from_other_folds), for the
    reasons; neighbour_labels: the labels their positions refer to, if not `labels`. noise: rates of label errors,
    estimated here by default. A class of fewer than 3 images is not judged: its images score 0.5 and rank before those
    that are fine.
    """
    labels, probs = check_probs(labels, probs)
    noise = noise or estimate_noise(labels, probs)
    score = score_labels(labels, probs, noise.rates)
    too_few = np.bincount(labels, minlength=probs.shape[1])[labels] < MIN_PER_CLASS
    score[too_few] = SUSPECT
    weighted = best_other(labels, probs) * noise.rates[:, labels].T
    doubted = (score < SUSPECT) | (probs.argmax(1) != labels) & ~too_few
    suggested = np.where(doubted, weighted.argmax(1), labels)
    votes = None
    if neighbours is not None:
        votes = neighbour_votes(neighbours, labels if neighbour_labels is None else neighbour_labels, probs.shape[1])
    reasons = tuple(
        _reason(labels, probs, suggested, too_few, votes, class_names, position) for position in range(len(labels))
    )
    return LabelScores(
        score=score.astype(np.float32),
        margin=margins(labels, probs).astype(np.float32),
        given=probability_given(labels, probs).astype(np.float32),
        suggested=suggested,
        rank=_ranks(score, probability_given(labels, probs)),
        reasons=reasons,
    )


def score_labels(labels: NDArray[np.int64], probs: NDArray, rates: NDArray) -> NDArray:
    """Probability that each label is correct, float (N,), 0..1, low = likely mislabelled.

    probs: float (N, K), out of fold, of the labels as given. rates: float (K, K), NoiseMatrix.rates. A wrong label g
    of a particle of class y arises in two ways: as a slip, as frequent as such slips are among clear particles
    (rates[y, g]), and because the two look alike. The odds that the label is wrong are

        sum over y of p(y) rates[y, g] / (p(g) rates[g, g])  +  0.2 (1 - margin) / 2

    where the first term is Bayes' rule. With equal rates it orders as p(g) does (self-confidence); where one pair of
    classes is confused, it moves that pair forward and leaves behind what is merely hard to tell apart.
    """
    weighted = (best_other(labels, probs) * rates[:, labels].T).sum(1)
    own = np.maximum(probability_given(labels, probs), _MIN_PROBABILITY) * np.diag(rates)[labels]
    return 1 / (1 + weighted / own + LOOK_ALIKE_WEIGHT * (1 - margins(labels, probs)) / 2)


def _ranks(score, given):
    order = np.lexsort((given, score))
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.arange(1, len(order) + 1)
    return ranks


def _reason(labels, probs, suggested, too_few, votes, class_names, position):
    """Why one label is doubted, or not."""
    label = labels[position]
    text = f"labelled {class_names[label]}"
    if too_few[position]:
        return f"{text}; too few images carry this label to judge it"
    other = suggested[position]
    text += f"; p = {probs[position, label]:.2f}"
    if other != label:
        text += f", {class_names[other]} {probs[position, other]:.2f}"
    if votes is None or not votes[position].any():
        return text
    total, most = votes[position].sum(), votes[position].argmax()
    shown = other if other != label and votes[position, other] else most
    return f"{text}; {votes[position, shown]} of {total} nearest particles are labelled {class_names[shown]}"
