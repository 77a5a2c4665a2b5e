"""Review: find labels that are probably wrong, correct them with one key each, and keep every decision."""

import streamlit as st

from pages.ui.components.remembered_text import remember_text
from pages.ui.review import start_review
from pages.ui.review.annotate import show_annotation
from pages.ui.review.embedding_map import show_map
from pages.ui.review.history_view import show_history
from pages.ui.review.open_tabs import end_leases, holder_of, send_heartbeat
from pages.ui.review.queue_filter import choose_queue_filter
from pages.ui.review.retraining import show_retraining
from pages.ui.review.review_data import current_labels_of, review_of
from pages.ui.shared.person_form import (
    REVIEWER,
    ask_person,
    can_change_person,
    deciding_person,
    require_reviewer,
)
from pages.ui.shared.text import escape_markdown
from pages.ui.shared.times import format_iso
from pages.ui.shared.url_state import close, open_as, opened
from svp_core.display import model_label
from svp_core.errors import LabError
from svp_core.review.store import Review

MAX_REVIEWER = 80  # characters in a name


def leave() -> None:
    """Close the review; it stays in the list."""
    if review_id := opened("review", "review"):
        end_leases(review_id)
    for name in ("review", "desk"):
        close("review", name)


def change_reviewer(review_id: str, reviewer: str) -> None:
    """Ask for the reviewer's name again, with the present one filled in."""
    end_leases(review_id)
    st.session_state.update(reviewer_recalled=True, reviewer_name=reviewer)
    for name in (REVIEWER, "desk"):
        close("review", name)


def ask_name() -> None:
    """Ask for the reviewer's name, with the last one of this browser filled in; it is kept in the address."""
    name = ask_person(
        "reviewer",
        label="Your name (stored with every decision)",
        button="Start reviewing",
        missing="A decision needs the name of its reviewer; enter yours.",
        max_length=MAX_REVIEWER,
    )
    if name:
        open_as("review", name, REVIEWER)
        st.rerun()


def show_heading(review: Review, reviewer: str) -> None:
    """Which review is open, and who decides."""
    model = review.header["model"]
    source = f"{'Classified' if review.has_model_labels else 'Suggestions'} by {model_label(model)}. " if model else ""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        started = f"Started {format_iso(review.header['created'])}."
        st.title(escape_markdown(review.name), width="stretch", help=escape_markdown(source + started))
        if reviewer:
            st.caption(escape_markdown(f"Reviewer: {reviewer}"), width="content")
            arguments = (review.id, reviewer)
            if can_change_person():
                st.button(
                    "Change reviewer", key="reviewer_change", on_click=change_reviewer, args=arguments, type="tertiary"
                )
        st.button("Close review", key="review_leave", on_click=leave)


def annotate(review: Review, reviewer: str) -> None:
    """The filter and the grid."""
    require_reviewer()
    if not reviewer:
        ask_name()
        return
    queue_filter = choose_queue_filter(review, current_labels_of(review), reviewer)
    holder = holder_of(review.id, reviewer)
    show_annotation(review.id, reviewer, holder, queue_filter)
    send_heartbeat(review.id, holder)
    remember_text(REVIEWER, reviewer, key="reviewer_memory_kept")


VIEWS = {"Decide": annotate, "Map": show_map, "History": show_history, "Retrain": show_retraining}


def show(review_id: str) -> None:
    """The open review."""
    try:
        review = review_of(review_id)
    except LabError:
        st.title("Review")
        leave()
        raise
    reviewer = deciding_person("review", MAX_REVIEWER)
    show_heading(review, reviewer)
    for view, tab in zip(VIEWS, st.tabs(list(VIEWS), key="look", on_change="rerun", bind="query-params"), strict=True):
        if tab.open:
            with tab:
                try:
                    VIEWS[view](review, reviewer)
                except LabError as error:
                    st.error(escape_markdown(error))


if start_review.OF in st.query_params and "review" not in st.query_params:
    leave()
    close("review", start_review.SEARCH)
try:
    if review_id := opened("review", "review"):
        show(review_id)
    else:
        st.title("Review")
        st.markdown("Check labels, the most doubtful first, and correct the wrong ones; every decision is kept.")
        start_review.show_start()
except LabError as error:
    st.error(escape_markdown(error))
