"""Start a review of a classification, a data set or a labelled folder, or resume an earlier one."""

from pathlib import Path

import streamlit as st

from pages.ui.review.earlier_reviews import open_review_page, show_earlier_reviews
from pages.ui.shared.job_status import show_progress
from pages.ui.shared.source_picker import choose_source, chosen_source, forget_source
from pages.ui.shared.text import escape_markdown, job_outcome, job_title, truncate
from pages.ui.shared.times import format_timestamp
from pages.ui.shared.url_state import close, opened_job, start_job
from svp_core.review import sources
from svp_core.review.store import MAX_NAME
from svp_core.tasks import find_label_errors
from svp_core.tasks.find_label_errors import LabelErrorRequest, label_error_summary
from svp_core.tasks.job_kinds import find_kind
from svp_core.workspace import datasets, jobs

CLASSIFICATION, DATASET, FOLDER = "Classified particles", "Data set", "Labelled folder"
SEARCH = "search"  # query parameter: the job that searches for label errors
OF = "of"  # query parameter: the classification to review
LABELS = {"label": "Predictions of the classifier", "given": "Names of their folders"}
MAX_JOBS = 200  # latest jobs, among which classifications are listed


def show_start() -> None:
    """Ways to start a review; opens the one that was started."""
    if job := opened_job("suspect", "a search for label errors; start a review here"):
        _show_search(job)
        return
    show_earlier_reviews()
    st.subheader("Start a review")
    source = st.segmented_control(
        "Source",
        (CLASSIFICATION, DATASET, FOLDER),
        default=CLASSIFICATION,
        required=True,
        key="review_way",
        persist_state="session",
        label_visibility="collapsed",
    )
    {CLASSIFICATION: _start_from_job, DATASET: _start_from_dataset, FOLDER: _start_from_folder}[source]()


def _show_search(job: jobs.Job) -> None:
    st.subheader(escape_markdown(truncate(job.config["name"])))
    show_progress(job)
    if job.active:
        return
    if job.state == "done":
        review_id, notes = label_error_summary(jobs.job_folder(job.id))
        for note in notes:
            st.markdown(escape_markdown(note))
        if st.button("Review these labels", key="search_go", type="primary"):
            close("review", SEARCH)
            _open(review_id)
    st.button("Start another review", key="search_close", on_click=close, args=("review", SEARCH))


def _start_from_job() -> None:
    done = [job for job in jobs.recent(MAX_JOBS, kinds=("classify",)) if not job.active and job.step]
    if not done:
        st.caption("No particles are classified yet. Images without labels can be reviewed once they are classified.")
        st.page_link(find_kind("classify").page, label="Classify")
        return
    titles = {job.id: f"{job_title(job)} · {format_timestamp(job.created)} · {job_outcome(job)}" for job in done}
    requested = st.query_params.get(OF)
    index = list(titles).index(requested) if requested in titles else 0
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        job_id = st.selectbox(
            "Classification",
            list(titles),
            index=index,
            format_func=titles.__getitem__,
            key=f"review_job_{requested}",
            width=520,
        )
        labels = st.selectbox(
            "Labels to review", list(LABELS), format_func=LABELS.__getitem__, key="review_labels", width=260
        )
        pressed = st.button("Start", type="primary", key="review_of_job")
    st.caption("The least certain particles come first.")
    if pressed:
        _open(sources.start_review(sources.review_of_classification(job_id, labels=labels)))


def _start_from_dataset() -> None:
    labelled = {meta["id"]: meta for meta in datasets.list_datasets() if meta.get("classes")}
    if not labelled:
        st.caption("There is no data set with classes in this workspace. Import images on page Train, or use a folder.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        dataset_id = st.selectbox(
            "Data set",
            list(labelled),
            format_func=lambda key: f"{truncate(labelled[key]['name'])} ({labelled[key]['count']:,})",
            key="review_dataset",
            width=480,
        )
        pressed = st.button("Start", type="primary", key="review_of_dataset")
    if pressed and dataset_id:
        start_job(LabelErrorRequest(find_label_errors.DATASET, dataset_id, labelled[dataset_id]["name"]))


def _start_from_folder() -> None:
    path = chosen_source("review")
    if not path:
        st.caption("One sub-folder per class. Images without labels: classify them first.")
        choose_source("review")
        return
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        name = st.text_input("Name of the review", Path(path).stem, key="review_name", max_chars=MAX_NAME, width=300)
        pressed = st.button("Start", type="primary", key="review_of_folder")
        st.button("Choose another folder", key="review_forget", on_click=forget_source, args=("review",))
    st.caption(escape_markdown(path))
    if pressed:
        forget_source("review")
        start_job(LabelErrorRequest(find_label_errors.FOLDER, str(path), name))


def _open(review_id: str) -> None:
    st.query_params.pop(OF, None)
    open_review_page(review_id)
