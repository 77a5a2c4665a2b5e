"""Synthesize: generate particles of one class and compare them with reference particles; compare two models."""

from contextlib import suppress

import streamlit as st

from pages.ui.shared import generator_form
from pages.ui.shared.engine_choice import choose_engine
from pages.ui.shared.job_status import show_progress
from pages.ui.shared.model_card import origin, show_model
from pages.ui.shared.url_state import opened, opened_job, start_job
from pages.ui.synthesize import model_comparison, results_view
from pages.ui.synthesize.reference_picker import choose_reference, no_reference
from svp_core.display import count_noun, escape_markdown, format_duration
from svp_core.errors import LabError
from svp_core.quality.report import ENOUGH_IMAGES
from svp_core.tasks.compare import MIN_IMAGES, SIDES, CompareRequest
from svp_core.tasks.generate import GenerateRequest
from svp_core.tasks.generation_request import DEFAULT_GENERATOR
from svp_core.tasks.job_kinds import request_of
from svp_core.workspace import jobs

MAX_IMAGES = 1000  # on this page; the command line generates more


def restore_settings() -> None:
    """Fill the form with the settings of the open job, once per job: after a reload nothing else holds them."""
    job_id = opened("synthesize")
    if job_id is None or job_id == st.session_state.get("make_taken_from"):
        return
    st.session_state["make_taken_from"] = job_id
    with suppress(LabError):  # show_generated says what is wrong with the link
        if (job := jobs.get(job_id)).kind == "generate":
            request = request_of(job)
            generator_form.preselect_model(request.weights or DEFAULT_GENERATOR)
            st.session_state["make_quality"] = request.sampler
            st.session_state["make_class"] = request.class_key
            st.session_state["make_count"] = float(min(request.count, MAX_IMAGES))
            st.session_state["make_seed"] = float(request.seed)


def show_generate_form() -> None:
    """Settings for one model; starts the job when its button is pressed."""
    restore_settings()
    with st.container(horizontal=True, vertical_alignment="top", gap="medium"):
        model = generator_form.choose_model()
        quality = generator_form.choose_quality(model, "make_quality")
        engine = choose_engine("make_engine")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        with generator_form.fields():
            class_key = generator_form.choose_class(generator_form.classes_of(model), "make_class")
            count = generator_form.integer_input("Number of images", 16, "make_count")
            seed = generator_form.seed_input(
                "make_seed", "The same seed gives the same particles; a larger number only adds to them."
            )
        pressed = st.button("Generate", type="primary", key="make_go")
    count = generator_form.require_integer("Number of images", count, 1, MAX_IMAGES)
    seed = generator_form.check_seed(seed)
    steps = generator_form.samplers_of(model)[quality].steps
    seconds = generator_form.seconds_to_make(model, quality, [count])
    st.caption(f"{count_noun(count, 'image')}, {steps} steps each: about {format_duration(seconds)} on this computer.")
    show_model(model.name, origin(model))
    if pressed:
        start_job(GenerateRequest(class_key, count, seed, sampler=quality, weights=model.name, engine=engine))


def show_generated() -> None:
    """The open job and its particles; reference particles until there is one."""
    if job := opened_job("generate", "generated particles; generate some here"):
        st.subheader(results_view.heading(job))
        show_progress(job, results_view.show_so_far)
        if not job.active:
            results_view.show_results(job)
    elif class_key := st.session_state.get("make_class"):
        st.subheader("Reference particles")
        results_view.show_reference(class_key)


def show_compare_form() -> None:
    """Settings of a comparison; starts the job when its button is pressed."""
    model_comparison.restore_settings(MAX_IMAGES)
    sides = {}
    for side, column in zip(SIDES, st.columns(2, gap="large"), strict=True):
        with column:
            sides[side] = model_comparison.choose_model_side(side)
    class_keys = model_comparison.classes_in_common(sides)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        with generator_form.fields():
            class_key = generator_form.choose_class(class_keys, "compare_class")
            reference = choose_reference(class_key, "compare_reference", label="Reference set")
            count = generator_form.integer_input("Images per model", ENOUGH_IMAGES, "compare_count", step=50)
            seed = generator_form.seed_input(
                "compare_seed", "The images of both models, and the split of the reference set, follow from it."
            )
        pressed = st.button("Compare", type="primary", key="compare_go", disabled=reference is None)
    count = generator_form.require_integer("Images per model", count, MIN_IMAGES, MAX_IMAGES)
    seed = generator_form.check_seed(seed)
    if reference:
        estimate = model_comparison.estimate(sides, count)
        st.caption(estimate + model_comparison.wide_intervals(reference, class_key))
    else:
        st.caption(no_reference(class_key))
    if pressed and reference:
        start_job(CompareRequest(class_key, count, seed, reference, **sides))


def show_comparison() -> None:
    """The open comparison."""
    if job := opened_job("compare", "a comparison; start one here"):
        st.subheader(model_comparison.heading(job))
        show_progress(job, model_comparison.show_so_far)
        if job.state == "done":
            model_comparison.show(job)


st.title("Synthesize")
st.markdown("Generate particles of one class with a diffusion model and compare them with reference particles.")
# The tab "Make" is part of stored addresses.
tabs = st.tabs(["Make", "Compare"], key="mode", on_change="rerun", bind="query-params")
TAB_PARTS = ((show_generate_form, show_generated), (show_compare_form, show_comparison))
for tab, parts in zip(tabs, TAB_PARTS, strict=True):
    if not tab.open:
        continue
    for part in parts:
        try:
            with tab:
                part()
        except LabError as error:
            tab.error(escape_markdown(error))
