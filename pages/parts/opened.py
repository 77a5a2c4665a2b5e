"""Which job or upload a page has open: in the address, so that reloading or sharing the link shows it again."""

import streamlit as st


def opened(page, name="job"):
    """The id that this page has open, or None; the address and the session are brought into line."""
    kept = f"{page}_{name}"
    if name in st.query_params:
        st.session_state[kept] = st.query_params[name]
    elif kept in st.session_state:
        # Gone from the address by a click in the menu.
        st.query_params[name] = st.session_state[kept]
    return st.session_state.get(kept)


def open_as(page, value, name="job"):
    """Open this id on the page; takes effect at the next run."""
    st.session_state[f"{page}_{name}"] = value
    st.query_params[name] = value


def close(page, name="job"):
    """Open nothing."""
    st.session_state.pop(f"{page}_{name}", None)
    st.query_params.pop(name, None)
