"""Which job or upload a page has open: kept in the address, so that a reloaded or shared link shows it again."""

from typing import NoReturn

import streamlit as st

from svp_core.errors import LabError
from svp_core.tasks.job_kinds import find_kind, kind_of, start
from svp_core.tasks.request import JobRequest
from svp_core.workspace import jobs


def start_job(request: JobRequest) -> NoReturn:
    """Start a job, or join an equal one, open it on its page and rerun. Raises LabError for an impossible request."""
    job_id, _ = start(request)
    kind = kind_of(request)
    open_as(kind.page_name, job_id, kind.opened_by)
    st.rerun()


def opened_job(kind_key: str, expected: str) -> jobs.Job | None:
    """The job of this kind that its page has open, or None.

    A link to a job of another kind, or to none, is closed and raises LabError; expected: what the link should have
    opened, and what to do now, as the end of the sentence.
    """
    kind = find_kind(kind_key)
    page, name = kind.page_name, kind.opened_by
    job_id = opened(page, name)
    if job_id is None:
        return None
    try:
        job = jobs.get(job_id)
    except LabError:
        close(page, name)
        raise
    if job.kind != kind_key:
        close(page, name)
        raise LabError(f"This link does not point to {expected}.")
    return job


def opened(page: str, name: str = "job") -> str | None:
    """The id that this page has open, or None; synchronises the address and the session."""
    key = f"{page}_{name}"
    if name in st.query_params:
        st.session_state[key] = st.query_params[name]
    elif key in st.session_state:
        # A click in the menu has removed it from the address.
        st.query_params[name] = st.session_state[key]
    return st.session_state.get(key)


def open_as(page: str, value: str, name: str = "job") -> None:
    """Open this id on the page; takes effect at the next run."""
    st.session_state[f"{page}_{name}"] = value
    st.query_params[name] = value


def close(page: str, name: str = "job") -> None:
    """Open nothing."""
    st.session_state.pop(f"{page}_{name}", None)
    st.query_params.pop(name, None)
