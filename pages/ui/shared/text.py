"""Names, numbers, times and jobs as text on the screen."""

from collections.abc import Iterable

from svp_core.display import (
    DASH,
    class_name,
    count_noun,
    escape_markdown,
    format_duration,
    format_share,
    shared_prefix,
    truncate,
)
from svp_core.tasks import job_kinds
from svp_core.tasks.job_kinds import unit_of
from svp_core.workspace.jobs import Job

__all__ = [
    "DASH",
    "class_name",
    "count_noun",
    "escape_markdown",
    "format_duration",
    "format_share",
    "job_outcome",
    "job_title",
    "truncate",
    "without_common_prefix",
    "without_names",
]


def without_common_prefix(names: Iterable[str]) -> list[str]:
    """Names without the folders and the file that all of them share: "…#12" for "run 7/run 7.lst#12"."""
    names = list(names)
    shared = shared_prefix(names)
    cut = max(shared.rfind("/"), shared.rfind("#"))
    return [f"…{name[cut:]}" if cut > 0 else name for name in names]


def without_names(text: str, run_names: Iterable[str]) -> str:
    """Text with the names of runs shortened to "…" in the names of their files: "settings in ….ctx"."""
    for name in sorted((name.rpartition("/")[2] for name in run_names), key=len, reverse=True):
        text = text.replace(name, "…") if len(name) > 3 else text
    return text


def job_title(job: Job) -> str:
    """What a job does, in one line; not escaped."""
    return job_kinds.job_title(job.kind, job.config)


def job_outcome(job: Job) -> str:
    """How a job ended, in a few words."""
    took = format_duration(job.ended - job.started) if job.ended and job.started else ""
    if job.state == "done":
        return count_noun(job.step, unit_of(job.kind)) + (f" in {took}" if took else "")
    if job.state == "cancelled":
        return f"Cancelled after {job.step:,}" + (f" of {job.total:,}" if job.total else "")
    if job.state == "paused":
        return f"Paused after {job.step:,}" + (f" of {job.total:,}" if job.total else "")
    return {"failed": "Failed", "lost": "Interrupted"}.get(job.state, "Under way")
