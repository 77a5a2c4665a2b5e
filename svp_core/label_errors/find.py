"""Everything that can be said about the labels of a set of tiles, in one go."""

from dataclasses import dataclass

import numpy as np

from svp_core.label_errors.batch_effects import batch_effects
from svp_core.label_errors.class_pairs import count_class_pairs
from svp_core.label_errors.duplicates import Duplicates, find_duplicates
from svp_core.label_errors.folds import assign_folds
from svp_core.label_errors.neighbours import Neighbours, find_neighbours, from_other_folds
from svp_core.label_errors.noise_matrix import estimate_noise
from svp_core.label_errors.out_of_fold import out_of_fold
from svp_core.label_errors.outliers import find_outliers
from svp_core.label_errors.pca import fit_pca
from svp_core.label_errors.scores import LabelScores, score_set
from svp_core.label_errors.validation import MIN_PER_CLASS, check_judgeable, check_labels
from svp_core.progress import Progress
from svp_core.stats.intervals import Estimate

_BATCH = 512  # tiles seen between two steps
_FITTED_ON = 8000  # tiles, drawn at random, that the space is built of


@dataclass(frozen=True)
class LabelErrorReport:
    """What was found. N images were given; those that testify are judged."""

    labels: np.ndarray  # int (N,), as given
    judged: np.ndarray  # int (M,), positions of the images that `suspects` has an entry for
    suspects: LabelScores
    pairs: list  # PairCount, most errors first
    total: Estimate  # wrong labels in all
    copies: Duplicates  # of all N
    strangers: np.ndarray  # int, positions among all N of images that resemble no class, strangest first
    lots: list  # LotFinding
    notes: tuple  # sentences that the person should read with the result
    places: np.ndarray  # float32 (N, d), in the space of likeness: for neighbours, a map, leave-one-out ridge
    fold: np.ndarray  # int (N,)
    probs: np.ndarray  # float32 (N, K), out of fold
    nearest: Neighbours  # of other folds, among images that testify, copies counted once


def find_label_errors(tiles, labels, *, see, class_names, groups=None, testifies=None, judge=None, seed=0):
    """Look for wrong labels; yields Progress, returns a Review.

    tiles: uint8 (N, H, W). labels: int (N,), positions in class_names. see: tiles -> features, float (n, D), by a
    network that was never trained on these labels. groups: (N,) run or lot of each image; None where nobody knows.
    testifies: bool (N,), False for synthetic tiles, which may be learnt from but are neither judged nor witnesses; left
    out, all do. judge: looks again, with more effort than the features (classifier.learnt_labels); None = nobody does.
    Raises LabError where there is nothing to compare.
    """
    labels = check_labels(labels)
    testifies = np.ones(len(labels), bool) if testifies is None else np.asarray(testifies, bool)
    judged = np.flatnonzero(testifies)
    check_judgeable(labels[judged], class_names)

    places = yield from _place(tiles, see, seed)
    yield Progress(len(tiles), len(tiles), "looking for the most alike")
    nearest = find_neighbours(places, seed=seed)
    copies = find_duplicates(tiles, nearest)
    fold, notes = assign_folds(labels, groups=groups, copies=copies.near, seed=seed)
    nearest = from_other_folds(nearest, places, fold=fold, among=testifies & _first_of_each(copies.near, testifies))
    yield Progress(len(tiles), len(tiles), "learning from the other folds")
    probs, said = out_of_fold(places, labels, fold=fold, class_count=len(class_names)), ()
    if judge is not None:
        probs, said = yield from judge(tiles, labels, probs, fold)

    own, own_probs = labels[judged], probs[judged]
    noise = estimate_noise(own, own_probs)
    witnesses = Neighbours(nearest.positions[judged], nearest.likeness[judged])
    suspects = score_set(
        own, own_probs, class_names=class_names, nearest=witnesses, neighbour_labels=labels, noise=noise
    )
    pairs, total = count_class_pairs(own, own_probs, suspects.suggested, noise=noise, seed=seed)
    lots = (
        []
        if groups is None
        else batch_effects(own, suspects.suggested, np.asarray(groups)[judged], class_names=class_names)
    )
    return LabelErrorReport(
        labels,
        judged,
        suspects,
        pairs,
        total,
        copies,
        find_outliers(places, labels),
        lots,
        (*notes, *said, *_warnings(own, own_probs, class_names)),
        places,
        fold,
        probs,
        nearest,
    )


def _place(tiles, see, seed):
    """Places of the tiles in their space, float32 (N, d); yields Progress."""
    chosen = np.random.default_rng(seed).permutation(len(tiles))
    fitted_on, others = np.sort(chosen[:_FITTED_ON]), np.sort(chosen[_FITTED_ON:])
    features, done = [], 0
    for start in range(0, len(fitted_on), _BATCH):
        features.append(see(tiles[fitted_on[start : start + _BATCH]]))
        done += len(features[-1])
        yield Progress(done, len(tiles), f"{done:,} of {len(tiles):,} images looked at")
    features = np.concatenate(features)
    space = fit_pca(features, seed=seed)
    places = np.empty((len(tiles), space.axes.shape[1]), np.float32)
    places[fitted_on] = space.of(features)
    for start in range(0, len(others), _BATCH):
        rows = others[start : start + _BATCH]
        places[rows] = space.of(see(tiles[rows]))
        done += len(rows)
        yield Progress(done, len(tiles), f"{done:,} of {len(tiles):,} images looked at")
    return places


def _first_of_each(numbers, counted):
    """bool (N,): the first image with each number, of those that count."""
    first, rows = np.zeros(len(numbers), bool), np.flatnonzero(counted)
    first[rows[np.unique(numbers[rows], return_index=True)[1]]] = True
    return first


def _warnings(labels, probs, class_names):
    """What makes the result worth less, in sentences."""
    counts = np.bincount(labels, minlength=len(class_names))
    few = [class_names[label] for label in np.flatnonzero((counts > 0) & (counts < MIN_PER_CLASS))]
    if few:
        yield f"Too few images to judge their labels: {', '.join(few)}."
    there = np.flatnonzero(counts >= MIN_PER_CLASS)
    right = [float(np.mean(probs[labels == label].argmax(1) == label)) for label in there]
    # Twice the standard error of their mean, were they guessed.
    chance = 1 / len(there)
    error = 2 * np.sqrt((chance * (1 - chance) / counts[there]).sum()) / len(there)
    if np.mean(right) <= chance + error:
        yield (
            f"The labels follow nothing that the pictures show ({100 * np.mean(right):.0f} % of an average class "
            f"named as labelled, {100 * chance:.0f} % by chance): most may be wrong, and no order of suspects means "
            "much."
        )
