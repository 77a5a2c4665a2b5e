"""Reviewers' decisions about the particles of a classification, for its report."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from svp_core.display import count_noun, format_utc, label_text
from svp_core.report.examples import shorten
from svp_core.review.closing import SignedState, signed_states
from svp_core.review.decision_log import history
from svp_core.review.history_file import verify
from svp_core.review.store import list_reviews, open_review
from svp_core.workspace.paths import workspace_root

LISTED = 50  # changed labels, per review


@dataclass(frozen=True)
class ChangedLabel:
    """One particle whose label a reviewer changed."""

    particle: str
    before: str
    now: str
    reviewer: str
    time: str  # UTC
    reason: str


@dataclass(frozen=True)
class ReviewDecisions:
    """The decisions of one review."""

    name: str
    summary: str
    chain: str  # last hash of the decision log, or how it is damaged
    signatures: list[str]  # who signed the closed review, and whether the decisions are still those
    changes: list[tuple[str, str, str]]  # (label before, label now, number of particles)
    changed: list[ChangedLabel]  # the first LISTED


def review_decisions(folder: str | Path) -> list[ReviewDecisions]:
    """Every review of a job's particles in this workspace with decisions; none without one.

    folder: of the job. The counts of a report are not changed by decisions: they are the classifier's.
    """
    return [_decisions(header) for header in _reviews_of(folder)]


def count_reviewer_decisions(folder: str | Path) -> int:
    """Number of decisions that the report of a job's folder shows: with one more, the report is a different one."""
    return sum(header["decisions"] for header in _reviews_of(folder))


def _reviews_of(folder: str | Path) -> list[dict[str, Any]]:
    """Headers of the reviews of a job's particles with decisions, oldest first."""
    folder = Path(folder).resolve()
    if folder.parent != workspace_root() / "jobs":
        return []
    reviews = [head for head in list_reviews() if head["source"].get("job") == folder.name and head["decisions"]]
    return sorted(reviews, key=lambda head: (head["created"], head["review"]))


def _decisions(header: Mapping[str, Any]) -> ReviewDecisions:
    review, verdict = open_review(header["review"]), verify(header["review"])
    labels = review.current_labels().add(history(review.id)).labels()
    decided = pd.DataFrame(labels[labels["state"] != "open"])
    changed = pd.DataFrame(decided[decided["state"] != "kept"])
    reviewers = ", ".join(sorted(set(decided["reviewer"])))
    summary = (
        f"{count_noun(verdict.count, 'decision')} by {reviewers or 'no current reviewer'}; {len(decided):,} of "
        f"{len(labels):,} particles are decided, {len(changed):,} of them changed. The counts above are the "
        "classifier's."
    )
    if len(changed) > LISTED:
        summary += f" The first {LISTED} of {len(changed):,} are listed."
    in_order = changed.sort_values("server_time", kind="stable")
    pairs = changed.groupby(["given", "label"], sort=True).agg(count=("particle", "size")).reset_index()
    return ReviewDecisions(
        header["name"],
        summary,
        f"Last hash of the decision log: {verdict.head}."
        if verdict.sound
        else f"The decision log is damaged: {verdict.problem}",
        [_signed(state) for state in signed_states(review.id)],
        [
            (label_text(before), label_text(now), f"{count:,}")
            for before, now, count in zip(pairs["given"], pairs["label"], pairs["count"], strict=True)
        ],
        _changed_labels(labels["particle"].tolist(), pd.DataFrame(in_order[:LISTED])),
    )


def _signed(state: SignedState) -> str:
    signature = state.signature
    line = f"{signature.meaning}: {signature.name}, {format_utc(signature.time)} UTC ({signature.components})."
    return f"{line} {state.problem}".strip()


def _changed_labels(particles: list[str], changed: pd.DataFrame) -> list[ChangedLabel]:
    short = dict(zip(particles, shorten(particles), strict=True))
    columns = [changed[name] for name in ("particle", "given", "label", "reviewer", "server_time", "reason")]
    return [
        ChangedLabel(short[particle], label_text(before), label_text(now), reviewer, format_utc(time), reason)
        for particle, before, now, reviewer, time, reason in zip(*columns, strict=True)
    ]
