"""Retraining on a review's labels, and accuracy before and after it on held-out particles."""

import re
from typing import Any

import pandas as pd
import streamlit as st

from pages.ui.review.review_data import current_labels_of
from pages.ui.shared.job_status import show_progress
from pages.ui.shared.text import DASH, count_noun, escape_markdown
from pages.ui.shared.times import format_timestamp
from svp_core.display import label_text
from svp_core.review.store import Review
from svp_core.tasks.job_kinds import find_kind, start
from svp_core.tasks.retrain import BY_CHANCE, CHECKED, RetrainRequest, retrain_summary
from svp_core.workspace import jobs

MAX_JOBS = 200  # latest jobs, among which those of this review are searched
TEST_SETS = {CHECKED: "Random check", BY_CHANCE: "Random hold-out"}
TEST_SET_HELP = {
    CHECKED: "Drawn in random checks and decided without a suggestion. Each one represents those it was drawn from. "
    "Randomly drawn labels give the fairest estimate.",
    BY_CHANCE: "A fifth of all particles, with the labels they had before the review, wrong ones included.",
}
COLUMN_BEFORE, COLUMN_AFTER, COLUMN_DIFFERENCE = "Correct before", "Correct after", "Difference (points)"


def show_retraining(review: Review, _reviewer: str) -> None:
    """The button, the result of the last retraining class by class, and all retrainings."""
    current = current_labels_of(review)
    st.markdown(
        "Trains the classifier's last layer twice, on the labels before the review and on the current ones, and tests "
        "both on particles that neither was trained on."
    )
    rounds = [job for job in jobs.recent(MAX_JOBS, kinds=("retrain",)) if job.config["review"] == review.id]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        name = st.text_input(
            "Name of the model",
            _default_name(review, len(rounds)),
            key=f"retrain_{review.id}_{len(rounds)}",
            max_chars=60,
            width=340,
        )
        if st.button("Retrain", key="retrain_go", type="primary"):
            start(RetrainRequest(review.id, name, current.last_number))
            st.rerun()
    if rounds and rounds[0].state != "done":
        show_progress(rounds[0])
    done = [(job, retrain_summary(jobs.job_folder(job.id))) for job in rounds if job.state == "done"]
    if done:
        _show_last(*done[0])
    if len(done) > 1:
        st.subheader("All retrainings")
        st.dataframe(pd.DataFrame([_round_row(*one) for one in done]), hide_index=True, key="retrain_rounds")


def _show_last(job: jobs.Job, result: dict[str, Any]) -> None:
    """Result of the last retraining."""
    st.subheader("Before and after")
    for note in result["notes"]:
        st.markdown(escape_markdown(note))
    for test_set, title in TEST_SETS.items():
        rows = [check for check in result["checks"] if check["of"] == test_set]
        if rows:
            st.markdown(f"**{title}**", help=TEST_SET_HELP[test_set])
            table = pd.DataFrame([_check_row(check) for check in rows])
            st.dataframe(table, hide_index=True, key=f"retrain_{test_set}")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        trained = ", ".join(f"{label_text(key).lower()} {count:,}" for key, count in result["learnt_from"].items())
        st.caption(
            escape_markdown(
                f"{format_timestamp(job.ended or 0)}, after {count_noun(result['decisions'], 'decision')}; trained on "
                f"{trained}. Model: {result['model']}."
            )
        )
        st.page_link(find_kind("classify").page, label="Classify with it")


def _check_row(check: dict[str, Any]) -> dict[str, Any]:
    return {
        "Class": label_text(check["class"]) if check["class"] else "All",
        "Particles": check["n"],
        COLUMN_BEFORE: _percent(check["before"]),
        COLUMN_AFTER: _percent(check["after"]),
        COLUMN_DIFFERENCE: _points(check["difference"]),
    }


def _round_row(job: jobs.Job, result: dict[str, Any]) -> dict[str, Any]:
    """A row of the table of retrainings."""
    overall = {check["of"]: check for check in result["checks"] if not check["class"]}
    row = {"Time": format_timestamp(job.ended or 0), "Model": result["model"], "Decisions": result["decisions"]}
    for test_set, title in TEST_SETS.items():
        for moment in ("before", "after"):
            cell = _percent(overall[test_set][moment]) if test_set in overall else DASH
            row[f"{title}: {moment}"] = cell
    return row


def _percent(estimate: dict[str, float]) -> str:
    """A share with its interval, "92 % (88 to 95)"."""
    return f"{100 * estimate['value']:.0f} % ({100 * estimate['low']:.0f} to {100 * estimate['high']:.0f})"


def _points(estimate: dict[str, float]) -> str:
    """A difference of shares in percentage points, "+3 (−1 to +7)"."""
    value, low, high = (f"{100 * estimate[name]:+.0f}".replace("-", "−") for name in ("value", "low", "high"))
    return f"{value} ({low} to {high})"


def _default_name(review: Review, rounds: int) -> str:
    """A valid model name made from the review's."""
    stem = re.sub(r"[^\w.-]+", " ", review.name).strip(" .-") or "Review"
    return f"{stem[:40].strip(' .')} round {rounds + 1}"
