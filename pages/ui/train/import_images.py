"""Bringing images into the workspace: choose a source, say what they are, read them; the rest has its reasons."""

from pathlib import Path

import streamlit as st

from pages.ui.shared.job_status import show_progress
from pages.ui.shared.source_picker import choose_source, chosen_source, forget_source
from pages.ui.shared.text import class_name, count_noun, escape_markdown, truncate
from pages.ui.shared.url_state import close, opened_job, start_job
from svp_core.errors import LabError
from svp_core.instruments.detect import detect_source
from svp_core.tasks.import_images import ImportRequest, imported_dataset
from svp_core.workspace import datasets, jobs

PAGE, LINK = "train", "images"


def show_import_images(taken):
    """The ways in, the reading, and what came of it. taken(id of the new data set) is called once for each."""
    if job := opened_job("gather", "images that were brought in; bring them in here"):
        _show_job(job, taken)
    elif path := chosen_source(PAGE):
        _ask(path)
    else:
        choose_source(PAGE)


def _ask(path):
    try:
        found = detect_source(path)
    except LabError:
        forget_source(PAGE)
        raise
    with st.container(border=True, key="images_found"):
        st.markdown(f"**{escape_markdown(found.title)}**")
        st.markdown(escape_markdown(count_noun(found.count, "item") if found.count is not None else "not counted yet"))
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
            name = st.text_input(
                "Name of the data set", Path(path).stem[: datasets.MAX_NAME], key="images_name", width=260
            )
            kind = st.text_input(
                "Class of all images",
                st.session_state.get("images_class", ""),
                key="images_kind",
                width=260,
                placeholder="as their sub-folders say",
                help="Leave empty where sub-folders are named after the classes. New names are new classes.",
            )
            pressed = st.button("Read images", type="primary", key="images_go")
            st.button("Choose something else", key="images_forget", on_click=forget_source, args=(PAGE,))
    if pressed:
        name = datasets.check_name(name)
        st.session_state["images_class"] = kind
        forget_source(PAGE)
        start_job(ImportRequest(str(path), name, class_name=kind.strip() or None))


def _show_job(job, taken):
    show_progress(job)
    if job.active:
        return
    if job.state != "done":
        with st.container(horizontal=True, gap="small"):
            st.button("Change the class and read again", key="images_again", on_click=_again, args=(job,))
            st.button("Choose other images", key="images_other", on_click=close, args=(PAGE, LINK))
        return
    dataset, left_out = imported_dataset(jobs.job_folder(job.id))
    meta = datasets.open_dataset(dataset).meta
    if job.id not in st.session_state.setdefault("images_taken", []):
        st.session_state["images_taken"].append(job.id)
        taken(dataset)
    held = ", ".join(f"{class_name(key).lower()} {count:,}" for key, count in meta["classes"].items())
    st.markdown(
        escape_markdown(
            f"{truncate(meta['name'])}: {count_noun(meta['count'], 'image')} ({held}). {len(left_out):,} left out."
        )
    )
    if len(left_out):
        with st.expander(f"{count_noun(len(left_out), 'item')} left out, with reasons"):
            st.dataframe(
                left_out,
                hide_index=True,
                key="images_left_out",
                column_config={"image": "Item", "reason": st.column_config.TextColumn("Reason", width="large")},
            )
    st.button("Bring in more images", key="images_more", on_click=close, args=(PAGE, LINK))


def _again(job):
    close(PAGE, LINK)
    st.session_state[f"{PAGE}_path"] = job.config["source"]
