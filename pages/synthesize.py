"""Synthesize: particles of one class from a diffusion model beside reference particles; two models side by side."""

import streamlit as st

from pages.parts import made, order
from pages.parts.board import show_progress
from pages.parts.entry import require_app
from pages.parts.model import origin, show_model
from pages.parts.opened import opened_job, start_job
from pages.parts.words import duration, plain, some
from svp_core.errors import LabError

require_app(__file__)

MOST = 1000  # on this page; the command line makes more


def ask_one():
    """Settings of one model; starts the job when its button is pressed."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        model = order.choose_model()
        quality = order.choose_quality(model, "make_quality")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        class_key = order.choose_class(order.classes_of(model), "make_class")
        count = st.number_input("How many", 1, MOST, 16, key="make_count", persist_state="session", width=140)
        seed = order.ask_seed("make_seed", "The same seed gives the same particles; a larger number only adds to them.")
        pressed = st.button("Make particles", type="primary", key="make_go")
    steps = order.samplers_of(model)[quality].steps
    seconds = order.seconds_to_make(model, quality, [count])
    st.caption(f"{some(count, 'image')} with {steps} steps each: about {duration(seconds)} on this computer.")
    show_model(model.name, origin(model))
    if pressed:
        start_job("synthesize", "generate", {
            "class_key": class_key, "count": count, "seed": seed, "sampler": quality, "weights": model.name
        })  # fmt: skip


def show_one():
    """The job that is open and what it made; reference particles until there is one."""
    if job := opened_job("synthesize", "generate", "made particles; make some here"):
        st.subheader(made.heading(job))
        show_progress(job, made.show_so_far)
        if not job.active:
            made.show_made(job)
    elif class_key := st.session_state.get("make_class"):
        st.subheader("Reference particles")
        made.show_reference(class_key)


st.title("Synthesize")
st.markdown("Make particles of one class with a diffusion model, and see how they compare with reference particles.")
for part in (ask_one, show_one):
    try:
        part()
    except LabError as error:
        st.error(plain(error))
