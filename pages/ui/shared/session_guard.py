"""First line of every page: opened without app.py, run app.py first and return."""

from pathlib import Path

import streamlit as st

ROOT = Path(__file__).resolve().parents[3]


def require_app(page_file: str) -> None:
    """Make sure that app.py has run in this session: a deep link to a fresh server opens the page file alone."""
    if "_app_ran" not in st.session_state:
        st.session_state["_wanted"] = Path(page_file).resolve().relative_to(ROOT).as_posix(), st.query_params.to_dict()
        st.switch_page("app.py")
