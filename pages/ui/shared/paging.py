"""The choice of a page of a long list."""

import streamlit as st

PAGE_SIZE = 200


def choose_page(count: int, key: str, *, page_size: int = PAGE_SIZE) -> int:
    """Draw the choice of a page where there are several; its number, from 0."""
    pages = -(-count // page_size)
    if pages < 2:
        return 0
    if st.session_state.get(key, 1) > pages:
        st.session_state[key] = 1
    return st.pagination(pages, key=key) - 1
