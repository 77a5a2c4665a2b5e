"""Synthesize: particles of one class from the diffusion model, beside reference particles."""

import streamlit as st

from pages.parts import made
from pages.parts.board import expected_seconds, show_progress
from pages.parts.entry import require_app
from pages.parts.model import show_model
from pages.parts.opened import close, open_as, opened
from pages.parts.words import class_name, duration, plain, some
from svp_core.errors import LabError
from svp_core.generator.sample import SAMPLERS
from svp_core.particles import CLASSES
from svp_core.workspace import jobs

require_app(__file__)

MOST = 1000  # on this page; the command line makes more


def ask():
    """The settings; starts the job when its button is pressed."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        class_key = st.segmented_control(
            "Class", [c.key for c in CLASSES], default=CLASSES[1].key, required=True, format_func=class_name,
            key="make_class", persist_state="session",
        )  # fmt: skip
        quality = st.segmented_control(
            "Quality", list(SAMPLERS), default="standard", required=True, format_func=lambda key: SAMPLERS[key].name,
            key="make_quality", persist_state="session",
            help="Preview for a first look; standard to work with; diverse, with fresh noise on the way, for training.",
        )  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        count = st.number_input("How many", 1, MOST, 16, key="make_count", persist_state="session", width=140)
        seed = st.number_input(
            "Seed", 0, 2**31, 0, key="make_seed", persist_state="session", width=140,
            help="The same seed gives the same particles; a larger number only adds to them.",
        )  # fmt: skip
        pressed = st.button("Make particles", type="primary", key="make_go")
    steps = SAMPLERS[quality].steps
    seconds = made.START_S + expected_seconds(
        "generate", count * steps, made.CALL_S, lambda asked: asked.get("steps") or SAMPLERS[asked["sampler"]].steps
    )
    st.caption(f"{some(count, 'image')} with {steps} steps each: about {duration(seconds)} on this computer.")
    if pressed:
        config = {"class_key": class_key, "count": count, "seed": seed, "sampler": quality, "weights": "generator"}
        job_id, _ = jobs.start("generate", config)
        open_as("synthesize", job_id)
        st.rerun()


st.title("Synthesize")
st.markdown("Make particles of one class with the diffusion model, and see how they compare with reference particles.")

try:
    ask()
    show_model("generator", "The model is trained on **simulated** particles only; it has seen no instrument's images.")
    if job_id := opened("synthesize"):
        job = jobs.get(job_id)
        if job.kind != "generate":
            close("synthesize")
            raise LabError("This link does not point to made particles; make some here.")
        st.subheader(plain(f"{class_name(job.config['class_key'])}, seed {job.config['seed']}"))
        show_progress(job, made.show_so_far)
        if not job.active:
            made.show_made(job)
    else:
        st.subheader("Reference particles")
        made.show_reference(st.session_state["make_class"])
except LabError as error:
    st.error(plain(error))
