"""Stored classifications: rename, describe their sample, delete, and what was made from them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from svp_core.access.person import REVIEWER
from svp_core.classification.settings import MAX_LENGTHS, SAMPLE_FIELDS
from svp_core.display import join_names
from svp_core.errors import LabError
from svp_core.files import write_json
from svp_core.review.store import list_reviews
from svp_core.workspace import jobs
from svp_core.workspace.changes import CLASSIFICATION, REPORT, change
from svp_core.workspace.datasets import list_datasets
from svp_core.workspace.signatures import signatures_of


@dataclass(frozen=True)
class Dependents:
    """Names of what was made from a classification."""

    reviews: tuple[str, ...]
    datasets: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """What depends on the classification and what deleting it means for that; "" without dependents."""
        parts = []
        for names, singular, plural in ((self.reviews, "review", "reviews"), (self.datasets, "data set", "data sets")):
            if names:
                parts.append(f"{len(names):,} {singular if len(names) == 1 else plural} ({join_names(names)})")
        if not parts:
            return ""
        return (
            f"Made from it: {' and '.join(parts)}. They keep their own images and labels, but reports and .cla files "
            "can no longer be made from them."
        )


def dependents_of(job_id: str) -> Dependents:
    """Reviews and data sets that were made from a classification."""
    reviews = [header["name"] for header in list_reviews() if header["source"].get("job") == job_id]
    datasets = [meta["name"] for meta in list_datasets() if meta["provenance"].get("job") == job_id]
    return Dependents(tuple(reviews), tuple(datasets))


def read_summary(job_id: str) -> dict[str, Any]:
    """summary.json of a classify job; {} before it exists, and where it is damaged."""
    try:
        summary = json.loads((jobs.job_folder(job_id) / "summary.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return summary if isinstance(summary, dict) else {}


def rename_classification(job_id: str, title: str) -> None:
    """Store another title. Raises LabError for an empty or too long one, and while the job is under way."""
    if not title.strip():
        raise LabError("Enter a name for the classification.")
    _update(job_id, {"title": title.strip()})


def save_sample_details(job_id: str, details: Mapping[str, str]) -> None:
    """Store sample, lot and operator (keys of SAMPLE_FIELDS), read by report and exports. Raises LabError."""
    if unknown := details.keys() - SAMPLE_FIELDS.keys():
        raise ValueError(f"unknown sample details {sorted(unknown)}; known are {', '.join(SAMPLE_FIELDS)}")
    _update(job_id, {name: text.strip() for name, text in details.items()})


def delete_classification(job_id: str) -> None:
    """Delete a classification for good. Raises LabError while it is under way. Its dependents stay."""
    if jobs.get(job_id).kind != "classify":
        raise LabError("This job is not a classification.")
    if signatures_of(REPORT, job_id):
        raise LabError("This classification has a signed report, which is kept; it cannot be deleted.")
    jobs.delete(job_id)


def _update(job_id: str, texts: Mapping[str, str]) -> None:
    if jobs.get(job_id).active:
        raise LabError("This classification is still under way; try again when it has ended.")
    for name, text in texts.items():
        if len(text) > MAX_LENGTHS[name]:
            raise LabError(f"The {name} has {len(text):,} characters; use at most {MAX_LENGTHS[name]:,}.")
    summary = read_summary(job_id)
    if not summary:
        raise LabError("This classification has no results; delete it and classify the source again.")
    before = {name: summary.get(name, "") for name, text in texts.items() if summary.get(name, "") != text}
    if before:
        after = {name: texts[name] for name in before}
        with change(REVIEWER, "change", CLASSIFICATION, job_id, before=before, after=after):
            write_json(jobs.job_folder(job_id) / "summary.json", {**summary, **texts})
