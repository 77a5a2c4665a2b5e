"""Search for label errors: the whole chain from tiles and labels to scores, counts, duplicates and outliers."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from svp_core.label_errors.batch_effects import BatchEffect, batch_effects
from svp_core.label_errors.class_pairs import PairCount, count_class_pairs, mean_agreement, why_not_estimated
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

_BATCH_SIZE = 512  # tiles embedded between two progress events
_FIT_SAMPLE = 8000  # tiles, drawn at random, to which the PCA is fitted

Embed = Callable[[NDArray[np.uint8]], NDArray]
# (tiles, labels, probs, fold) -> Progress events, then (probs, notes); see svp_core.classifier.label_judges.
LabelJudge = Callable[..., Generator[Progress, None, tuple[NDArray, Sequence[str]]]]


@dataclass(frozen=True)
class LabelErrorReport:
    """Result of a search. Of the N images given, the M real ones are judged."""

    labels: NDArray[np.int64]  # (N,), as given
    judged: NDArray[np.int64]  # (M,), positions of the images that `scores` has entries for
    scores: LabelScores
    pairs: list[PairCount]  # most errors first
    total: Estimate  # label errors in all
    not_estimated: str  # why `total` and `pairs` are upper limits only, as a sentence; "" where they are estimates
    duplicates: Duplicates  # of all N
    outliers: NDArray[np.int64]  # positions among all N of images that resemble no class, highest score first
    batch_effects: list[BatchEffect]
    notes: tuple[str, ...]  # sentences to show beside the result
    coordinates: NDArray[np.float32]  # (N, d), PCA: for neighbours, a map, leave-one-out ridge
    fold: NDArray[np.int64]  # (N,)
    probs: NDArray[np.float32]  # (N, K), out of fold
    neighbours: Neighbours  # of other folds, among real images, duplicates counted once


def find_label_errors(
    tiles: NDArray[np.uint8],
    labels: ArrayLike,
    *,
    embed: Embed,
    class_names: Sequence[str],
    groups: Sequence[object] | NDArray | None = None,
    is_real: ArrayLike | None = None,
    judge: LabelJudge | None = None,
    seed: int = 0,
) -> Generator[Progress, None, LabelErrorReport]:
    """Search for label errors; yields Progress, returns a LabelErrorReport.

    tiles: uint8 (N, H, W). labels: int (N,), positions in class_names. embed: tiles -> features, float (n, D), by a
    network that was never trained on these labels. groups: (N,) run or lot of each image; None if unknown. is_real:
    bool (N,), False for synthetic tiles, which are learnt from but neither judged nor counted as neighbours; all real
    by default. judge: a second, more expensive prediction (classifier.label_judges). Raises LabError where there is
    nothing to compare.
    """
    labels = check_labels(labels)
    real = np.ones(len(labels), bool) if is_real is None else np.asarray(is_real, bool)
    judged = np.flatnonzero(real)
    check_judgeable(labels[judged], class_names)

    coordinates = yield from _coordinates(tiles, embed, seed)
    yield Progress(len(tiles), len(tiles), "searching for similar images")
    neighbours = find_neighbours(coordinates, seed=seed)
    duplicates = find_duplicates(tiles, neighbours)
    fold, notes = assign_folds(labels, groups=groups, duplicates=duplicates.near, seed=seed)
    eligible = real & _first_of_each(duplicates.near, real)
    neighbours = from_other_folds(neighbours, coordinates, fold=fold, eligible=eligible)
    yield Progress(len(tiles), len(tiles), "predicting each fold from the others")
    probs, judge_notes = out_of_fold(coordinates, labels, fold=fold, class_count=len(class_names)), ()
    if judge is not None:
        probs, judge_notes = yield from judge(tiles, labels, probs, fold)

    real_labels, real_probs = labels[judged], probs[judged]
    noise = estimate_noise(real_labels, real_probs)
    own = Neighbours(neighbours.positions[judged], neighbours.similarity[judged])
    names = {"class_names": class_names}
    scores = score_set(real_labels, real_probs, neighbours=own, neighbour_labels=labels, noise=noise, **names)
    pairs, total = count_class_pairs(real_labels, real_probs, scores.suggested, noise=noise, seed=seed)
    lots = None if groups is None else np.asarray(groups)[judged]
    effects = batch_effects(real_labels, scores.suggested, lots, **names) if lots is not None else []
    return LabelErrorReport(
        labels=labels,
        judged=judged,
        scores=scores,
        pairs=pairs,
        total=total,
        not_estimated=why_not_estimated(real_labels, real_probs, total),
        duplicates=duplicates,
        outliers=find_outliers(coordinates, labels),
        batch_effects=effects,
        notes=(*notes, *judge_notes, *_warnings(real_labels, real_probs, class_names)),
        coordinates=coordinates,
        fold=fold,
        probs=probs,
        neighbours=neighbours,
    )


def _coordinates(tiles, embed, seed):
    """PCA coordinates of the tiles, float32 (N, d); yields Progress."""
    shuffled = np.random.default_rng(seed).permutation(len(tiles))
    sample, rest = np.sort(shuffled[:_FIT_SAMPLE]), np.sort(shuffled[_FIT_SAMPLE:])
    features, done = [], 0
    for start in range(0, len(sample), _BATCH_SIZE):
        features.append(embed(tiles[sample[start : start + _BATCH_SIZE]]))
        done += len(features[-1])
        yield Progress(done, len(tiles), f"{done:,} of {len(tiles):,} images embedded")
    features = np.concatenate(features)
    pca = fit_pca(features, seed=seed)
    coordinates = np.empty((len(tiles), pca.axes.shape[1]), np.float32)
    coordinates[sample] = pca.transform(features)
    for start in range(0, len(rest), _BATCH_SIZE):
        rows = rest[start : start + _BATCH_SIZE]
        coordinates[rows] = pca.transform(embed(tiles[rows]))
        done += len(rows)
        yield Progress(done, len(tiles), f"{done:,} of {len(tiles):,} images embedded")
    return coordinates


def _first_of_each(numbers, counted):
    """bool (N,): the first counted image with each number."""
    first, rows = np.zeros(len(numbers), bool), np.flatnonzero(counted)
    first[rows[np.unique(numbers[rows], return_index=True)[1]]] = True
    return first


def _warnings(labels, probs, class_names):
    """Sentences on what limits the result."""
    counts = np.bincount(labels, minlength=len(class_names))
    too_few = [class_names[label] for label in np.flatnonzero((counts > 0) & (counts < MIN_PER_CLASS))]
    if too_few:
        yield f"Too few images to judge their labels: {', '.join(too_few)}."
    judged = np.flatnonzero(counts >= MIN_PER_CLASS)
    recall = mean_agreement(labels, probs)
    # Two standard errors of the mean recall under guessing.
    chance = 1 / len(judged)
    error = 2 * np.sqrt((chance * (1 - chance) / counts[judged]).sum()) / len(judged)
    if recall <= chance + error:
        yield (
            f"The labels do not follow what the images show: {100 * recall:.0f} % mean recall, "
            f"{100 * chance:.0f} % by chance. Most labels may be wrong, and the order of suspects means little."
        )
