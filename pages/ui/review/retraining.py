"""Retraining on a review's labels, and what each round has brought on particles that were set aside from it."""

import re

import pandas as pd
import streamlit as st

from pages.ui.review.item_text import label_text
from pages.ui.review.review_data import current_labels_of
from pages.ui.shared.job_status import show_progress
from pages.ui.shared.text import DASH, count_noun, escape_markdown, format_time
from svp_core.tasks.job_kinds import find_kind, start
from svp_core.tasks.retrain import BY_CHANCE, CHECKED, RetrainRequest, retrain_summary
from svp_core.workspace import jobs

ROUNDS = 200  # latest jobs, among which those of this review are looked for
OF = {CHECKED: "Checked at random", BY_CHANCE: "Set aside by chance"}
MEANING = {
    CHECKED: "Drawn in random checks and decided without a suggestion. Each counts for those it stands for.",
    BY_CHANCE: "A fifth of all particles, with the labels they had before the review, the wrong ones too.",
}


def show_retraining(review, reviewer):
    """The button, the rounds so far, and the last of them class by class."""
    standing = current_labels_of(review)
    st.markdown(
        "Learns to tell the classes apart from the labels before the review and from those now, and tries both on "
        "particles that neither has learnt from."
    )
    rounds = [job for job in jobs.recent(ROUNDS) if job.kind == "retrain" and job.config["review"] == review.id]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        name = st.text_input(
            "Name of the model",
            _free_name(review, len(rounds)),
            key=f"retrain_{review.id}_{len(rounds)}",
            max_chars=60,
            width=340,
        )
        if st.button("Retrain", key="retrain_go", type="primary"):
            start(RetrainRequest(review.id, name, standing.last))
            st.rerun()
    if rounds and rounds[0].state != "done":
        show_progress(rounds[0])
    done = [(job, retrain_summary(jobs.job_folder(job.id))) for job in rounds if job.state == "done"]
    if done:
        _show_last(*done[0])
    if len(done) > 1:
        st.subheader("Rounds")
        st.dataframe(pd.DataFrame([_round(*one) for one in done]), hide_index=True, key="retrain_rounds")


def _show_last(job, made):
    """What the last round has brought."""
    st.subheader("Before and after")
    for words in made["notes"]:
        st.markdown(escape_markdown(words))
    for of, title in OF.items():
        rows = [check for check in made["checks"] if check["of"] == of]
        if rows:
            st.markdown(f"**{title}**", help=MEANING[of])
            st.dataframe(pd.DataFrame([_row(check) for check in rows]), hide_index=True, key=f"retrain_{of}")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        learnt = ", ".join(f"{label_text(key).lower()} {count:,}" for key, count in made["learnt_from"].items())
        st.caption(
            escape_markdown(
                f"{format_time(job.ended)}, after {count_noun(made['decisions'], 'decision')}; learnt from {learnt}. "
                f"Model: {made['model']}."
            )
        )
        st.page_link(find_kind("classify").page, label="Classify with it")


def _row(check):
    return {
        "Class": label_text(check["class"]) if check["class"] else "All",
        "Particles": check["n"],
        "Named right before": _percent(check["before"]),
        "after": _percent(check["after"]),
        "Difference": _points(check["difference"]),
    }


def _round(job, made):
    """A line of the table of rounds."""
    found = {check["of"]: check for check in made["checks"] if not check["class"]}
    row = {"When": format_time(job.ended), "Model": made["model"], "Decisions": made["decisions"]}
    for of, title in OF.items():
        row[f"{title}: before"] = _percent(found[of]["before"]) if of in found else DASH
        row["after" if of == CHECKED else "after "] = _percent(found[of]["after"]) if of in found else DASH
    return row


def _percent(found):
    """A share with its interval, "92 % (88 to 95)"."""
    return f"{100 * found['value']:.0f} % ({100 * found['low']:.0f} to {100 * found['high']:.0f})"


def _points(found):
    """A difference of shares in percentage points, "+3 (−1 to +7)"."""
    value, low, high = (f"{100 * found[name]:+.0f}".replace("-", "−") for name in ("value", "low", "high"))
    return f"{value} ({low} to {high})"


def _free_name(review, rounds):
    """A name that a model can have, from the review's."""
    stem = re.sub(r"[^\w.-]+", " ", review.name).strip(" .-") or "Review"
    return f"{stem[:40].strip(' .')} round {rounds + 1}"
