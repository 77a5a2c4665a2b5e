"""Particles unlike every class, among the results of a classification: their marks, and what follows for the sample."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from svp_core.classification.results import NOVELTY_P, ClassificationResults, numeric_column
from svp_core.display import format_percent, join_names
from svp_core.errors import LabError
from svp_core.novelty.calibration import LEVEL
from svp_core.novelty.calibration_file import find_calibration
from svp_core.novelty.shape import shape_rows
from svp_core.novelty.teaching import TAUGHT_SHARE, like_confirmed, unconfirmed_rates
from svp_core.novelty.verdict import FAR, SampleVerdict, count_far, counted_verdict
from svp_core.particle_classes import UNLIKE
from svp_core.profiles.conditions import magnification_of

if TYPE_CHECKING:
    from svp_core.classifier.resnet import Classifier


# In the folder of a job: features of the particles, float16 (N, D) without a header, and p-values by what was taught.
FEATURES_FILE, TAUGHT_FILE = "novelty.f16", "taught.npy"
DIFFERING_FILE = "differing.npy"  # p-values by what sets the whole run apart, where it resembles no known instrument


def has_novelty(results: ClassificationResults) -> bool:
    """Whether any particle has a p-value; results of earlier versions, and of models without calibration, have none."""
    return NOVELTY_P in results.table and bool(results.table[NOVELTY_P].notna().any())


def mark_unlike(labels: NDArray, results: ClassificationResults, level: float = LEVEL) -> NDArray:
    """These labels (N,), UNLIKE where is_unlike() at this level; 0 marks none. Unsure ones included."""
    if level <= 0 or not has_novelty(results):
        return labels
    unlike = np.asarray(UNLIKE, labels.dtype if labels.dtype == object else str)
    return np.where(is_unlike(results, level), unlike, labels)


def is_unlike(results: ClassificationResults, level: float = LEVEL) -> NDArray[np.bool_]:
    """Which particles have a p-value of at most `level`, or are like confirmed strangers (like_confirmed): (N,).

    Where the run as a whole resembles no known instrument, also those that lie where it differs (differing_p).
    """
    marked, taught, differing = numeric_column(results, NOVELTY_P) <= level, taught_p(results), differing_p(results)
    if differing is not None:
        marked |= differing <= level
    return marked if taught is None else marked | like_confirmed(taught, taught_rates(results), level)


def differing_p(results: ClassificationResults) -> NDArray[np.float32] | None:
    """p-values (N,) by what sets the whole run apart (see novelty.resemblance); None where nothing does."""
    return _read_p_values(results, DIFFERING_FILE)


def run_differs(results: ClassificationResults) -> bool:
    """Whether the run as a whole resembles none of the instruments that novelty is calibrated on."""
    return bool((results.summary.get("novelty") or {}).get("differs"))


def taught_p(results: ClassificationResults) -> NDArray[np.float32] | None:
    """p-values (N,) by confirmed strangers (see novelty.teaching); None where none were confirmed."""
    return _read_p_values(results, TAUGHT_FILE)


def taught_rates(results: ClassificationResults) -> NDArray[np.float64] | None:
    """Smallest false discovery rate (N,) at which each particle is listed as like the confirmed strangers.

    NaN for these; None where none were confirmed, or by an earlier version, which did not note which.
    """
    values, note = taught_p(results), (results.summary.get("novelty") or {}).get("taught") or {}
    if values is None or "positions" not in note:
        return None
    path = results.folder / TAUGHT_FILE
    return _rates_of(path, path.stat().st_mtime_ns, tuple(note["positions"]))


def _read_p_values(results: ClassificationResults, name: str) -> NDArray[np.float32] | None:
    path = results.folder / name
    try:
        values = _read_array(path, path.stat().st_mtime_ns)
    except FileNotFoundError:
        return None
    if len(values) != len(results.probs):
        raise LabError(f"{name} of this classification belongs to other results; classify the source again.")
    return values


@lru_cache(maxsize=8)
def _read_array(path: Path, mtime_ns: int) -> NDArray[np.float32]:
    del mtime_ns  # it only tells apart, in the cache, versions of the file
    return np.load(path, allow_pickle=False)


@lru_cache(maxsize=8)
def _rates_of(path: Path, mtime_ns: int, confirmed: tuple[int, ...]) -> NDArray[np.float64]:
    return unconfirmed_rates(_read_array(path, mtime_ns), np.asarray(confirmed, np.intp))


def verdict_of(results: ClassificationResults) -> SampleVerdict | None:
    """Verdict on the whole sample at the usual level; None where no particle has a p-value."""
    if not has_novelty(results):
        return None
    judged = int(results.table[NOVELTY_P].notna().to_numpy().sum())
    level = LEVEL if taught_p(results) is None else LEVEL * (1 + TAUGHT_SHARE)
    return counted_verdict(
        int(is_unlike(results).sum()),
        count_far(numeric_column(results, NOVELTY_P)),
        judged,
        among=(results.summary.get("novelty") or {}).get("among"),
        magnification=magnification_of(results.summary.get("um_per_px")),
        level=level,
    )


def _alarm(results: ClassificationResults) -> SampleVerdict | None:
    """The verdict where too many particles are unlike all classes, or the whole run resembles no known instrument."""
    verdict = verdict_of(results)
    return verdict if verdict is not None and (verdict.is_alarm or run_differs(results)) else None


def verdict_sentence(results: ClassificationResults) -> str:
    """What must be known before any figure of these results is used; "" where nothing must."""
    return " ".join(text for text in (_alarm_sentence(results), _differences_sentence(results)) if text)


def _differences_sentence(results: ClassificationResults) -> str:
    """That the images are not like those of the instrument's known run; "" where they are, or there is none."""
    novelty = results.summary.get("novelty") or {}
    if not (differences := novelty.get("differences")):
        return ""
    return (
        "The images of this run are not like those of the run that novelty is calibrated on "
        f"({join_names(differences)}): p-values count particles among {novelty.get('calibration', 'it')}, and hold for "
        "images like those only."
    )


def _alarm_sentence(results: ClassificationResults) -> str:
    """How many particles are unlike all known ones, and what follows; "" where no more than known ones would be."""
    verdict = _alarm(results)
    if verdict is None:
        return ""
    whole = ""
    if run_differs(results):
        whole = (
            "As a whole, this run resembles none of the simulated instruments that novelty is calibrated on. If its "
            "particles are known ones, name it, or a clean run, on the page Instrument. "
        )
    far = ""
    if verdict.far is not None and verdict.is_far_alarm:
        far = (
            f", and {verdict.far:,} ({format_percent(verdict.far / verdict.total)}) more unusual than "
            f"{format_percent(1 - FAR)} of them, where known ones would give {format_percent(FAR)}"
        )
    return whole + (
        f"{verdict.marked:,} of {verdict.total:,} particles ({format_percent(verdict.share)}) are unlike all known "
        f"ones, where known ones would give {format_percent(verdict.level)}{far}: this run holds other kinds of "
        "particles, or images unlike those that the classifier knows. The names of its other particles are doubtful as "
        "well."
    )


def withheld_reason(results: ClassificationResults) -> str:
    """Why no corrected count and no predictive value is given; "" where they are."""
    verdict = _alarm(results)
    if verdict is None:
        return ""
    reason = "the run as a whole resembles none of the instruments that they would be estimated from"
    if not run_differs(results):
        reason = (
            f"{format_percent(verdict.share)} of the particles are unlike the labelled ones that they would be "
            "estimated from"
        )
    return f"Corrected counts and positive predictive values are withheld: {reason}."


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
