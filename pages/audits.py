"""Audits: choose a generator, see what can be audited with what is known of it, audit it, read the verdict."""

from collections.abc import Callable

import streamlit as st

from pages.ui.audits import audit_form, audit_view, blind_test, two_sets
from pages.ui.shared.job_status import show_progress, show_recent
from pages.ui.shared.url_state import close, opened_job
from svp_core.display import escape_markdown
from svp_core.errors import LabError


def show_audit() -> None:
    """The open audit, or the form and previous audits."""
    if job := opened_job("audit", "an audit; start one here"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.subheader(audit_view.heading(job))
            st.button("Audit another generator", key="audit_another", on_click=close, args=("audits",))
        show_progress(job)
        if job.state == "done":
            audit_view.show(job)
        return
    audit_form.show_form()
    show_recent("Previous audits", kinds=("audit",))


def _show_errors(part: Callable[[], None]) -> None:
    try:
        part()
    except LabError as error:
        st.error(escape_markdown(error))


st.title("Audits")
st.markdown(
    "Does a generator give its training images away? Answer this before you hand out its weights or its images."
)
tabs = st.tabs(["Audit", "Blind test", "Two sets"], key="mode", on_change="rerun", bind="query-params")
for tab, show_part in zip(tabs, (show_audit, blind_test.show, two_sets.show), strict=True):
    if tab.open:
        with tab:
            _show_errors(show_part)
