"""Form that asks who is deciding, with the last name of this browser filled in."""

import streamlit as st

from pages.ui.components.remembered_text import recall_text
from svp_core.errors import LabError

REVIEWER = "reviewer"  # name in the address and in the browser's memory


def ask_person(prefix: str, *, label: str, button: str, missing: str, max_length: int) -> str:
    """Draw the form; the name when it was sent, "" before. LabError(missing) where it was sent without a name.

    prefix: of the widgets' keys. max_length: characters.
    """
    name = recall_text(REVIEWER, key=f"{prefix}_memory")
    if name and f"{prefix}_recalled" not in st.session_state:
        st.session_state[f"{prefix}_recalled"] = True
        st.session_state[f"{prefix}_name"] = name[:max_length]
    with st.form(f"{prefix}_form", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input(label, key=f"{prefix}_name", max_chars=max_length, width=340)
        if not st.form_submit_button(button, type="primary", key=f"{prefix}_go"):
            return ""
    if not name.strip():
        raise LabError(missing)
    return name.strip()
