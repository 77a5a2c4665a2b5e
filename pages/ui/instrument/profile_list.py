"""All instrument profiles: open one, import one, add those of earlier classifications."""

import streamlit as st

from pages.ui.instrument.facts import profile_facts
from pages.ui.shared.text import count_noun, escape_markdown
from pages.ui.shared.times import format_timestamp
from pages.ui.shared.url_state import open_as
from svp_core.errors import LabError
from svp_core.tasks.instrument_runs import assign_profile, classifications_of, without_profile
from svp_core.workspace.instrument_profiles import import_profile, list_profiles
from svp_core.workspace.jobs import Job

PAGE, PROFILE = "instrument", "profile"
ERROR = "instrument_import_error"


def show_list() -> None:
    """The profiles, each with what is known of it; how to get one where there is none."""
    profiles = list_profiles()
    for profile in profiles:
        with st.container(horizontal=True, vertical_alignment="center", gap="medium", key=f"profile_{profile.id}"):
            name, key = escape_markdown(profile.name), f"open_{profile.id}"
            st.button(name, key=key, type="tertiary", on_click=open_as, args=(PAGE, profile.id, PROFILE))
            st.caption(escape_markdown(" · ".join([*profile_facts(profile), *_use(profile.id)])), width="content")
    if not profiles:
        st.info(
            "No instrument yet. A profile is made when a run of known pixel size is classified, or imported below.",
        )
        st.page_link("pages/classify.py", label="Classify a run")
    if left := [job for job, _ in without_profile()]:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(f"{count_noun(len(left), 'earlier classification')} without an instrument.", width="content")
            st.button("Add their instruments", key="add_instruments", on_click=_assign_all, args=(left,))
    _show_import()


def _use(profile_id: str) -> list[str]:
    runs = classifications_of(profile_id)
    if not runs:
        return ["no classifications"]
    return [count_noun(len(runs), "classification"), f"last {format_timestamp(runs[0][0].created)}"]


def _assign_all(jobs: list[Job]) -> None:
    for job in jobs:
        assign_profile(job.id)


def _show_import() -> None:
    turn = st.session_state.setdefault("profile_turn", 0)
    with st.expander("Import a profile", key="profile_import"):
        st.file_uploader(
            "Exported profile (.json)", ["json"], key=f"profile_file_{turn}", on_change=_import, args=(turn,), width=420
        )
    if error := st.session_state.pop(ERROR, None):
        st.error(escape_markdown(error))


def _import(turn: int) -> None:
    file = st.session_state.get(f"profile_file_{turn}")
    if file is None:
        return
    try:
        open_as(PAGE, import_profile(file.getvalue()).id, PROFILE)
    except LabError as error:
        st.session_state[ERROR] = str(error)
    st.session_state["profile_turn"] = turn + 1
