"""Name a classified run of known, clean particles by which novelty is calibrated on its instrument."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np

from svp_core.classification.own_instrument import is_outdated
from svp_core.classification.results import ClassificationResults, model_of, read_results_folder
from svp_core.classification.strangers import has_novelty, is_unlike
from svp_core.errors import LabError
from svp_core.novelty.calibration import NoveltyCalibration
from svp_core.novelty.calibration_file import find_calibration
from svp_core.novelty.known_run import as_record, halves_differ, measure_known_run
from svp_core.novelty.tile_forms import forms_of
from svp_core.profiles.profile import InstrumentProfile
from svp_core.tasks.instrument_runs import classifications_of
from svp_core.tasks.stored_features import shipped_calibration, stored_features
from svp_core.tile_file import read_tiles
from svp_core.workspace.instrument_profiles import find_profile, update_known_run
from svp_core.workspace.jobs import job_folder


def name_known_run(profile_id: str, job_id: str) -> InstrumentProfile:
    """Calibrate novelty on this instrument by a classification of known, clean particles; returns the profile.

    The runs that are classified on it from then on, by the same weights, are judged by its particles. Raises LabError
    where the classification is not of this instrument, was stopped, holds too few particles or no features, where its
    first and second half do not resemble each other, and where the weights have changed since.
    """
    profile = find_profile(profile_id)
    if job_id not in [job.id for job, _ in classifications_of(profile.id)]:
        raise LabError(f"This classification is not one of {profile.name}; choose one that its Overview lists.")
    results = read_results_folder(job_folder(job_id))
    if results.missing:
        raise LabError("This classification was stopped before its end; choose one of a whole run.")
    calibration = shipped_calibration(results)
    return update_known_run(profile.id, calibration.weights_sha256, known_run_record(results, calibration))


def forget_known_run(profile_id: str, weights_sha256: str) -> InstrumentProfile:
    """Judge by the shipped calibration again."""
    return update_known_run(profile_id, weights_sha256, None)


def is_in_use(sha256: str, record: Mapping[str, Any]) -> bool:
    """Whether particles are judged by this known run, kept for these weights: not where it is outdated."""
    try:
        shipped, _ = find_calibration(model_of(record), tuple(record["by_class"]))
    except (LabError, KeyError):
        return False
    return shipped is not None and shipped.weights_sha256 == sha256 and not is_outdated(record, shipped)


def known_run_record(results: ClassificationResults, calibration: NoveltyCalibration) -> dict[str, Any]:
    """What the profile keeps of a named run. Raises LabError, see name_known_run."""
    named, forms = results.probs.argmax(1), forms_of(np.asarray(read_tiles(results.folder / "tiles.npy")))
    title = str(results.summary.get("title") or "classification")
    created = datetime.now(UTC).isoformat(timespec="seconds")
    run = measure_known_run(
        calibration,
        stored_features(results, calibration),
        named,
        forms[: len(named)],
        description=f"{len(named):,} particles of the run {title}, named on {created[:10]} as known ones of this "
        "instrument",
    )
    if halves_differ(calibration, run):
        raise LabError(
            "The first and the second half of this run do not resemble each other, so it cannot say what is usual; "
            "choose a run of one clean sample."
        )
    return {
        **as_record(run),
        "basis": calibration.basis,
        "job": results.job_id,
        "title": title,
        "created": created,
        "particles": len(named),
        "by_class": {key: int((named == label).sum()) for label, key in enumerate(results.class_keys)},
        "unlike_before": float(is_unlike(results).mean()) if has_novelty(results) else None,
        "conditions": results.summary.get("conditions"),
        **{name: results.summary[name] for name in ("weights", "weights_folder") if name in results.summary},
    }
