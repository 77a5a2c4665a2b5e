"""Beginning a review, or going on with an earlier one."""

from pathlib import Path

import streamlit as st

from pages.ui.shared.job_status import show_progress
from pages.ui.shared.source_picker import choose_source, chosen_source, forget_source
from pages.ui.shared.text import count_noun, escape_markdown, format_time, job_outcome, job_title, truncate
from pages.ui.shared.url_state import close, open_as, opened_job, start_job
from svp_core.review import sources
from svp_core.review.store import list_reviews
from svp_core.tasks.find_label_errors import DATASET, FOLDER, LabelErrorRequest, label_error_summary
from svp_core.tasks.job_kinds import find_kind
from svp_core.workspace import datasets, jobs

WAYS = ("Classified particles", "A data set", "A labelled folder")
SEARCH = "search"  # what the address calls the job
OF = "of"  # what the address calls the classification that a review is wanted of
MAX_LISTED = 8  # earlier reviews shown at once
LABELS = {"label": "What the classifier said", "given": "What their folders are called"}


def show_start():
    """The ways in; opens the review that was begun."""
    if job := opened_job("suspect", "a search for label errors; start a review here"):
        _show_search(job)
        return
    _show_earlier()
    st.subheader("Begin a review")
    way = st.segmented_control(
        "Of what",
        WAYS,
        default=WAYS[0],
        required=True,
        key="review_way",
        persist_state="session",
        label_visibility="collapsed",
    )
    (_of_job if way == WAYS[0] else _of_dataset if way == WAYS[1] else _of_folder)()


def _show_search(job):
    st.subheader(escape_markdown(truncate(job.config["name"])))
    show_progress(job)
    if job.active:
        return
    if job.state == "done":
        review_id, notes = label_error_summary(jobs.job_folder(job.id))
        for words in notes:
            st.markdown(escape_markdown(words))
        if st.button("Go through them", key="search_go", type="primary"):
            close("review", SEARCH)
            _open(review_id)
    st.button("Begin something else", key="search_close", on_click=close, args=("review", SEARCH))


def _show_earlier():
    found = list_reviews()
    if not found:
        return
    st.subheader("Earlier reviews")
    for header in found if st.session_state.get("review_all") else found[:MAX_LISTED]:
        with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
            if st.button(escape_markdown(header["name"]), key=f"open_{header['review']}", type="tertiary"):
                _open(header["review"])
            counts = f"{count_noun(header['decisions'], 'decision')} on {count_noun(header['particles'], 'particle')}"
            st.caption(escape_markdown(f"{counts} · begun {header['created'][:10]}"))
    if len(found) > MAX_LISTED:
        st.toggle(f"All {len(found):,}", key="review_all")


def _of_job():
    done = [job for job in jobs.recent(200) if job.kind == "classify" and not job.active and job.step]
    if not done:
        st.caption("Nothing is classified yet. Images without any label become reviewable once they are classified.")
        st.page_link(find_kind("classify").page, label="Classify")
        return
    titles = {job.id: f"{job_title(job)} · {format_time(job.created)} · {job_outcome(job)}" for job in done}
    asked = st.query_params.get(OF)
    first = list(titles).index(asked) if asked in titles else 0
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        job_id = st.selectbox(
            "Classification", list(titles), index=first, format_func=titles.get, key=f"review_job_{asked}", width=480
        )
        labels = st.selectbox("Labels", list(LABELS), format_func=LABELS.get, key="review_labels", width=240)
        pressed = st.button("Begin", type="primary", key="review_of_job")
    st.caption("The least sure come first.")
    if pressed:
        _open(sources.begin_review(sources.review_of_classification(job_id, labels=labels)))


def _of_dataset():
    known = {meta["id"]: meta for meta in datasets.list_datasets() if meta.get("classes")}
    if not known:
        st.caption("No data set with classes is in this workspace; bring images in on page Train, or name a folder.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        chosen = st.selectbox(
            "Data set",
            list(known),
            format_func=lambda one: f"{truncate(known[one]['name'])} ({known[one]['count']:,})",
            key="review_dataset",
            width=480,
        )
        pressed = st.button("Begin", type="primary", key="review_of_dataset")
    if pressed:
        start_job(LabelErrorRequest(DATASET, chosen, known[chosen]["name"]))


def _of_folder():
    path = chosen_source("review")
    if not path:
        st.caption("Sub-folders are named after the classes. Images without labels: classify them first.")
        choose_source("review")
        return
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        name = st.text_input("Name of the review", Path(path).stem, key="review_name", max_chars=200, width=300)
        pressed = st.button("Begin", type="primary", key="review_of_folder")
        st.button("Choose something else", key="review_forget", on_click=forget_source, args=("review",))
    st.caption(escape_markdown(path))
    if pressed:
        forget_source("review")
        start_job(LabelErrorRequest(FOLDER, str(path), name))


def _open(review_id):
    st.query_params.pop(OF, None)
    open_as("review", review_id, "review")
    st.rerun()
