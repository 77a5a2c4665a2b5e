"""Previous classifications: open, rename, delete."""

from collections.abc import Callable

import streamlit as st

from pages.ui.classify.sample_details import describe_sample
from pages.ui.shared.reason_form import ask_reason, with_reason
from pages.ui.shared.text import job_outcome, job_title
from pages.ui.shared.times import format_timestamp
from pages.ui.shared.url_state import close, open_as, opened
from svp_core.classification.settings import MAX_LENGTHS
from svp_core.display import escape_markdown
from svp_core.errors import LabError
from svp_core.tasks.stored_classifications import (
    delete_classification,
    dependents_of,
    read_summary,
    rename_classification,
)
from svp_core.workspace import jobs

PAGE = KIND = "classify"
SHOWN, MAX_LISTED = 6, 200


def show_previous() -> None:
    """List the latest classifications, each with what can be done with it; nothing where there are none."""
    listed = jobs.recent(MAX_LISTED, kinds=(KIND,))
    if not listed:
        return
    st.subheader("Previous classifications")
    show_all = len(listed) > SHOWN and st.session_state.get("previous_all", False)
    with st.container(gap=None):
        for job in listed if show_all else listed[:SHOWN]:
            _show_line(job)
    if len(listed) > SHOWN:
        st.toggle(f"Show all {len(listed):,}", key="previous_all")


def _show_line(job: jobs.Job) -> None:
    summary = read_summary(job.id)
    with st.container(horizontal=True, vertical_alignment="center", gap="medium", key=f"previous_{job.id}"):
        title = summary.get("title") or job_title(job)
        st.button(
            escape_markdown(title), key=f"recent_{job.id}", type="tertiary", on_click=open_as, args=(PAGE, job.id)
        )
        facts = [describe_sample(summary), format_timestamp(job.created), job_outcome(job)]
        st.caption(escape_markdown(" · ".join(fact for fact in facts if fact)), width="content")
        if not job.active:
            show_manage(job, key=f"manage_{job.id}")


def show_manage(job: jobs.Job, *, key: str) -> None:
    """Draw the pop-over with which a classification is renamed or deleted."""
    popover = st.popover("Rename or delete", type="tertiary", key=key, on_change="rerun")
    if popover.open:
        with popover:
            manage_fields(job, key=key)


def manage_fields(job: jobs.Job, *, key: str) -> None:
    """Draw the name field and the button that deletes, with what depends on the classification."""
    ask_reason(key)
    if summary := read_summary(job.id):
        st.text_input(
            "Name",
            summary["title"],
            key=f"{key}_name",
            max_chars=MAX_LENGTHS["title"],
            width=320,
            on_change=_try,
            args=(lambda: rename_classification(job.id, st.session_state[f"{key}_name"]), key),
        )
    if sentence := dependents_of(job.id).sentence:
        st.caption(escape_markdown(sentence))
    if st.session_state.get(f"{key}_confirm") != job.id:
        st.button("Delete", key=f"{key}_delete", on_click=_ask_to_confirm, args=(key, job.id))
    else:
        st.button("Delete permanently", key=f"{key}_really", type="primary", on_click=_delete, args=(job.id, key))
    if error := st.session_state.pop(f"{key}_error", None):
        st.error(escape_markdown(error))


def _ask_to_confirm(key, job_id):
    st.session_state[f"{key}_confirm"] = job_id


def _delete(job_id, key):
    def delete():
        delete_classification(job_id)
        if opened(PAGE) == job_id:
            close(PAGE)

    st.session_state.pop(f"{key}_confirm", None)
    _try(delete, key)


def _try(action: Callable[[], None], key):
    """Do this in a callback; what is refused is shown in the pop-over at the next run."""
    try:
        with_reason(key, action)
    except LabError as error:
        st.session_state[f"{key}_error"] = str(error)
