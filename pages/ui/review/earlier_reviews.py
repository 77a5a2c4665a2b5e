"""Earlier reviews: open, rename, delete and restore them."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from pages.ui.review.review_data import forget_review
from pages.ui.shared.reason_form import ask_reason, with_reason
from pages.ui.shared.text import count_noun, escape_markdown
from pages.ui.shared.times import format_iso
from pages.ui.shared.url_state import open_as
from svp_core.errors import LabError
from svp_core.review.dependents import dependents_of
from svp_core.review.store import MAX_NAME, delete_review, list_reviews, rename_review, restore_review

MAX_LISTED = 8  # earlier reviews shown at once
DELETED_NOTE = (
    "A deleted review is no longer listed and cannot be opened. Nothing is destroyed: its decisions are an audit trail "
    "that is only ever added to, so its folder and decisions stay, and it can be restored here."
)


def show_earlier_reviews() -> None:
    """List of earlier reviews, newest first; the deleted ones below."""
    reviews, deleted = list_reviews(), list_reviews(deleted=True)
    if reviews:
        st.subheader("Earlier reviews")
    with st.container(gap=None):
        for header in reviews if st.session_state.get("review_all") else reviews[:MAX_LISTED]:
            _show_review(header)
    if len(reviews) > MAX_LISTED:
        st.toggle(f"Show all {len(reviews):,}", key="review_all")
    if deleted:
        with st.expander(f"Deleted reviews ({len(deleted):,})", key="reviews_deleted"):
            st.caption(DELETED_NOTE)
            for header in deleted:
                _show_deleted(header)


def open_review_page(review_id: str) -> None:
    """Open this review on the page."""
    open_as("review", review_id, "review")
    st.rerun()


def _show_review(header: dict[str, Any]) -> None:
    review_id = header["review"]
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        if st.button(escape_markdown(header["name"]), key=f"open_{review_id}", type="tertiary"):
            open_review_page(review_id)
        st.caption(escape_markdown(_summary(header)), width="content")
        popover = st.popover("Edit", type="tertiary", key=f"edit_{review_id}", on_change="rerun")
        if popover.open:
            with popover:
                _edit(header)


def _edit(header: dict[str, Any]) -> None:
    """Rename or delete a review."""
    review_id = header["review"]
    ask_reason(review_id)
    name = str(st.text_input("Name", header["name"], key=f"name_{review_id}", max_chars=MAX_NAME, width=360))
    if st.button("Rename", key=f"rename_{review_id}", disabled=name.strip() == header["name"]):
        _change(rename_review, review_id, name)
    st.divider()
    made = dependents_of(review_id)
    lines = [f"**{count_noun(header['decisions'], 'decision')}** on {count_noun(header['particles'], 'particle')}."]
    for title, names in (("Data sets", made.datasets), ("Models", made.models)):
        if names:
            lines.append(f"{title} made from it stay usable: {escape_markdown(', '.join(names))}.")
    st.markdown(" ".join(lines), width=360)
    st.caption(DELETED_NOTE, width=360)
    if st.button("Delete this review", key=f"delete_{review_id}"):
        _change(delete_review, review_id)


def _show_deleted(header: dict[str, Any]) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        st.markdown(escape_markdown(header["name"]), width="content")
        st.caption(escape_markdown(_summary(header)), width="content")
        ask_reason(header["review"])
        if st.button("Restore", key=f"restore_{header['review']}", type="tertiary"):
            _change(restore_review, header["review"])


def _change(change: Callable[..., None], review_id: str, *values: str) -> None:
    try:
        with_reason(review_id, change, review_id, *values)
    except LabError as error:
        st.error(escape_markdown(error))
        return
    forget_review()
    st.rerun()


def _summary(header: dict[str, Any]) -> str:
    counts = f"{count_noun(header['decisions'], 'decision')} on {count_noun(header['particles'], 'particle')}"
    return f"{counts} · started {format_iso(header['created'])}"
