"""Denoising: how particles come out of noise, step by step; to play, to scrub and to take away."""

import streamlit as st

from pages.parts import order, recorded
from pages.parts.board import show_progress
from pages.parts.entry import require_app
from pages.parts.model import origin, show_model
from pages.parts.opened import close, opened_job, start_job
from pages.parts.shipped import sample_trajectory
from pages.parts.words import duration, plain, some
from svp_core.errors import LabError

require_app(__file__)

MOST_EACH = 6  # particles of a class: rows that can be taken in at once


def ask():
    """The settings; starts the job when its button is pressed."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        model = order.choose_model()
        quality = order.choose_quality(model, "film_quality")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        class_keys = order.choose_classes(order.classes_of(model), "film_classes")
        count = order.ask_whole("Of each class", 2, "film_count")
        seed = order.ask_seed("film_seed", "The same seed and quality give the same particles as on Synthesize.")
        pressed = st.button("Record", type="primary", key="film_go", disabled=not class_keys)
    order.check_whole("{} particles of each class are asked for", count, 1, MOST_EACH)
    order.check_seed(seed)
    steps = order.samplers_of(model)[quality].steps
    if class_keys:
        seconds = order.seconds_to_make(model, quality, [count] * len(class_keys))
        particles = some(count * len(class_keys), "particle")
        st.caption(f"{particles} through {steps} steps: about {duration(seconds)} on this computer.")
    else:
        st.caption("Choose a class, and it can be recorded.")
    show_model(model.name, origin(model))
    if pressed:
        start_job(
            "denoising",
            "denoise",
            {"class_keys": class_keys, "count": count, "seed": seed, "sampler": quality, "weights": model.name},
        )


def show():
    """The recording that is open, or the shipped one."""
    if job := opened_job("denoising", "denoise", "a recorded denoising; record one here"):
        show_progress(job)
        if job.state == "done":
            recorded.show(recorded.of_job(job.id), name=f"denoising_{job.config['seed']}")
        elif not job.active:
            st.button("Show the shipped recording", key="film_shipped", on_click=close, args=("denoising",))
    else:
        st.caption("A recording that is shipped with the lab. Record your own above.")
        recorded.show(sample_trajectory(), name="denoising_shipped")


st.title("Denoising")
st.markdown("Follow particles from pure noise to the finished image: what the network is given, what it makes of it.")

for part in (ask, show):
    try:
        part()
    except LabError as error:
        st.error(plain(error))
