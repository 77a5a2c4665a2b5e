"""Which instrument a classification is of, and the classifications of an instrument."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from svp_core.errors import LabError
from svp_core.files import write_json
from svp_core.profiles.profile import InstrumentProfile, kind_of_source
from svp_core.tasks.stored_classifications import read_summary
from svp_core.workspace import instrument_profiles, jobs
from svp_core.workspace.paths import workspace_root

MAX_JOBS = 1000  # latest jobs, among which classifications are searched
CLASSIFY = "classify"


def profile_entry(folder: Path, runs: Sequence[Any], um_per_px: float | None) -> dict[str, str]:
    """{"profile": id} of the instrument that a classification is of, for its summary.json; {} where it has none.

    folder: of the job; a folder elsewhere gets no profile, as it belongs to no workspace. runs: RunFacts of the source.
    um_per_px: pixel size of all its particles; without one, nothing can be said of the instrument.
    """
    if not um_per_px or not runs or folder.resolve().parent != (workspace_root() / "jobs").resolve():
        return {}
    return {"profile": _profile_of_runs([(run.kind, run.instrument) for run in runs], um_per_px).id}


def note_conditions(summary: Mapping[str, Any]) -> None:
    """Store the imaging conditions of a finished classification with the profile of its instrument."""
    profile, conditions = summary.get("profile"), summary.get("conditions")
    if profile and conditions:
        try:
            instrument_profiles.update_profile(profile, conditions=conditions)
        except LabError:  # deleted meanwhile: the classification keeps its conditions
            return


def classifications_of(profile_id: str) -> list[tuple[jobs.Job, dict[str, Any]]]:
    """(job, summary) of the ended classifications of this instrument, newest first."""
    return [(job, summary) for job, summary in _classifications() if summary.get("profile") == profile_id]


def without_profile() -> list[tuple[jobs.Job, dict[str, Any]]]:
    """(job, summary) of ended classifications of a known pixel size that no instrument of this workspace has."""
    known = {profile.id for profile in instrument_profiles.list_profiles()}
    return [
        (job, summary)
        for job, summary in _classifications()
        if summary.get("um_per_px") and summary.get("profile") not in known
    ]


def assign_profile(job_id: str, profile_id: str | None = None) -> InstrumentProfile:
    """Make a classification one of this instrument; of the one that its files tell where no id is given.

    Raises LabError where it has no pixel size, is under way, or the instrument has another pixel size.
    """
    if jobs.get(job_id).active:
        raise LabError("This classification is still under way; try again when it has ended.")
    summary = read_summary(job_id)
    um_per_px = summary.get("um_per_px")
    if not um_per_px:
        raise LabError(
            "This classification has no single pixel size, so it belongs to no instrument; classify its runs one by "
            "one, or enter µm per pixel."
        )
    if profile_id is None:
        runs = [(run.get("kind", ""), run.get("instrument", "")) for run in summary.get("runs", [])]
        profile = _profile_of_runs(runs, um_per_px)
    else:
        profile = instrument_profiles.find_profile(profile_id)
        if not profile.fits(profile.kind, um_per_px):
            raise LabError(
                f"{profile.name} has {profile.um_per_px:.4g} µm per pixel, this classification {um_per_px:.4g}; choose "
                "an instrument of the same pixel size."
            )
    write_json(jobs.job_folder(job_id) / "summary.json", {**summary, "profile": profile.id})
    note_conditions({**summary, "profile": profile.id})
    return profile


def _profile_of_runs(runs: Sequence[tuple[str, str]], um_per_px: float) -> InstrumentProfile:
    """Profile of runs (kind, instrument); runs of several kinds are taken as plain images."""
    kinds = {kind_of_source(kind) for kind, _ in runs} or {kind_of_source("")}
    kind = kinds.pop() if len(kinds) == 1 else kind_of_source("")
    instrument = next((text for _, text in runs if text), "")
    return instrument_profiles.profile_for_run(kind, um_per_px, instrument=instrument)


def _classifications() -> list[tuple[jobs.Job, dict[str, Any]]]:
    ended = [job for job in jobs.recent(MAX_JOBS, kinds=(CLASSIFY,)) if job.state in ("done", "cancelled")]
    return [(job, summary) for job in ended if (summary := read_summary(job.id)).get("named")]
