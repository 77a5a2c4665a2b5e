"""What was made from a review: data sets and models, which stay usable when the review is deleted."""

from dataclasses import dataclass

from svp_core.workspace import jobs
from svp_core.workspace.datasets import list_datasets

MAX_JOBS = 1_000  # latest jobs, among which retrainings are searched


@dataclass(frozen=True)
class Dependents:
    """Names of what was made from one review."""

    datasets: tuple[str, ...]
    models: tuple[str, ...]


def dependents_of(review_id: str) -> Dependents:
    """Data sets saved and models retrained from this review's labels."""
    datasets = [meta["name"] for meta in list_datasets() if meta.get("provenance", {}).get("review") == review_id]
    models = [
        job.config["name"]
        for job in jobs.recent(MAX_JOBS)
        if job.kind == "retrain" and job.state == "done" and job.config["review"] == review_id
    ]
    return Dependents(tuple(datasets), tuple(models))
