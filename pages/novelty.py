"""Novelty: which particles of a sample are unlike normal ones; normal are known classes or any set of the lab's own."""

import streamlit as st

from pages.ui.novelty import normal_set_form, result_view
from pages.ui.shared.job_status import show_progress, show_recent
from pages.ui.shared.source_picker import choose_sample_run, choose_source, chosen_source, forget_source, sample_run
from pages.ui.shared.source_signals import detect
from pages.ui.shared.text import job_title
from pages.ui.shared.url_state import close, opened_job, start_job
from svp_core.display import escape_markdown
from svp_core.errors import LabError

PAGE = "novelty"


def ask_for_source() -> None:
    """Draw the ways to choose a sample, and previous searches."""
    st.markdown("**Sample**")
    choose_source(PAGE)
    if sample_run():
        with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
            st.button("Use the sample run", key="use_sample", on_click=choose_sample_run, args=(PAGE,))
            st.caption("A simulated FlowCam run, bundled with SvP Lab: it holds known particles only.")
    show_recent("Previous searches", kinds=("novelty",))


def leave() -> None:
    """Back to the choice of a sample."""
    close(PAGE)
    forget_source(PAGE)


def show_chosen() -> None:
    """The form for the chosen sample, or the choice."""
    path = chosen_source(PAGE)
    if path is None:
        ask_for_source()
        return
    try:
        source = detect(path)
    except LabError as error:
        forget_source(PAGE)
        st.error(escape_markdown(error))
        ask_for_source()
        return
    if request := normal_set_form.show_form(path, source, leave):
        forget_source(PAGE)
        start_job(request)


st.title("Novelty")
try:
    if job := opened_job("novelty", "a search for unusual particles; choose a sample here"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.subheader(escape_markdown(job_title(job)))
            st.button("Another sample", key="novelty_another", on_click=leave)
        show_progress(job)
        if job.state == "done":
            result_view.show(job)
    else:
        st.markdown(
            "Which particles of a sample are unlike normal ones? Each gets a p-value: the share of normal particles "
            "that are as unusual. What is normal, you name."
        )
        show_chosen()
except LabError as error:
    st.error(escape_markdown(error))
