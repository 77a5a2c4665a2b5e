"""Instrument: profiles of the lab's instruments, what was measured on their images and checked on their particles."""

import streamlit as st

from pages.ui.instrument.known_run import show_known_run
from pages.ui.instrument.overview import show_overview
from pages.ui.instrument.profile_heading import show_heading
from pages.ui.instrument.profile_list import show_list
from pages.ui.instrument.refitting import show_refit
from pages.ui.instrument.size_standard import show_size_standard
from pages.ui.instrument.validate import show_validation
from pages.ui.shared.text import escape_markdown
from pages.ui.shared.url_state import close, opened
from svp_core.errors import LabError
from svp_core.workspace.instrument_profiles import find_profile

PAGE, PROFILE = "instrument", "profile"


def leave() -> None:
    """Back to the list."""
    close(PAGE, PROFILE)


VIEWS = {
    "Overview": show_overview,
    "Validate": show_validation,
    "Size standard": show_size_standard,
    "Novelty": show_known_run,
    "Refit": show_refit,
}


def show(profile_id: str) -> None:
    """The open profile."""
    try:
        profile = find_profile(profile_id)
    except LabError:
        st.title("Instrument")
        leave()
        raise
    show_heading(profile, leave)
    tabs = st.tabs(list(VIEWS), key="part", on_change="rerun", bind="query-params")
    for view, tab in zip(VIEWS, tabs, strict=True):
        if tab.open:
            with tab:
                try:
                    VIEWS[view](profile)
                except LabError as error:
                    st.error(escape_markdown(error))


try:
    if profile_id := opened(PAGE, PROFILE):
        show(profile_id)
    else:
        st.title("Instrument")
        st.markdown(
            "One profile for every instrument and magnification: what its images are like, and what was checked."
        )
        show_list()
except LabError as error:
    st.error(escape_markdown(error))
