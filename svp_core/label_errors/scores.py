"""How likely each label is right, what it should rather be, and in which order to look."""

from dataclasses import dataclass

import numpy as np

from svp_core.label_errors.neighbours import neighbour_votes
from svp_core.label_errors.noise_matrix import estimate_noise
from svp_core.label_errors.validation import MIN_PER_CLASS, best_other, check_probs, margins, probability_given

SUSPECT = 0.5  # a label with a score below is more likely wrong than right
ALIKE = 0.2  # how readily labellers take a particle for one it resembles; see score_labels
_LEAST = 1e-4


@dataclass(frozen=True)
class LabelScores:
    """One entry an image, in the order given."""

    score: np.ndarray  # float32 (N,), 0..1: 0 = surely labelled wrong, 1 = fine
    margin: np.ndarray  # float32 (N,), -1..1: p(given) minus the best other; another order to look in
    given: np.ndarray  # float32 (N,): p(given)
    suggested: np.ndarray  # int (N,): the given label where nothing is likelier, else what it should rather be
    rank: np.ndarray  # int (N,): 1 = to be looked at first
    reasons: tuple  # N sentences

    @property
    def order(self):
        """Positions of the images, worst first."""
        return np.argsort(self.rank)


def score_set(labels, probs, *, class_names, nearest=None, neighbour_labels=None, noise=None):
    """Suspects among labels. labels: int (N,); probs: float (N, K), out of fold (out_of_fold).

    class_names: K words for the reasons. nearest: most alike images of other folds (from_other_folds), for the reasons;
    neighbour_labels: the labels that its positions point at, when they are not `labels`. noise: how often labels go
    wrong (find_noise), found here when left out. A class of fewer than 3 images is not judged: its images have 0.5, and
    lie before those that are fine.
    """
    labels, probs = check_probs(labels, probs)
    noise = noise or estimate_noise(labels, probs)
    score = score_labels(labels, probs, noise.rates)
    few = np.bincount(labels, minlength=probs.shape[1])[labels] < MIN_PER_CLASS
    score[few] = SUSPECT
    tilted = best_other(labels, probs) * noise.rates[:, labels].T
    doubted = (score < SUSPECT) | (probs.argmax(1) != labels) & ~few
    suggested = np.where(doubted, tilted.argmax(1), labels)
    counts = (
        None
        if nearest is None
        else neighbour_votes(nearest, labels if neighbour_labels is None else neighbour_labels, probs.shape[1])
    )
    reasons = tuple(
        _reason(labels, probs, suggested, few, counts, class_names, position) for position in range(len(labels))
    )
    return LabelScores(
        score=score.astype(np.float32),
        margin=margins(labels, probs).astype(np.float32),
        given=probability_given(labels, probs).astype(np.float32),
        suggested=suggested,
        rank=_ranks(score, probability_given(labels, probs)),
        reasons=reasons,
    )


def score_labels(labels, probs, rates):
    """Probability that each label is right, float (N,), 0..1, low = likely mislabelled.

    probs: float (N, K), of the labels as they are, out of fold. rates: float (K, K), Noise.rates. Two ways lead to a
    wrong label g of a particle that is y: a slip, as frequent as such slips are among clear particles (rates[y, g]),
    and likeness. The odds that the label is wrong are

        sum over y of p(y) rates[y, g] / (p(g) rates[g, g])  +  0.2 (1 - margin) / 2

    where the first part is Bayes' rule. With the same rates everywhere that orders as p(g) does (self-confidence);
    where one pair of classes is mixed up, it brings that pair's forward and leaves behind what is merely hard to tell.
    """
    tilted = (best_other(labels, probs) * rates[:, labels].T).sum(1)
    own = np.maximum(probability_given(labels, probs), _LEAST) * np.diag(rates)[labels]
    return 1 / (1 + tilted / own + ALIKE * (1 - margins(labels, probs)) / 2)


def _ranks(score, given):
    order = np.lexsort((given, score))
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.arange(1, len(order) + 1)
    return ranks


def _reason(labels, probs, suggested, few, counts, class_names, position):
    """Why one label is doubted or not, in words."""
    label = labels[position]
    said = f"labelled {class_names[label]}"
    if few[position]:
        return f"{said}; too few images carry this label to judge it"
    other = suggested[position]
    said += f"; p = {probs[position, label]:.2f}"
    if other != label:
        said += f", {class_names[other]} {probs[position, other]:.2f}"
    if counts is None or not counts[position].any():
        return said
    of, most = counts[position].sum(), counts[position].argmax()
    shown = other if other != label and counts[position, other] else most
    return f"{said}; {counts[position, shown]} of {of} nearest particles are labelled {class_names[shown]}"
