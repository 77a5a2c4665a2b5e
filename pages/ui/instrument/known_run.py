"""Novelty of an instrument: the run of known particles that p-values are calibrated on, and the choice of one."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from pages.ui.shared.text import escape_markdown, truncate
from pages.ui.shared.times import format_iso, format_timestamp
from svp_core.classification.own_instrument import OUTDATED
from svp_core.display import class_name, format_percent, join_names
from svp_core.errors import LabError
from svp_core.novelty.calibration import LEVEL
from svp_core.novelty.known_run import MIN_PARTICLES
from svp_core.profiles.profile import InstrumentProfile
from svp_core.tasks.instrument_runs import classifications_of
from svp_core.tasks.known_run import forget_known_run, is_in_use, name_known_run

ERROR = "known_run_error"


def show_known_run(profile: InstrumentProfile) -> None:
    """What novelty is calibrated on at present, and the choice of a run."""
    st.markdown(
        "A particle is unlike all classes where it is more unusual than "
        f"{format_percent(1 - LEVEL)} of known ones. Known are simulated particles, or, once you name it here, a run "
        "of **known, clean particles of this instrument**: then the share is right for its images."
    )
    records = {key: record for key in profile.novelty or {} if (record := profile.known_run_of(key))}
    for sha256, record in records.items():
        _show_record(profile, sha256, record)
    if not records:
        st.caption("At present: simulated particles.")
    _show_choice(profile)
    if error := st.session_state.pop(ERROR, None):
        st.error(escape_markdown(error))


def _show_record(profile: InstrumentProfile, sha256: str, record: Mapping[str, Any]) -> None:
    counts = [f"{class_name(key).lower()} {count:,}" for key, count in (record.get("by_class") or {}).items()]
    before = record.get("unlike_before")
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        title = escape_markdown(truncate(str(record.get("title", ""))))
        st.markdown(f"{escape_markdown(record.get('weights', ''))}: **{title}**")
        facts = [
            f"{record.get('particles', 0):,} particles, named {join_names(counts)}",
            f"chosen {format_iso(str(record.get('created', '')))}",
            f"{format_percent(before)} of them were unlike simulated ones" if before is not None else "",
        ]
        st.caption(escape_markdown(" · ".join(fact for fact in facts if fact)), width="content")
        st.button("Use simulated ones again", key=f"known_run_forget_{sha256[:8]}", type="tertiary",
                  on_click=_try, args=(forget_known_run, profile.id, sha256))  # fmt: skip
    if not is_in_use(sha256, record):
        st.warning(OUTDATED)


def _show_choice(profile: InstrumentProfile) -> None:
    runs = {job.id: _title(job.created, summary) for job, summary in classifications_of(profile.id)}
    if not runs:
        st.page_link("pages/classify.py", label="Classify a run of known particles")
        return
    with st.form("known_run", border=False):
        job_id = st.selectbox(
            "Run of known, clean particles",
            list(runs),
            format_func=runs.__getitem__,
            key="known_run_job",
            width=420,
            help=f"At least {MIN_PARTICLES} particles, of the classes and about the mixture that you expect. Runs "
            "classified from then on are judged by it; earlier ones stay as they are.",
        )
        sent = st.form_submit_button("Calibrate on this run", type="primary", key="known_run_go")
    if sent:
        with st.spinner("Calibrating"):
            _try(name_known_run, profile.id, job_id)
        st.rerun()


def _try(action: Any, *arguments: str) -> None:
    """Do this; what is refused is shown at the next run."""
    try:
        action(*arguments)
    except LabError as error:
        st.session_state[ERROR] = str(error)


def _title(created: float, summary: Mapping[str, Any]) -> str:
    return f"{truncate(str(summary.get('title') or 'Classification'))}, {format_timestamp(created)}"
