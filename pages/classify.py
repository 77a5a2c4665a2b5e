"""Classify: a folder, an archive or an instrument's run; every particle gets a class, or a reason why not."""

import streamlit as st

from pages.ui.classify import results_view, source_summary
from pages.ui.classify.previous_classifications import show_previous
from pages.ui.classify.results_heading import show_heading
from pages.ui.shared.job_status import show_progress
from pages.ui.shared.source_picker import choose_sample_run, choose_source, chosen_source, forget_source, sample_run
from pages.ui.shared.url_state import close, opened_job, start_job
from svp_core.display import escape_markdown
from svp_core.errors import LabError

PAGE = "classify"


def ask_for_source():
    """Draw the ways to choose a source, and earlier results."""
    choose_source(PAGE)
    if sample_run():
        with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
            st.button("Use the sample run", key="use_sample", on_click=choose_sample_run, args=(PAGE,))
            st.caption("A simulated FlowCam run, bundled with SvP Lab.")
    show_previous()


def show_source(path):
    """Draw the card of the source; start the job once its button is pressed."""
    try:
        request = source_summary.show_source_summary(path, leave)
    except LabError as error:
        forget_source(PAGE)
        st.error(escape_markdown(error))
        ask_for_source()
        return
    if request:
        forget_source(PAGE)
        start_job(request)


def leave():
    """Back to the choice of a source; open results stay in the list of previous classifications."""
    close(PAGE)
    forget_source(PAGE)


def show_intro():
    """Draw the title and what the page is for."""
    st.title("Classify")
    st.markdown(
        "Classify, measure and count every particle of a run, folder or archive; unreadable files are listed with the "
        "reason."
    )


try:
    if job := opened_job("classify", "a classification; choose particles here"):
        show_heading(job, leave)
        if job.state != "done":
            show_progress(job, results_view.show_so_far)
        if not job.active:
            results_view.show(job)
    else:
        show_intro()
        if path := chosen_source(PAGE):
            show_source(path)
        else:
            ask_for_source()
except LabError as error:
    st.error(escape_markdown(error))
