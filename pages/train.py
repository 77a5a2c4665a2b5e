"""Train: a generator on one's own particles, from images brought in to a model that makes more of them."""

import streamlit as st

from pages.ui.shared.job_status import show_progress, show_recent
from pages.ui.shared.session_guard import require_app
from pages.ui.shared.text import escape_markdown
from pages.ui.shared.url_state import close, opened_job, start_job
from pages.ui.train import settings_form, training_view
from pages.ui.train.import_checkpoint import show_import_checkpoint
from pages.ui.train.import_images import show_import_images
from svp_core.errors import LabError
from svp_core.tasks.train import TrainRequest
from svp_core.workspace.models import new_model_folder

require_app(__file__)


def ask():
    """Images, settings, the button that starts."""
    st.subheader("Images")
    st.caption("One sub-folder a class, 50 to 100,000 images; sub-folders of any name become new classes.")
    with st.container(key="bring"):
        _try(lambda: show_import_images(settings_form.choose_more_datasets))
    chosen = settings_form.choose_datasets()
    if not chosen:
        st.caption("Bring in images, or choose data sets that are here already; then the settings appear.")
        return
    class_keys = settings_form.choose_classes(chosen)
    st.subheader("Training")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        name = st.text_input("Name of the new model", key="train_name", persist_state="session", width=260)
        base = settings_form.choose_base()
        minutes = settings_form.minutes_input()
        refused = settings_form.refusal(chosen, class_keys)
        pressed = st.button("Start training", type="primary", key="train_go", disabled=bool(refused))
    settings_form.check_minutes(minutes)
    st.caption(refused or settings_form.expectation(chosen, class_keys, minutes))
    if pressed:
        new_model_folder(name)  # says at once what is wrong with the name
        start_job(TrainRequest(name.strip(), tuple(chosen), tuple(class_keys), base=base, minutes=minutes))


def show(job):
    """The training that is open."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.subheader(escape_markdown(job.config["name"]))
        words = "Change the settings" if job.state == "failed" else "Train another"
        st.button(words, key="train_another", on_click=close, args=("train",))
    show_progress(job, training_view.show_so_far)
    if not job.active:
        training_view.show_finished(job)


def _try(part):
    try:
        part()
    except LabError as error:
        st.error(escape_markdown(error))


def main():
    """What is open, or the settings; below them a checkpoint from elsewhere and earlier trainings."""
    if job := opened_job("train", "a training; start one here"):
        show(job)
        return
    ask()
    with st.expander("Bring a published checkpoint"):
        _try(show_import_checkpoint)
    show_recent("Earlier trainings", kinds=("train",))


st.title("Train")
st.markdown("Train a generator on your own particles: it learns from most images and is judged by those held out.")
_try(main)
