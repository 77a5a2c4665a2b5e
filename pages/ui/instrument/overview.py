"""Overview of an instrument: conditions of its images, its classifications."""

from typing import Any

import streamlit as st

from pages.ui.shared.text import count_noun, escape_markdown, truncate
from pages.ui.shared.times import format_timestamp
from svp_core.errors import LabError
from svp_core.profiles.profile import InstrumentProfile
from svp_core.profiles.wording import CONDITIONS_HELP, condition_texts
from svp_core.tasks.expectations import expectations
from svp_core.tasks.instrument_runs import assign_profile, classifications_of
from svp_core.workspace.instrument_profiles import add_profile, list_profiles
from svp_core.workspace.jobs import Job

SHOWN = 8  # classifications listed
ANOTHER = ""  # option of the target: a new instrument
ERROR = "profile_move_error"


def show_overview(profile: InstrumentProfile) -> None:
    """What its images are like, and what was classified from it."""
    st.subheader("Images")
    if profile.instrument:
        st.caption(escape_markdown(profile.instrument))
    if facts := condition_texts(profile.conditions):
        st.markdown(escape_markdown(" · ".join(facts)), help=CONDITIONS_HELP)
    else:
        st.caption("Background, gradient and noise are measured with the next run that is classified.")
    st.subheader("What to expect")
    for sentence in expectations(profile):
        st.markdown(escape_markdown(sentence))
    st.subheader("Classifications")
    runs = classifications_of(profile.id)
    if not runs:
        st.caption("None on this computer. Runs of this kind and pixel size are added when they are classified.")
        st.page_link("pages/classify.py", label="Classify a run")
        return
    for job, summary in runs[:SHOWN]:
        with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
            st.page_link("pages/classify.py", label=escape_markdown(_title(summary)), query_params={"job": job.id})
            facts = [
                format_timestamp(job.created),
                count_noun(summary["named"], "particle"),
                summary.get("weights", ""),
            ]
            st.caption(escape_markdown(" · ".join(facts)), width="content")
    if len(runs) > SHOWN:
        st.caption(f"and {len(runs) - SHOWN:,} more")
    _show_move(profile, runs)


def _show_move(profile: InstrumentProfile, runs: list[tuple[Job, dict[str, Any]]]) -> None:
    """Move a classification: two instruments of the same kind and pixel size cannot be told apart by their files."""
    others = [
        other for other in list_profiles() if other.id != profile.id and other.fits(other.kind, profile.um_per_px)
    ]
    targets, titles = {other.id: other.name for other in others}, {job.id: _title(summary) for job, summary in runs}
    with st.popover("Move to another instrument", type="tertiary"):
        job_id = st.selectbox("Classification", list(titles), format_func=lambda key: titles[key], key="move_job")
        target = st.selectbox(
            "Instrument",
            [ANOTHER, *targets],
            format_func=lambda key: targets.get(key, "A new one"),
            key="move_target",
        )
        name = f"{profile.name} (2)"
        if target == ANOTHER:
            name = st.text_input("Its name", name, key="move_name", max_chars=80)
        st.button("Move", key="move_go", on_click=_move, args=(profile, job_id, target, name))
    if error := st.session_state.pop(ERROR, None):
        st.error(escape_markdown(error))


def _move(profile: InstrumentProfile, job_id: str, target: str, name: str) -> None:
    try:
        assign_profile(job_id, add_profile(name, profile).id if target == ANOTHER else target)
    except LabError as error:
        st.session_state[ERROR] = str(error)


def _title(summary: dict[str, Any]) -> str:
    return truncate(summary.get("title") or "Classification")
