"""Novelty by any set of particles that a person calls normal, of any kind: its own Gaussians, its own p-values.

Distances are measured as by the shipped calibration (score.py), in the same features, from Gaussians that are fitted to
the normal particles. A particle lies nearer to Gaussians that it helped to fit, so the calibration distances are
cross-fitted: in FOLDS parts, each measured by Gaussians of the others (Vovk 2015, Cross-conformal predictors, Annals of
Mathematics and Artificial Intelligence 74). Classes are those that the classifier names: of particles of other kinds
they are no truth, only groups of particles that look alike to it.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svp_core.errors import LabError
from svp_core.novelty.calibration import (
    MIN_NAMED,
    FormCalibration,
    KnownExamples,
    NoveltyCalibration,
    views_of,
)
from svp_core.novelty.score import KnownParticles, Views, fit_known
from svp_core.novelty.tile_forms import FORMS

MIN_PARTICLES = 100  # of one form of tile; Gaussians in 64 directions and p-values below 0.01 need as many
MAX_PARTICLES = 10_000  # used, evenly from all
EXAMPLES = 3000  # kept to be shown beside particles, and to tell strangers from
FOLDS = 10
# Share of the second most frequent class, from which on the normal set itself is what its classes are compared with.
# Relative distances to one class alone would be none: particles in general take its place (measured on simulated sets
# of one class and of three).
MIN_SECOND = 0.2
SEED = 61
_LARGEST = 1e6  # distances beyond are as large


def chosen_rows(count: int, most: int) -> NDArray[np.intp]:
    """Positions of at most `most` of `count` particles, evenly from all."""
    return np.unique(np.linspace(0, count - 1, min(most, count)).astype(np.intp)) if count else np.zeros(0, np.intp)


def calibrate_on_normal(
    shipped: NoveltyCalibration,
    features: NDArray[np.floating],
    named: NDArray[np.integer],
    forms: NDArray[np.integer],
    *,
    description: str,
) -> tuple[NoveltyCalibration, NDArray[np.intp]]:
    """(Calibration by normal particles alone, positions of its examples among them).

    features (N, D) from features_of, named (N,) most likely classes, forms (N,) of tiles. A form of tile with fewer
    than MIN_PARTICLES has no calibration: see judged_forms. The shipped calibration gives the directions of the
    classifier's features, and what particles look like in general, for the relative distance. Raises LabError where no
    form of tile has enough.
    """
    counts = np.bincount(forms, minlength=len(FORMS))
    if counts.max(initial=0) < MIN_PARTICLES:
        raise LabError(
            f"A normal set needs at least {MIN_PARTICLES} particles whose images are alike in form (all fill their "
            f"tile, or none does); this one has {counts.max(initial=0):,} of {len(named):,}. Give a larger one."
        )
    rows = chosen_rows(len(named), MAX_PARTICLES)
    views, forms_used = views_of(features[rows], np.asarray(named)[rows]), np.asarray(forms)[rows]
    judged = [
        _calibrate(views.take(forms_used == index), form.known, len(shipped.class_keys))
        if counts[index] >= MIN_PARTICLES
        else replace(form, distances=form.distances[:0], named=form.named[:0])
        for index, form in enumerate(shipped.forms)
    ]
    shown = rows[chosen_rows(len(rows), EXAMPLES)]
    examples = KnownExamples(features[shown], np.asarray(named)[shown], np.asarray(forms)[shown])
    own = replace(shipped, forms=tuple(judged), description=description, examples=examples, spreads=(), among=len(rows))
    return own, shown


def judged_forms(calibration: NoveltyCalibration) -> NDArray[np.bool_]:
    """By form of tile, whether the calibration has particles of it, bool (2,): without any, no p-value."""
    return np.array([len(form.named) > 0 for form in calibration.forms])


def pooled_classes(calibration: NoveltyCalibration) -> list[str]:
    """Classes whose particles are judged among those of all classes, because fewer than MIN_NAMED of theirs are known.

    Keys of the classes, in one form of tile or the other.
    """
    few = [
        key
        for label, key in enumerate(calibration.class_keys)
        if any(len(form.named) and (form.named == label).sum() < MIN_NAMED for form in calibration.forms)
    ]
    return list(dict.fromkeys(few))


def normal_facts(calibration: NoveltyCalibration) -> Mapping[str, Any]:
    """What summary.json says of a normal set: its size by form of tile, and the classes without particles enough."""
    return {
        "by_form": {name: len(form.named) for name, form in zip(FORMS, calibration.forms, strict=True)},
        "pooled": pooled_classes(calibration),
    }


def _calibrate(views: Views, general: KnownParticles, class_count: int) -> FormCalibration:
    """Gaussians of all these particles, and the distance of each by those of the other folds."""
    shares = np.sort(np.bincount(views.named, minlength=2))[::-1] / len(views.named)
    background = None if shares[1] >= MIN_SECOND else general
    fold = np.random.default_rng(SEED).permutation(len(views.named)) % FOLDS
    distances = np.zeros((len(fold), 3), np.float32)
    for k in range(FOLDS):
        known = fit_normal(views.take(fold != k), background, class_count)
        distances[fold == k] = known.distances(views.take(fold == k))
    known = fit_normal(views, background, class_count)
    return FormCalibration(known, np.minimum(distances, _LARGEST), np.asarray(views.named))


def fit_normal(views: Views, background: KnownParticles | None, class_count: int) -> KnownParticles:
    """Gaussians of normal particles; classes of fewer than MIN_NAMED have those of all of them.

    background: what the relative distance compares with; None: all normal particles.
    """
    named = np.asarray(views.named)
    large = [label for label in range(class_count) if (named == label).sum() >= MIN_NAMED]
    group = np.where(np.isin(named, large), named, class_count)  # class_count: all of the small ones
    present, labels = np.unique(group, return_inverse=True)
    own = fit_known(views, labels, len(present))
    whole = fit_known(views, np.zeros(len(named), int), 1)
    position = {label: k for k, label in enumerate(present)}
    of_class = [(own, position[label]) if label in position else (whole, 0) for label in range(class_count)]
    return replace(
        own,
        class_means=np.stack([fit.class_means[k] for fit, k in of_class]),
        all_mean=(background or own).all_mean,
        all_whitening=(background or own).all_whitening,
        shape_means=np.stack([fit.shape_means[k] for fit, k in of_class]),
        shape_whitenings=np.stack([fit.shape_whitenings[k] for fit, k in of_class]),
    )
