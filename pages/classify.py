"""Classify: a folder, an archive or an instrument's run; every particle gets a name, or a reason why not."""

import streamlit as st

from pages.ui.classify import results_view, source_summary
from pages.ui.shared.job_status import show_progress, show_recent
from pages.ui.shared.session_guard import require_app
from pages.ui.shared.source_picker import choose_sample_run, choose_source, chosen_source, forget_source, sample_run
from pages.ui.shared.text import escape_markdown
from pages.ui.shared.url_state import close, opened_job, start_job
from svp_core.errors import LabError

require_app(__file__)


def ask():
    """Choose a source."""
    choose_source("classify")
    if sample_run():
        with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
            st.button("Use the sample run", key="use_sample", on_click=choose_sample_run, args=("classify",))
            st.caption("A simulated FlowCam run that is shipped with the lab.")
    show_recent("Earlier", kinds=("classify",))


def show_source(path):
    """What was recognised, and the button that starts."""
    try:
        request = source_summary.show_source_summary(path)
    except LabError as error:
        forget_source("classify")
        st.error(escape_markdown(error))
        ask()
        return
    st.button("Choose something else", key="source_forget", on_click=forget_source, args=("classify",))
    if request:
        forget_source("classify")
        start_job(request)


def start_anew():
    """Leave the results; they stay in the list of recent work."""
    close("classify")
    forget_source("classify")


st.title("Classify")
st.markdown("Name, measure and count every particle of a run, folder or archive; what is unreadable keeps its reason.")

try:
    if job := opened_job("classify", "a classification; choose particles here"):
        results_view.show_heading(job, start_anew)
        show_progress(job, results_view.show_so_far)
        if not job.active:
            results_view.show(job)
    elif path := chosen_source("classify"):
        show_source(path)
    else:
        ask()
except LabError as error:
    st.error(escape_markdown(error))
