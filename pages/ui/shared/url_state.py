"""Which job or upload a page has open: in the address, so that reloading or sharing the link shows it again."""

import streamlit as st

from svp_core.errors import LabError
from svp_core.workspace import jobs


def start_job(page, kind, config, name="job"):
    """Have this work done as a job, open it on the page, and run the page anew."""
    job_id, _ = jobs.start(kind, config)
    open_as(page, job_id, name)
    st.rerun()


def opened_job(page, kind, otherwise, name="job"):
    """The Job of this kind that the page has open, or None where it has none.

    A link to another job, or to none, is closed and raises LabError; otherwise: what it should have led to, and what to
    do now, as the end of a sentence.
    """
    job_id = opened(page, name)
    if job_id is None:
        return None
    try:
        job = jobs.get(job_id)
    except LabError:
        close(page, name)
        raise
    if job.kind != kind:
        close(page, name)
        raise LabError(f"This link does not point to {otherwise}.")
    return job


def opened(page, name="job"):
    """The id that this page has open, or None; the address and the session are brought into line."""
    kept = f"{page}_{name}"
    if name in st.query_params:
        st.session_state[kept] = st.query_params[name]
    elif kept in st.session_state:
        # Gone from the address by a click in the menu.
        st.query_params[name] = st.session_state[kept]
    return st.session_state.get(kept)


def open_as(page, value, name="job"):
    """Open this id on the page; takes effect at the next run."""
    st.session_state[f"{page}_{name}"] = value
    st.query_params[name] = value


def close(page, name="job"):
    """Open nothing."""
    st.session_state.pop(f"{page}_{name}", None)
    st.query_params.pop(name, None)
