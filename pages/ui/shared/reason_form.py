"""Why something is renamed or deleted: asked where people sign in, and written to the audit trail with the change."""

from collections.abc import Callable

import streamlit as st

from svp_core.access.person import current_person
from svp_core.errors import LabError
from svp_core.workspace.changes import because

MAX_REASON = 300  # characters


def ask_reason(key: str) -> None:
    """Draw the field for the reason; draws nothing where sign-in is off. key: of what is changed."""
    if current_person().is_signed_in:
        st.text_input("Reason (stored in the audit trail)", key=f"{key}_why", max_chars=MAX_REASON, width=320)


def with_reason(key: str, action: Callable[..., object], *arguments: object) -> None:
    """action(*arguments), with the reason that was entered. Raises LabError where one is needed and none was."""
    why = str(st.session_state.get(f"{key}_why") or "").strip()
    if current_person().is_signed_in and not why:
        raise LabError("A change of stored work needs a reason; enter one.")
    with because(why):
        action(*arguments)
