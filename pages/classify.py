"""Classify: a folder, an archive or an instrument's run; every particle gets a name, or a reason why not."""

import streamlit as st

from pages.parts import named
from pages.parts.board import show_progress, show_recent
from pages.parts.entry import require_app
from pages.parts.model import show_model
from pages.parts.opened import close, opened_job, start_job
from pages.parts.source import choose_sample_run, choose_source, chosen_source, forget_source, sample_run
from pages.parts.words import plain, some
from svp_core.errors import LabError
from svp_core.instruments.sources import recognise

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
        found = recognise(path)
    except LabError as error:
        forget_source("classify")
        st.error(plain(error))
        ask()
        return
    with st.container(border=True, key="recognised"):
        st.markdown(f"**{plain(found.title)}**")
        scale = f"{found.um_per_px:.4g} µm per pixel ({found.um_per_px_from})" if found.um_per_px else "no pixel size"
        count = some(found.count, "item") if found.count is not None else "not counted yet"
        st.markdown(plain(f"{count} · {scale}"))
        for note in found.notes:
            st.caption(plain(note))
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
            um_per_px = st.number_input(
                "µm per pixel", 0.01, 100.0, None, format="%.4f", key="um_per_px", width=180,
                placeholder="as in the files" if found.um_per_px else "unknown",
                help="Leave empty to keep what the files say.",
            )  # fmt: skip
            pressed = st.button("Classify", type="primary", key="classify_go")
            st.button("Choose something else", key="source_forget", on_click=forget_source, args=("classify",))
    if pressed:
        forget_source("classify")
        start_job("classify", "classify", {"source": str(path), "weights": "resnet18", "um_per_px": um_per_px})
    show_model("resnet18", "Named by the shipped ResNet-18, which was trained on **simulated** particles only.")


def start_anew():
    """Leave the results; they stay in the list of recent work."""
    close("classify")
    forget_source("classify")


st.title("Classify")
st.markdown("Name every particle of a folder, archive or FlowCam run; what is unreadable is listed with its reason.")

try:
    if job := opened_job("classify", "classify", "a classification; choose particles here"):
        named.show_heading(job, start_anew)
        show_progress(job, named.show_so_far)
        if not job.active:
            named.show(job)
    elif path := chosen_source("classify"):
        show_source(path)
    else:
        ask()
except LabError as error:
    st.error(plain(error))
