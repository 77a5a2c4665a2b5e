"""Denoising: how particles come out of noise, step by step; to play, to scrub and to take away."""

import streamlit as st

from pages.parts import recorded
from pages.parts.board import show_progress
from pages.parts.entry import require_app
from pages.parts.opened import close, open_as, opened
from pages.parts.shipped import sample_trajectory
from pages.parts.words import class_name, plain
from svp_core.errors import LabError
from svp_core.generator.sample import SAMPLERS
from svp_core.particles import CLASSES
from svp_core.workspace import jobs

require_app(__file__)

MOST_EACH = 6  # particles of a class: rows that can be taken in at once


def ask():
    """The settings; starts the job when its button is pressed."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        class_keys = st.pills(
            "Classes", [c.key for c in CLASSES], selection_mode="multi", default=[c.key for c in CLASSES],
            format_func=class_name, key="film_classes", persist_state="session",
        )  # fmt: skip
        quality = st.segmented_control(
            "Quality", list(SAMPLERS), default="standard", required=True, key="film_quality", persist_state="session",
            format_func=lambda key: f"{SAMPLERS[key].name}, {SAMPLERS[key].steps} steps",
        )  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        count = st.number_input("Of each class", 1, MOST_EACH, 2, key="film_count", persist_state="session", width=140)
        seed = st.number_input(
            "Seed", 0, 2**31, 0, key="film_seed", persist_state="session", width=140,
            help="The same seed and quality give the same particles as on the page Synthesize.",
        )  # fmt: skip
        pressed = st.button("Record", type="primary", key="film_go", disabled=not class_keys)
    if pressed:
        ordered = [c.key for c in CLASSES if c.key in class_keys]
        config = {"class_keys": ordered, "count": count, "seed": seed, "sampler": quality, "weights": "generator"}
        job_id, _ = jobs.start("denoise", config)
        open_as("denoising", job_id)
        st.rerun()


st.title("Denoising")
st.markdown("Follow particles from pure noise to the finished image: what the network is given, what it makes of it.")

try:
    ask()
    if job_id := opened("denoising"):
        job = jobs.get(job_id)
        if job.kind != "denoise":
            close("denoising")
            raise LabError("This link does not point to a recorded denoising; record one here.")
        show_progress(job)
        if job.state == "done":
            recorded.show(recorded.of_job(job_id), name=f"denoising_{job.config['seed']}")
        elif not job.active:
            st.button("Show the shipped recording", key="film_shipped", on_click=close, args=("denoising",))
    else:
        st.caption("A recording that is shipped with the lab. Record your own above.")
        recorded.show(sample_trajectory(), name="denoising_shipped")
except LabError as error:
    st.error(plain(error))
