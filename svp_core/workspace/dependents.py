"""Jobs and reviews that name a data set or a model: what to show, and what to refuse, before one is deleted."""

import json
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from svp_core.errors import LabError
from svp_core.workspace import jobs
from svp_core.workspace.database import engine
from svp_core.workspace.database import review as review_row
from svp_core.workspace.paths import workspace_root

REVIEW = "review"
# Settings of a job, at any depth, that hold a model's name or folder.
_MODEL_SETTINGS = ("weights", "base", "generator", "reference")


@dataclass(frozen=True)
class Dependent:
    """One review or job that names a data set or a model."""

    kind: str  # REVIEW, or the kind of the job
    id: str
    name: str  # of the review; "" for a job, whose title its request gives
    config: Mapping[str, Any]  # settings of the job; empty for a review
    active: bool  # a job that is queued, running or paused
    created: bool = False  # the job that produced this model


def dataset_dependents(dataset_id: str) -> list[Dependent]:
    """Reviews of this data set, then trainings, comparisons and other jobs that name it, newest first."""
    reviews = [
        _of_review(header)
        for header in _review_headers()
        if header["kind"] == "dataset" and header["source"].get("dataset") == dataset_id
    ]
    return reviews + [_of_job(job) for job in _jobs() if dataset_id in _values(job.config)]


def model_dependents(names: Collection[str], folder: Path) -> list[Dependent]:
    """Reviews of this model's answers, then jobs that use it or have produced it, newest first.

    names: its name and its former names. folder: where it lies, as jobs may name that instead.
    """
    dependents = [_of_review(header) for header in _review_headers() if header["model"] in names]
    for job in _jobs():
        if created := _produced_model(job.id) in names:
            dependents.append(_of_job(job, created=created))
        elif any(value in names or Path(value) == folder for value in _values(job.config, _MODEL_SETTINGS)):
            dependents.append(_of_job(job))
    return dependents


def check_not_in_use(name: str, dependents: Sequence[Dependent]) -> None:
    """Raise LabError where a job that is queued, running or paused needs what has this name."""
    if count := sum(dependent.active for dependent in dependents):
        needed_by = "a job that is" if count == 1 else f"{count} jobs that are"
        raise LabError(
            f"{name!r} is in use by {needed_by} queued, running or paused; wait until the work has ended, or cancel it."
        )


def _review_headers() -> Iterator[dict[str, Any]]:
    with engine().connect() as db:
        rows = db.execute(sa.select(review_row.c.header).order_by(review_row.c.created.desc())).scalars().all()
    return map(json.loads, rows)


def _jobs() -> list[jobs.Job]:
    return jobs.recent(sys.maxsize)


def _of_review(header: Mapping[str, Any]) -> Dependent:
    return Dependent(REVIEW, header["review"], header["name"], {}, active=False)


def _of_job(job: jobs.Job, *, created: bool = False) -> Dependent:
    return Dependent(job.kind, job.id, "", job.config, active=job.active or job.state == "paused", created=created)


def _produced_model(job_id: str) -> str | None:
    """Name of the model that a job has produced; None for none."""
    try:
        return json.loads((workspace_root() / "jobs" / job_id / "model.json").read_text("utf-8"))["model"]
    except (OSError, ValueError, KeyError):
        return None


def _values(config: Any, keys: Sequence[str] | None = None) -> set[str]:
    """Strings anywhere in a job's settings; with keys, only the values of those settings."""
    if isinstance(config, Mapping):
        return {
            text
            for key, value in config.items()
            if keys is None or key in keys or isinstance(value, Mapping)
            for text in _values(value, keys if isinstance(value, Mapping) else None)
        }
    if isinstance(config, list | tuple):
        return {text for value in config for text in _values(value, keys)}
    return {config} if isinstance(config, str) else set()
