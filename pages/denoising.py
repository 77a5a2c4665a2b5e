"""Denoising: how particles form from noise, step by step; record, scrub, play, export."""

import streamlit as st

from pages.ui.denoising import trajectory_view
from pages.ui.shared import generator_form
from pages.ui.shared.job_status import show_progress
from pages.ui.shared.model_card import origin, show_model
from pages.ui.shared.sample_content import sample_trajectory
from pages.ui.shared.url_state import close, opened_job, start_job
from svp_core.display import count_noun, escape_markdown, format_duration
from svp_core.errors import LabError
from svp_core.tasks.denoise import DenoiseRequest

MAX_PER_CLASS = 6  # particles: rows that can be taken in at once


def show_settings() -> None:
    """Settings of a recording; starts the job when its button is pressed."""
    with st.container(horizontal=True, vertical_alignment="top", gap="medium"):
        model = generator_form.choose_model()
        quality = generator_form.choose_quality(model, "film_quality")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        with generator_form.fields():
            class_keys = generator_form.choose_classes(generator_form.classes_of(model), "film_classes")
            count = generator_form.integer_input("Particles per class", 2, "film_count")
            seed = generator_form.seed_input(
                "film_seed", "The same seed and quality give the same particles on Synthesize."
            )
        pressed = st.button("Record", type="primary", key="film_go", disabled=not class_keys)
    count = generator_form.require_integer("Particles per class", count, 1, MAX_PER_CLASS)
    seed = generator_form.check_seed(seed)
    steps = generator_form.samplers_of(model)[quality].steps
    if class_keys:
        seconds = generator_form.seconds_to_make(model, quality, [count] * len(class_keys))
        particles = count_noun(count * len(class_keys), "particle")
        st.caption(f"{particles}, {steps} steps: about {format_duration(seconds)} on this computer.")
    else:
        st.caption("Choose at least one class to record.")
    show_model(model.name, origin(model))
    if pressed:
        start_job(DenoiseRequest(tuple(class_keys), count, seed, sampler=quality, weights=model.name))


def show_recording() -> None:
    """The open recording, or the shipped one."""
    if job := opened_job("denoise", "a recorded denoising; record one here"):
        trajectory = trajectory_view.trajectory_of(job.id) if job.state == "done" else None
        st.subheader(trajectory_view.heading(job, trajectory))
        show_progress(job)
        if trajectory:
            trajectory_view.show(trajectory, f"denoising_seed_{job.config['seed']}")
        elif not job.active:
            st.button("Show the sample recording", key="film_shipped", on_click=close, args=("denoising",))
    else:
        st.caption("Sample recording of the shipped generator, which was trained on simulated particles.")
        trajectory_view.show(sample_trajectory(), "denoising_sample")


st.title("Denoising")
st.markdown("Follow particles from pure noise to the finished image: one row per particle, one column per chosen step.")
settings = st.expander("Record your own", icon=":material/fiber_manual_record:")
for area, part in ((settings, show_settings), (st.container(), show_recording)):
    try:
        with area:
            part()
    except LabError as error:
        area.error(escape_markdown(error))
