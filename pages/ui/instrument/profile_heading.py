"""Heading of an open profile: name, and rename, export and delete on demand."""

from collections.abc import Callable

import streamlit as st

from pages.ui.instrument.facts import profile_facts
from pages.ui.shared.error_report import logged
from pages.ui.shared.reason_form import ask_reason, with_reason
from pages.ui.shared.text import escape_markdown
from svp_core.errors import LabError
from svp_core.profiles.profile import MAX_NAME, InstrumentProfile
from svp_core.workspace.instrument_profiles import delete_profile, export_profile, rename_profile

ERROR = "profile_error"


def show_heading(profile: InstrumentProfile, on_leave: Callable[[], None]) -> None:
    """Name of the instrument, what it is, and what can be done with its profile."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="profile_heading"):
        st.title(escape_markdown(profile.name), width="stretch")
        st.caption(escape_markdown(" · ".join(profile_facts(profile)[:2])), width="content")
        with st.popover("Manage", type="tertiary", width="content"):
            _show_management(profile, on_leave)
        st.button("All instruments", key="profile_leave", on_click=on_leave)
    if error := st.session_state.pop(ERROR, None):
        st.error(escape_markdown(error))


def _show_management(profile: InstrumentProfile, on_leave: Callable[[], None]) -> None:
    key = f"profile_{profile.id}"
    ask_reason(key)
    st.text_input(
        "Name",
        profile.name,
        key=f"{key}_name",
        max_chars=MAX_NAME,
        width=320,
        on_change=_try,
        args=(key, lambda: rename_profile(profile.id, st.session_state[f"{key}_name"])),
    )
    st.download_button(
        "Export",
        logged(lambda: export_profile(profile.id).encode("utf-8")),
        f"instrument {profile.id}.json",
        "application/json",
        key=f"{key}_export",
        help="Conditions, validation and size standard as one file, without images; it can be imported elsewhere.",
    )
    is_sure = st.checkbox("Delete the profile and its validation for good", key=f"{key}_sure")
    st.button("Delete", key=f"{key}_delete", on_click=_delete, args=(profile.id, on_leave), disabled=not is_sure)


def _delete(profile_id: str, on_leave: Callable[[], None]) -> None:
    def delete() -> None:
        delete_profile(profile_id)
        on_leave()

    _try(f"profile_{profile_id}", delete)


def _try(key: str, action: Callable[[], object]) -> None:
    """Do this in a callback; what is refused is shown at the next run."""
    try:
        with_reason(key, action)
    except LabError as error:
        st.session_state[ERROR] = str(error)
