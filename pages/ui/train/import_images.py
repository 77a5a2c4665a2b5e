"""Import of labelled images as a data set: choose a source, name it, read it; unreadable files are listed."""

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from pages.ui.shared.job_status import show_progress
from pages.ui.shared.source_picker import choose_source, chosen_source, forget_source
from pages.ui.shared.source_signals import ask_questions, detect, show_first_particles
from pages.ui.shared.url_state import close, opened_job, start_job
from svp_core.display import class_name, count_noun, escape_markdown, truncate
from svp_core.errors import LabError
from svp_core.tasks.import_images import ImportRequest, imported_dataset
from svp_core.workspace import datasets, jobs

PAGE, LINK = "train", "images"


def show_import_images(on_imported: Callable[[str], None]) -> None:
    """Source picker, form, and result. on_imported(id of the new data set) is called once per import."""
    if job := opened_job("gather", "an import of images; start one here"):
        _show_job(job, on_imported)
    elif path := chosen_source(PAGE):
        _show_form(path)
    else:
        choose_source(PAGE)


def _show_form(path):
    path = Path(path)
    try:
        source = detect(path)
    except LabError:
        forget_source(PAGE)
        raise
    with st.container(border=True, key="images_found"):
        st.markdown(f"**{escape_markdown(source.title)}**")
        st.markdown(
            escape_markdown(count_noun(source.count, "item") if source.count is not None else "not counted yet")
        )
        for note in source.notes:
            st.caption(escape_markdown(note))
        choices = ask_questions(source.questions)
        if choices:
            source = detect(path, choices)
        show_first_particles(source, path, choices)
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
            name = st.text_input("Name of the data set", path.stem[: datasets.MAX_NAME], key="images_name", width=200)
            kind = st.text_input(
                "Class of all images",
                st.session_state.get("images_class", ""),
                key="images_kind",
                width=200,
                placeholder="from the sub-folders",
                help="Leave empty if the sub-folders are named after the classes. New names become new classes.",
            )
            pressed = st.button("Import images", type="primary", key="images_go", disabled=not source.readable)
            st.button("Choose something else", key="images_forget", on_click=forget_source, args=(PAGE,))
    if pressed:
        name = datasets.check_name(name)
        st.session_state["images_class"] = kind
        forget_source(PAGE)
        start_job(ImportRequest(str(path), name, (kind or "").strip() or None, choices or None))


def _show_job(job, on_imported):
    show_progress(job)
    if job.active:
        return
    if job.state != "done":
        with st.container(horizontal=True, gap="small"):
            st.button("Change the class and import again", key="images_again", on_click=_again, args=(job,))
            st.button("Choose other images", key="images_other", on_click=close, args=(PAGE, LINK))
        return
    dataset, left_out = imported_dataset(jobs.job_folder(job.id))
    meta = datasets.open_dataset(dataset).meta
    if job.id not in st.session_state.setdefault("images_taken", []):
        st.session_state["images_taken"].append(job.id)
        on_imported(dataset)
    classes = ", ".join(f"{class_name(key).lower()} {count:,}" for key, count in meta["classes"].items())
    st.markdown(
        escape_markdown(
            f"{truncate(meta['name'])}: {count_noun(meta['count'], 'image')} ({classes}). {len(left_out):,} excluded."
        )
    )
    if len(left_out):
        with st.expander(f"{count_noun(len(left_out), 'item')} excluded, with reasons"):
            st.dataframe(
                left_out,
                hide_index=True,
                key="images_left_out",
                column_config={"image": "Item", "reason": st.column_config.TextColumn("Reason", width="large")},
            )
    st.button("Import more images", key="images_more", on_click=close, args=(PAGE, LINK))


def _again(job):
    close(PAGE, LINK)
    st.session_state[f"{PAGE}_path"] = job.config["source"]
