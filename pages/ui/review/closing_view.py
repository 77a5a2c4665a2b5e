"""Closing a review with a signature, its signatures, and opening it again."""

import streamlit as st

from pages.ui.shared.signature_form import ask_signature, signature_text
from pages.ui.shared.text import escape_markdown
from pages.ui.shared.times import format_timestamp
from svp_core.access.person import KEEPER, current_person
from svp_core.errors import LabError
from svp_core.review.closing import closed_at, reopen_review, sign_review, signed_states
from svp_core.review.store import Review


def show_closing(review: Review) -> None:
    """Draw the signatures and, on demand, the form that closes and signs, or signs once more."""
    states, closed = signed_states(review.id), closed_at(review.id)
    title = f"Closed {format_timestamp(closed)}" if closed else "Close and sign"
    with st.expander(title, key="review_signatures", expanded=bool(closed)):
        for state in states:
            st.markdown(signature_text(state.signature))
            if state.problem:
                st.warning(escape_markdown(state.problem))
        if not closed:
            st.caption("No decision can be added to a closed review. A keeper can open it again.")
        ask_signature(
            f"sign_review_{review.id}",
            "Sign" if closed else "Close and sign",
            lambda name, meaning: sign_review(review.id, review.name, name, meaning),
        )
        try:
            if closed and current_person().may(KEEPER) and st.button("Open again", key="review_reopen"):
                reopen_review(review.id, review.name)
                st.rerun()
        except LabError as error:
            st.error(escape_markdown(error))
