"""Drawn particles of three classes as the novelty score sees them: Gaussian clouds in its three spaces."""

import numpy as np

from svp_core.novelty.calibration import KnownExamples, calibrate_form, features_of
from svp_core.novelty.score import DIRECTIONS, Views

CENTRES = (0.0, 4.0, -4.0)  # of the classes, in every second direction


def drawn_views(each, *, seed, moved=0.0):
    """(Views, true labels) of `each` particles per class, all named rightly; moved: added to every feature."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(CENTRES)), each)
    centres = np.asarray(CENTRES)[labels, None]
    parts = []
    for width in (64, DIRECTIONS, 8):
        cloud = rng.normal(size=(len(labels), width))
        cloud[:, ::2] += centres
        parts.append((cloud + moved).astype(np.float32))
    return Views(*parts, labels), labels


def calibrated(*, each, moved=0.0, by_size=False):
    """FormCalibration by drawn particles, `each` per class to judge by; by_size: with a trend with size."""
    fit, labels = drawn_views(500, seed=0, moved=moved)
    others = drawn_views(500, seed=2, moved=moved)[0] if by_size else None
    judging = drawn_views(each, seed=1, moved=moved)[0]
    return calibrate_form(fit, labels, judging, len(CENTRES), of_all_sizes=others)


def join_views(*parts):
    """Views of all particles of these."""
    return Views(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def drawn_examples(each, *, seed=0):
    """KnownExamples of `each` particles per class, in both forms of tiles alike."""
    views, labels = drawn_views(each, seed=seed)
    order = np.random.default_rng(seed).permutation(len(labels))
    features, named = features_of(views)[order], labels[order].astype(np.uint8)
    forms = np.repeat([0, 1], len(labels)).astype(np.uint8)
    return KnownExamples(np.concatenate([features] * 2), np.concatenate([named] * 2), forms)


EXAMPLES = drawn_examples(4)
