"""Train: import images, train a generator on them, import a published checkpoint, manage data sets and models."""

from collections.abc import Callable

import streamlit as st

from pages.ui.shared.job_status import show_progress, show_recent
from pages.ui.shared.url_state import close, opened_job, start_job
from pages.ui.train import settings_form, training_view
from pages.ui.train.import_checkpoint import show_import_checkpoint
from pages.ui.train.import_images import show_import_images
from pages.ui.train.management import show_management
from svp_core.display import escape_markdown
from svp_core.errors import LabError
from svp_core.tasks.train import TrainRequest
from svp_core.workspace.jobs import Job
from svp_core.workspace.models import new_model_folder


def show_form() -> None:
    """Images, settings, start button."""
    st.subheader("Images")
    st.caption("One sub-folder per class, 50 to 100,000 images; new folder names become new classes.")
    with st.container(key="bring"):
        _show_errors(lambda: show_import_images(settings_form.choose_more_datasets))
    chosen = settings_form.choose_datasets()
    if not chosen:
        st.caption("Import images or choose data sets; then the settings appear.")
        return
    class_keys = settings_form.choose_classes(chosen)
    st.subheader("Training")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        name = st.text_input("Name of the new model", key="train_name", persist_state="session", width=260)
        base = settings_form.choose_base()
        minutes = settings_form.minutes_input()
        refused = settings_form.refusal(chosen, class_keys)
        pressed = st.button("Start training", type="primary", key="train_go", disabled=bool(refused))
    minutes = settings_form.check_minutes(minutes)
    st.caption(refused or settings_form.expectation(chosen, class_keys, minutes))
    if pressed:
        new_model_folder(name)  # says at once what is wrong with the name
        start_job(TrainRequest(name.strip(), tuple(chosen), tuple(class_keys), base=base, minutes=minutes))


def show_training(job: Job) -> None:
    """The open training."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.subheader(escape_markdown(job.config["name"]))
        label = "Change the settings" if job.state == "failed" else "Train another model"
        st.button(label, key="train_another", on_click=close, args=("train",))
    show_progress(job, training_view.show_so_far)
    if not job.active:
        training_view.show_finished(job)


def _show_errors(part: Callable[[], None]) -> None:
    try:
        part()
    except LabError as error:
        st.error(escape_markdown(error))


def main() -> None:
    """The open training, or the form; below it checkpoint import, management and previous trainings."""
    if job := opened_job("train", "a training; start one here"):
        show_training(job)
        return
    show_form()
    with st.expander("Import a published checkpoint"):
        _show_errors(show_import_checkpoint)
    with st.expander("Rename or delete data sets and models"):
        _show_errors(show_management)
    show_recent("Previous trainings", kinds=("train",))


st.title("Train")
st.markdown("Train a generator on your own particles. It learns from most of the images and is checked on the rest.")
_show_errors(main)
