"""Jobs on the screen: active ones in the sidebar, the open one on its page; refreshed every second while active."""

from collections.abc import Callable, Iterable

import streamlit as st

from pages.ui.shared.text import (
    count_noun,
    escape_markdown,
    format_duration,
    job_outcome,
    job_title,
)
from pages.ui.shared.times import format_timestamp
from svp_core.errors import LabError
from svp_core.tasks.job_kinds import JOB_KINDS, LONG, unit_of
from svp_core.tasks.lanes import blocking_job, lane_of
from svp_core.workspace import jobs

REFRESH_S = 1
STOPPING = {"cancelled": "Stopping …", "paused": "Pausing …"}  # requested state -> text until the current step ends


def show_running() -> None:
    """Every active job, with a cancel button; draws nothing when there is none."""
    try:
        is_busy = bool(jobs.active())
    except LabError as error:
        st.error(escape_markdown(error))
        return
    st.fragment(_running, run_every=REFRESH_S if is_busy else None)()


def _running() -> None:
    active = jobs.active()
    if not active:
        if st.session_state.pop("_was_busy", False):
            st.rerun()
        return
    st.session_state["_was_busy"] = True
    st.caption("Under way")
    for job in active:
        with st.container(key=f"running_{job.id}", gap="xsmall"):
            st.progress(_fraction(job), text=escape_markdown(job_title(job)))
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.caption(_time_left(job))
                if kind := JOB_KINDS.get(job.kind):
                    st.page_link(kind.page, label="Open", query_params=kind.query(job.id, job.config))
                if job.requested_state != "cancelled":
                    st.button("Cancel", key=f"stop_{job.id}", type="tertiary", on_click=jobs.cancel, args=(job.id,))


def show_progress(job: jobs.Job, so_far: Callable[[jobs.Job], None] | None = None) -> None:
    """The open job: progress, rate, time left, buttons; how it ended. so_far(job) draws its results while it runs."""
    if job.active:
        st.fragment(_progress, run_every=REFRESH_S)(job.id, so_far)
    elif job.state == "paused":
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"**{escape_markdown(job_outcome(job))}**")
            st.button("Resume", key="resume_job", type="primary", on_click=_resume, args=(job,))
            st.button("Cancel", key="cancel_job", on_click=jobs.cancel, args=(job.id,))
    elif job.state == "failed":
        st.error(escape_markdown(job.error))
    elif job.state == "lost":
        st.warning(escape_markdown(job.error))
        st.button("Resume", key=f"again_{job.id}", on_click=_resume, args=(job,))
    elif job.ended:
        st.caption(escape_markdown(f"{job_outcome(job)}. Finished {format_timestamp(job.ended)}."))


def _resume(job: jobs.Job) -> None:
    jobs.start(job.kind, job.config)


def _progress(job_id: str, so_far: Callable[[jobs.Job], None] | None) -> None:
    job = jobs.get(job_id)
    if not job.active:
        st.rerun()
    with st.container(key="progress", border=True):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(_progress_text(job))
            with st.container(horizontal=True, width="content", gap="small"):
                if _can_pause(job):
                    st.button("Pause", key="pause_job", on_click=jobs.pause, args=(job_id,))
                if job.requested_state != "cancelled":
                    st.button("Cancel", key="cancel_job", on_click=jobs.cancel, args=(job_id,))
        st.progress(_fraction(job), text=escape_markdown(job.message) or None)
        _offer_pause(job)
    if so_far:
        so_far(job)


def _offer_pause(job: jobs.Job) -> None:
    """Offer to pause the training that a queued long job waits for."""
    if job.state != "queued" or lane_of(job.kind) != LONG:
        return
    blocking = blocking_job(job)
    if blocking is None or not _can_pause(blocking):
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(escape_markdown(f"{job_title(blocking)} can be paused and resumed without losing a step."))
        st.button("Pause it", key="pause_blocking", on_click=jobs.pause, args=(blocking.id,))


def _can_pause(job: jobs.Job) -> bool:
    kind = JOB_KINDS.get(job.kind)
    return kind is not None and kind.can_pause and not job.requested_state


def show_recent(title: str, kinds: Iterable[str] = tuple(JOB_KINDS), limit: int = 5) -> None:
    """The latest jobs of these kinds under a title, one line each, to open again; nothing where there are none."""
    shown = jobs.recent(limit, kinds=tuple(kinds))
    if shown:
        st.subheader(title)
    with st.container(gap=None):
        for job in shown:
            _show_line(job)


def _show_line(job: jobs.Job) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        if st.button(escape_markdown(job_title(job)), key=f"recent_{job.id}", type="tertiary"):
            kind = JOB_KINDS[job.kind]
            st.switch_page(kind.page, query_params=kind.query(job.id, job.config))
        st.caption(escape_markdown(f"{format_timestamp(job.created)} · {job_outcome(job)}"))


def _fraction(job: jobs.Job) -> float:
    return min(1.0, job.step / job.total) if job.total else 0.0


def _progress_text(job: jobs.Job) -> str:
    if not job.step:
        return f"**{_time_left(job)}**"
    done = f"{job.step:,} of {job.total:,}" if job.total else count_noun(job.step, unit_of(job.kind))
    rate = f" · {job.rate:.1f} per s" if job.rate and not job.requested_state else ""
    return f"**{done}**{rate} · {_time_left(job)}"


def _time_left(job: jobs.Job) -> str:
    if job.requested_state:
        return STOPPING[job.requested_state]
    if job.state == "queued" and job.message:
        return "Waiting"
    return f"{format_duration(job.seconds_left)} left" if job.seconds_left is not None else "Starting"
