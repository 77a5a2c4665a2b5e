"""What reviewers decided about the particles of a classification, for its report."""

from pathlib import Path

from svp_core.display import count_noun, format_utc, label_text
from svp_core.report.examples import shorten
from svp_core.report.markup import join, table, tag
from svp_core.review.decision_log import history
from svp_core.review.history_file import verify
from svp_core.review.store import list_reviews, open_review
from svp_core.workspace.paths import workspace_root

LISTED = 50  # changed labels, of each review


def decisions_section(folder):
    """Html of every review of a job's particles in this workspace; empty where nobody decided anything.

    folder: of the job. The counts of a report are not changed by it: they are the classifier's.
    """
    return join(*(_review(head) for head in _reviews_of(folder)))


def count_reviewer_decisions(folder):
    """How many decisions the report of a job's folder would tell of: one more, and it is another report."""
    return sum(head["decisions"] for head in _reviews_of(folder))


def _reviews_of(folder):
    """Headers of the reviews of a job's particles in which somebody decided, first begun first."""
    folder = Path(folder).resolve()
    if folder.parent != workspace_root() / "jobs":
        return []
    mine = [head for head in list_reviews() if head["source"].get("job") == folder.name and head["decisions"]]
    return sorted(mine, key=lambda head: (head["created"], head["review"]))


def _review(head):
    review, verdict = open_review(head["review"]), verify(head["review"])
    labels = review.standing().take(history(review.id)).labels()
    decided = labels[labels["state"] != "open"]
    moved = decided[decided["state"] != "kept"]
    moves = moved.groupby(["given", "label"], sort=True).size()
    tally = [[label_text(given), label_text(label), f"{count:,}"] for (given, label), count in moves.items()]
    short = dict(zip(labels["particle"], shorten(labels["particle"].tolist()), strict=True))
    rows = [
        [
            short[row.particle],
            label_text(row.given),
            label_text(row.label),
            row.reviewer,
            format_utc(row.server_time),
            row.reason,
        ]
        for row in moved.sort_values("server_time", kind="stable")[:LISTED].itertuples()
    ]
    who = ", ".join(sorted(set(decided["reviewer"])))
    words = (
        f"{count_noun(verdict.count, 'decision')} by {who or 'nobody that holds'}; {len(decided):,} of {len(labels):,} "
        f"particles are decided, {len(moved):,} of them otherwise than before. The counts above are the classifier's."
    )
    chain = (
        f"Last hash of the history: {verdict.head}." if verdict.sound else f"The history is damaged: {verdict.problem}"
    )
    more = f" The first {LISTED} of {len(moved):,} are listed." if len(moved) > LISTED else ""
    return join(
        tag("h3", head["name"]),
        tag("p", words + more),
        tag("p", chain, class_="hash"),
        table(["Before", "Now", "Particles"], [tally], texts=(0, 1)) if tally else None,
        table(
            ["Particle", "Before", "Now", "Reviewer", "When (UTC)", "Reason"],
            [[row] for row in rows],
            class_="list",
            texts=range(6),
        )
        if rows
        else None,
    )
