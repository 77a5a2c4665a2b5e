"""Particles unlike every class, among the results of a classification: their marks, and what follows for the sample."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from svp_core.classification.results import NOVELTY_P, ClassificationResults, numeric_column
from svp_core.display import format_percent
from svp_core.novelty.calibration import LEVEL
from svp_core.novelty.calibration_file import find_calibration
from svp_core.novelty.shape import shape_rows
from svp_core.novelty.verdict import SampleVerdict, judge_sample
from svp_core.particle_classes import UNLIKE

if TYPE_CHECKING:
    from svp_core.classifier.resnet import Classifier


def has_novelty(results: ClassificationResults) -> bool:
    """Whether any particle has a p-value; results of earlier versions, and of models without calibration, have none."""
    return NOVELTY_P in results.table and bool(results.table[NOVELTY_P].notna().any())


def mark_unlike(labels: NDArray, results: ClassificationResults, level: float = LEVEL) -> NDArray:
    """These labels (N,), UNLIKE where a particle's p-value is at most `level`; 0 marks none. Unsure ones included."""
    if level <= 0 or not has_novelty(results):
        return labels
    marked = numeric_column(results, NOVELTY_P) <= level  # NaN is not
    return np.where(marked, np.asarray(UNLIKE, labels.dtype if labels.dtype == object else str), labels)


def verdict_of(results: ClassificationResults) -> SampleVerdict | None:
    """Verdict on the whole sample at the usual level; None where no particle has a p-value."""
    return judge_sample(numeric_column(results, NOVELTY_P)) if has_novelty(results) else None


def verdict_sentence(results: ClassificationResults) -> str:
    """What must be known before any figure of these results is used; "" where nothing must."""
    verdict = verdict_of(results)
    if verdict is None or not verdict.is_alarm:
        return ""
    return (
        f"{verdict.marked:,} of {verdict.total:,} particles ({format_percent(verdict.share)}) are unlike all known "
        f"ones, where known ones would give {format_percent(verdict.level)}: this run holds other kinds of particles, "
        "or images unlike those that the classifier knows. The names of its other particles are doubtful as well."
    )


def withheld_reason(results: ClassificationResults) -> str:
    """Why no corrected count and no predictive value is given; "" where they are."""
    verdict = verdict_of(results)
    if verdict is None or not verdict.is_alarm:
        return ""
    return (
        f"Corrected counts and positive predictive values are withheld: {format_percent(verdict.share)} of the "
        "particles are unlike the labelled ones that they would be estimated from."
    )


def unlike_marker(
    classifier: "Classifier",
) -> Callable[[NDArray[np.uint8], NDArray[np.floating]], NDArray[np.bool_]] | None:
    """A function that marks tiles (N, 64, 64) with their probabilities (N, K) as a classification would: bool (N,).

    For labelled tiles, whose marks corrected counts need to know. None where the classifier has no calibration.
    """
    calibration, _ = find_calibration(classifier.folder, classifier.config.class_keys)
    if calibration is None:
        return None

    def mark(tiles: NDArray[np.uint8], probs: NDArray[np.floating]) -> NDArray[np.bool_]:
        from svp_core.embedding.features import fixed_features, layered_features

        return calibration.judge(
            tiles,
            fixed=fixed_features(tiles),
            layers=layered_features(classifier, tiles, batch=256),
            shapes=shape_rows(tiles),
            named=np.asarray(probs).argmax(1),
        ).unlike

    return mark
