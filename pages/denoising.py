"""Denoising: how particles come out of noise, step by step; to play, to scrub and to take away."""

import streamlit as st

from pages.ui.denoising import trajectory_view
from pages.ui.shared import generator_form
from pages.ui.shared.job_status import show_progress
from pages.ui.shared.model_card import origin, show_model
from pages.ui.shared.sample_content import sample_trajectory
from pages.ui.shared.session_guard import require_app
from pages.ui.shared.text import count_noun, escape_markdown, format_duration
from pages.ui.shared.url_state import close, opened_job, start_job
from svp_core.errors import LabError
from svp_core.tasks.denoise import DenoiseRequest

require_app(__file__)

MOST_EACH = 6  # particles of a class: rows that can be taken in at once


def ask():
    """The settings; starts the job when its button is pressed."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        model = generator_form.choose_model()
        quality = generator_form.choose_quality(model, "film_quality")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        class_keys = generator_form.choose_classes(generator_form.classes_of(model), "film_classes")
        count = generator_form.integer_input("Of each class", 2, "film_count")
        seed = generator_form.seed_input(
            "film_seed", "The same seed and quality give the same particles as on Synthesize."
        )
        pressed = st.button("Record", type="primary", key="film_go", disabled=not class_keys)
    generator_form.require_integer("{} particles of each class are asked for", count, 1, MOST_EACH)
    generator_form.check_seed(seed)
    steps = generator_form.samplers_of(model)[quality].steps
    if class_keys:
        seconds = generator_form.seconds_to_make(model, quality, [count] * len(class_keys))
        particles = count_noun(count * len(class_keys), "particle")
        st.caption(f"{particles} through {steps} steps: about {format_duration(seconds)} on this computer.")
    else:
        st.caption("Choose a class, and it can be recorded.")
    show_model(model.name, origin(model))
    if pressed:
        start_job(DenoiseRequest(tuple(class_keys), count, seed, sampler=quality, weights=model.name))


def show():
    """The recording that is open, or the shipped one."""
    if job := opened_job("denoise", "a recorded denoising; record one here"):
        show_progress(job)
        if job.state == "done":
            trajectory_view.show(trajectory_view.trajectory_of(job.id), name=f"denoising_{job.config['seed']}")
        elif not job.active:
            st.button("Show the shipped recording", key="film_shipped", on_click=close, args=("denoising",))
    else:
        st.caption("A recording that is shipped with the lab. Record your own above.")
        trajectory_view.show(sample_trajectory(), name="denoising_shipped")


st.title("Denoising")
st.markdown("Follow particles from pure noise to the finished image: what the network is given, what it makes of it.")

for part in (ask, show):
    try:
        part()
    except LabError as error:
        st.error(escape_markdown(error))
