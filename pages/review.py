"""Review: labels that are likely wrong, looked at by a person, put right at a keystroke, and every decision kept."""

import streamlit as st

from pages.ui.review import start_review
from pages.ui.review.annotate import show_annotation
from pages.ui.review.embedding_map import show_map
from pages.ui.review.history_view import show_history
from pages.ui.review.queue_filter import choose_queue_filter
from pages.ui.review.retraining import show_retraining
from pages.ui.review.review_data import current_labels_of, holder_of, review_of
from pages.ui.shared.session_guard import require_app
from pages.ui.shared.text import escape_markdown
from pages.ui.shared.url_state import close, open_as, opened
from svp_core.errors import LabError

require_app(__file__)


def leave():
    """Close the review; it stays in the list."""
    for name in ("review", "desk"):
        close("review", name)


def ask_name():
    """Who decides: asked once, kept in the address."""
    with st.form("reviewer_form", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input(
            "Your name, as it is to stand beside every decision", key="reviewer_name", max_chars=80, width=340
        )
        if st.form_submit_button("Go to the desk", type="primary", key="reviewer_go"):
            if not name.strip():
                raise LabError("A decision needs the name of its reviewer; enter yours.")
            open_as("review", name.strip(), "reviewer")
            st.rerun()


def change_name():
    """Somebody else sits down."""
    for name in ("reviewer", "desk"):
        close("review", name)


def heading(review, reviewer):
    """Which review, and who decides."""
    model = review.header["model"]
    by = f"{'Named' if review.by_machine else 'Suggestions'} by {model}. " if model else ""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.title(
            escape_markdown(review.name),
            width="stretch",
            help=escape_markdown(f"{by}Begun {review.header['created'][:10]}."),
        )
        if reviewer:
            st.caption(escape_markdown(f"Deciding as {reviewer}"), width="content")
            st.button("Not you?", key="reviewer_change", on_click=change_name, type="tertiary")
        st.button("Another review", key="review_leave", on_click=leave)


def decide(review, reviewer):
    """The filters and the desk."""
    if not reviewer:
        ask_name()
        return
    wanted = choose_queue_filter(review, current_labels_of(review), reviewer)
    show_annotation(review.id, reviewer, holder_of(review.id, reviewer), wanted)


VIEWS = {"Decide": decide, "Map": show_map, "History": show_history, "Retrain": show_retraining}


def show(review_id):
    """The review that is open."""
    try:
        review = review_of(review_id)
    except LabError:
        st.title("Review")
        leave()
        raise
    reviewer = (opened("review", "reviewer") or "").strip()[:80]
    heading(review, reviewer)
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
        st.markdown("Look through labels, the most doubtful first, and put them right; every decision is kept.")
        start_review.show_start()
except LabError as error:
    st.error(escape_markdown(error))
