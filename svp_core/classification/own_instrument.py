"""The instrument that a classification belongs to, the reference from its validation, its calibration of novelty."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from svp_core.classification.folded_classes import fold_key, fold_probs, folded_keys, folds_into
from svp_core.classification.settings import CONFIDENCE_THRESHOLD
from svp_core.errors import LabError
from svp_core.novelty.calibration import NoveltyCalibration
from svp_core.novelty.calibration_file import find_calibration
from svp_core.novelty.known_run import calibrate_on_run, from_record
from svp_core.particle_classes import UNLIKE
from svp_core.profiles.profile import InstrumentProfile
from svp_core.profiles.wording import condition_differences
from svp_core.stats.confusion import ConfusionReference, apply_thresholds
from svp_core.validation import reference
from svp_core.validation.reference import validation_reference
from svp_core.workspace.instrument_profiles import find_profile

OUTDATED = (
    "The known run of this instrument belongs to an earlier calibration of novelty; particles are judged by the "
    "shipped one instead. Classify known particles again and choose that run on the page Instrument, Novelty."
)


def profile_of(summary: Mapping[str, Any]) -> InstrumentProfile | None:
    """Profile of the instrument in a summary.json; None where it names none, or one that is not in this workspace."""
    try:
        return find_profile(summary["profile"]) if summary.get("profile") else None
    except LabError:
        return None


def find_own_calibration(
    folder: Path | None, class_keys: tuple[str, ...], summary: Mapping[str, Any]
) -> tuple[NoveltyCalibration | None, str]:
    """Calibration of novelty for the instrument in a summary.json: by its run of known particles, else the shipped one.

    folder, class_keys: of the classifier. (None, reason) where it has none; (shipped one, reason) where the known run
    cannot be used. Raises LabError where the file is damaged.
    """
    shipped, reason = find_calibration(folder, class_keys)
    profile = profile_of(summary)
    if shipped is None or profile is None:
        return shipped, reason
    record = profile.known_run_of(shipped.weights_sha256)
    if record and is_outdated(record, shipped):
        return shipped, OUTDATED
    run = from_record(record, class_keys)
    return (shipped if run is None else calibrate_on_run(shipped, run)), ""


def is_outdated(record: Mapping[str, Any], shipped: NoveltyCalibration) -> bool:
    """Whether the distances of a known run (see tasks.known_run) were measured by another calibration than this."""
    return record.get("basis") != shipped.basis


def known_run_differences(summary: Mapping[str, Any]) -> list[str]:
    """In which conditions the images of a summary.json differ from those of its instrument's known run."""
    profile = profile_of(summary)
    record = profile.known_run_of(summary.get("weights_sha256")) if profile else None
    return condition_differences(summary.get("conditions"), record.get("conditions")) if record else []


def own_reference(summary: Mapping[str, Any], class_keys: tuple[str, ...]) -> ConfusionReference | None:
    """Labelled particles of this instrument that the same classifier has named; None without a validation of it."""
    record = _validation(summary, class_keys)
    return validation_reference(record) if record else None


def why_not_corrected(summary: Mapping[str, Any], class_keys: tuple[str, ...]) -> str:
    """Why the validation on this instrument forbids corrected counts, as a sentence; "" where it does not."""
    record = _validation(summary, class_keys)
    return reference.why_not_corrected(record) if record else ""


def _validation(summary: Mapping[str, Any], class_keys: tuple[str, ...]) -> Mapping[str, Any] | None:
    profile = profile_of(summary)
    record = profile.validation_of(summary.get("weights_sha256")) if profile else None
    if not record or tuple(record["class_keys"]) == class_keys:
        return record
    return _fold(record) if folds_into(record["class_keys"], class_keys) else None


def _fold(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """The labelled particles of a record as folded results name them, at the threshold that they were drawn at."""
    keys, particles = record["class_keys"], record["particles"]
    folded, probs = folded_keys(keys), fold_probs(particles["probs"], keys)
    named = apply_thresholds(probs, folded, thresholds=dict.fromkeys(folded, CONFIDENCE_THRESHOLD))
    assigned = [UNLIKE if old == UNLIKE else new for old, new in zip(particles["assigned"], named, strict=True)]
    labels = [fold_key(label) for label in particles["labels"]]
    changed = {"labels": labels, "probs": probs.tolist(), "assigned": assigned}
    return {**record, "class_keys": list(folded), "particles": {**particles, **changed}}
