"""Jobs on the screen: those under way in the sidebar, the open one on its page. Looks again each second while busy."""

import streamlit as st

from pages.ui.shared.text import (
    count_noun,
    escape_markdown,
    format_duration,
    format_time,
    job_outcome,
    job_title,
)
from svp_core.errors import LabError
from svp_core.tasks.job_kinds import JOB_KINDS, LONG, unit_of
from svp_core.tasks.lanes import blocking_job, lane_of
from svp_core.workspace import jobs

REFRESH_S = 1
STOPPING = {"cancelled": "Stopping …", "paused": "Pausing …"}  # what Job.asked says, until its current step ends


def show_running():
    """Every job under way, with cancel; draws nothing when there is none."""
    try:
        busy = bool(jobs.active())
    except LabError as error:
        st.error(escape_markdown(error))
        return
    st.fragment(_running, run_every=REFRESH_S if busy else None)()


def _running():
    busy = jobs.active()
    if not busy:
        if st.session_state.pop("_was_busy", False):
            st.rerun()
        return
    st.session_state["_was_busy"] = True
    st.caption("Under way")
    for job in busy:
        with st.container(key=f"running_{job.id}", gap="xsmall"):
            st.progress(_share(job), text=escape_markdown(job_title(job)))
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.caption(_time_left(job))
                if kind := JOB_KINDS.get(job.kind):
                    st.page_link(kind.page, label="Open", query_params=kind.query(job.id, job.config))
                if job.asked != "cancelled":
                    st.button("Cancel", key=f"stop_{job.id}", type="tertiary", on_click=jobs.cancel, args=(job.id,))


def show_progress(job, so_far=None):
    """The open job: how far, how fast, how long still, cancel; so_far(job) draws what it has made already."""
    if job.active:
        st.fragment(_progress, run_every=REFRESH_S)(job.id, so_far)
    elif job.state == "paused":
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"**{escape_markdown(job_outcome(job))}**")
            st.button("Resume", key="resume_job", type="primary", on_click=jobs.start, args=(job.kind, job.config))
            st.button("Cancel", key="cancel_job", on_click=jobs.cancel, args=(job.id,))
    elif job.state == "failed":
        st.error(escape_markdown(job.error))
    elif job.state == "lost":
        st.warning(escape_markdown(job.error))
        st.button("Go on with it", key=f"again_{job.id}", on_click=jobs.start, args=(job.kind, job.config))
    else:
        st.caption(escape_markdown(f"{job_outcome(job)}. Finished {format_time(job.ended)}."))


def _progress(job_id, so_far):
    job = jobs.get(job_id)
    if not job.active:
        st.rerun()
    with st.container(key="progress", border=True):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(_how_far(job))
            with st.container(horizontal=True, width="content", gap="small"):
                if _can_pause(job):
                    st.button("Pause", key="pause_job", on_click=jobs.pause, args=(job_id,))
                if job.asked != "cancelled":
                    st.button("Cancel", key="cancel_job", on_click=jobs.cancel, args=(job_id,))
        st.progress(_share(job), text=escape_markdown(job.message) or None)
        _offer_pause(job)
    if so_far:
        so_far(job)


def _offer_pause(job: jobs.Job) -> None:
    """Offer to pause the training that a queued training waits for."""
    if job.state != "queued" or lane_of(job.kind) != LONG:
        return
    blocking = blocking_job(job)
    if blocking is None or not _can_pause(blocking):
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        title = escape_markdown(job_title(blocking))
        st.caption(f"{title} can be paused and resumed later without losing a step.", width="content")
        st.button("Pause it", key="pause_blocking", on_click=jobs.pause, args=(blocking.id,))


def _can_pause(job: jobs.Job) -> bool:
    return job.kind in JOB_KINDS and JOB_KINDS[job.kind].can_pause and not job.asked


def show_recent(title, kinds=tuple(JOB_KINDS), limit=5):
    """The latest jobs of these kinds under a title, a line each, to open again; nothing where there are none."""
    found = [job for job in jobs.recent(50) if job.kind in kinds][:limit]
    if found:
        st.subheader(title)
    for job in found:
        with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
            if st.button(escape_markdown(job_title(job)), key=f"recent_{job.id}", type="tertiary"):
                kind = JOB_KINDS[job.kind]
                st.switch_page(kind.page, query_params=kind.query(job.id, job.config))
            st.caption(escape_markdown(f"{format_time(job.created)} · {job_outcome(job)}"))


def _share(job):
    return min(1.0, job.step / job.total) if job.total else 0.0


def _how_far(job):
    if not job.step:
        return f"**{_time_left(job)}**"
    done = f"{job.step:,} of {job.total:,}" if job.total else count_noun(job.step, unit_of(job.kind))
    rate = f" · {job.rate:.1f} per s" if job.rate and not job.asked else ""
    return f"**{done}**{rate} · {_time_left(job)}"


def _time_left(job):
    if job.asked:
        return STOPPING[job.asked]
    if job.state == "queued" and job.message:
        return "Waiting"
    return f"{format_duration(job.seconds_left)} left" if job.seconds_left is not None else "Starting"
