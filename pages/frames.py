"""Frames: whole camera frames in, the particles in them out; look at their boxes, correct them, classify them."""

import streamlit as st

from pages.ui.frames import located_view
from pages.ui.frames.scores import show_trained
from pages.ui.frames.settings_form import show_settings
from pages.ui.shared.job_status import show_progress, show_recent
from pages.ui.shared.source_picker import choose_source, chosen_source, forget_source
from pages.ui.shared.url_state import close, opened_job, start_job
from svp_core.display import escape_markdown
from svp_core.errors import LabError
from svp_core.frames.reading import VIDEO_SUFFIXES
from svp_core.workspace.paths import sample_folder

PAGE = "frames"


def leave() -> None:
    """Back to the choice of frames."""
    close(PAGE)
    forget_source(PAGE)


def use_sample() -> None:
    """Choose the bundled frames."""
    st.session_state[f"{PAGE}_path"] = sample_folder() / "frames"


def ask_for_frames() -> None:
    """Draw the ways to choose frames, and earlier results."""
    choose_source(PAGE, more_suffixes=VIDEO_SUFFIXES)
    if (sample_folder() / "frames").is_dir():
        with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
            st.button("Use the sample frames", key="use_sample_frames", on_click=use_sample)
            st.caption("Three simulated frames with 54 particles, bundled with SvP Lab.")
    show_recent("Previous frames", kinds=("locate", "heads"))


def show_chosen() -> None:
    """The settings for the chosen frames, or the choice."""
    path = chosen_source(PAGE)
    if path is None:
        ask_for_frames()
        return
    heading = st.empty()
    with (
        heading.container(),
        st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"),
    ):
        st.subheader(escape_markdown(path.name))
        st.button("Choose other frames", key="frames_other", on_click=leave)
    try:
        request = show_settings(path)
    except LabError as error:
        heading.empty()
        forget_source(PAGE)
        st.error(escape_markdown(error))
        ask_for_frames()
        return
    if request:
        forget_source(PAGE)
        start_job(request)


try:
    if training := opened_job("heads", "a training of heads; start one in the tab Scores"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.title(escape_markdown(f"Heads {training.config['name']}"))
            st.button("Back", key="heads_back", on_click=close, args=(PAGE, "heads"))
        show_trained(training)
    elif job := opened_job("locate", "located particles; choose frames here"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.title(located_view.heading(job))
            st.button("Choose other frames", key="frames_leave", on_click=leave)
        show_progress(job)
        if job.state == "done":
            located_view.show(job)
    else:
        st.title("Frames")
        st.markdown("Find the particles in whole camera frames: images, stacks or a video of an instrument.")
        show_chosen()
except LabError as error:
    st.error(escape_markdown(error))
