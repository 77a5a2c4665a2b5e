"""Who is deciding: the person who is signed in; where sign-in is off, the name that a form asks for."""

import streamlit as st

from pages.ui.components.remembered_text import recall_text
from pages.ui.shared.url_state import opened
from svp_core.access.person import REVIEWER as REVIEWER_ROLE
from svp_core.access.person import current_person, require
from svp_core.errors import LabError

REVIEWER = "reviewer"  # name in the address and in the browser's memory


def deciding_person(page: str, max_length: int) -> str:
    """Name of the person who decides on this page; "" where the form has to ask for it."""
    person = current_person()
    if person.is_signed_in:
        return person.name
    return (opened(page, REVIEWER) or "").strip()[:max_length]


def can_change_person() -> bool:
    """Whether a name is typed, so that another one can be: only where sign-in is off."""
    return not current_person().is_signed_in


def require_reviewer() -> None:
    """Raise LabError, a sentence, where the visitor's role lets them look only."""
    require(REVIEWER_ROLE, "decide")


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
