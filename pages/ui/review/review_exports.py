"""Exports of a review: corrected labels as files and as a data set, and the whole history."""

from collections.abc import Callable
from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from pages.ui.shared.error_report import logged
from pages.ui.shared.text import count_noun, escape_markdown
from svp_core.errors import LabError
from svp_core.exports import reviewed_labels
from svp_core.exports.download import download_name, export_bytes
from svp_core.exports.tiles_by_class import file_name
from svp_core.review.current_labels import NOT_A_CLASS, CurrentLabels
from svp_core.review.history_file import export_history, verify
from svp_core.review.store import Review
from svp_core.tasks.job_kinds import find_kind
from svp_core.workspace import datasets, jobs

REVIEWED = ", reviewed"  # appended to the name of the review
LABELS_CSV, TILES_ZIP, CLASSES_CLA = "Labels as CSV", "Tiles by class", "Classes as .cla"
HISTORY_JSONL = "Whole history"


def show_exports(review: Review, current: CurrentLabels) -> None:
    """Downloads, each made when it is clicked; the check of the audit trail; the data set."""
    st.subheader("Export")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="review_files"):
        _download(
            LABELS_CSV,
            _name(review, "labels", "csv"),
            "text/csv",
            lambda: export_bytes(lambda path: reviewed_labels.export_reviewed_csv(review, current, path)),
        )
        if _has_labelled_tiles(review, current):
            _download(
                TILES_ZIP,
                _name(review, "tiles", "zip"),
                "application/zip",
                lambda: export_bytes(lambda path: reviewed_labels.export_reviewed_folders(review, current, path)),
            )
        if review.header["kind"] == "classify":
            _download_cla(review, current)
        _download(
            HISTORY_JSONL,
            _name(review, "history", "jsonl"),
            "application/x-ndjson",
            lambda: export_bytes(lambda path: export_history(review.id, path)),
        )
        if st.button("Check the audit trail", key="history_verify"):
            check = verify(review.id)
            if not check.sound:
                raise LabError(f"The audit trail is damaged. {check.problem}")
            st.session_state["history_check"] = (
                f"Audit trail intact: {count_noun(check.count, 'decision')}. Last hash: {check.head}"
            )
    if message := st.session_state.pop("history_check", None):
        st.success(escape_markdown(message))
    _save_dataset(review, current)


def _name(review: Review, content: str, extension: str, run: str = "") -> str:
    sample = f"{review.name} {file_name(run)}" if run else review.name
    return download_name(sample, content, extension, f"{datetime.now(UTC).astimezone():%Y-%m-%d}")


def _download(label: str, name: str, mime: str, content: bytes | Callable[[], bytes]) -> None:
    content = logged(content) if callable(content) else content
    st.download_button(label, content, name, mime, key=f"get_{label}", on_click="ignore")


def _has_labelled_tiles(review: Review, current: CurrentLabels) -> bool:
    labels = {current.label(particle) for particle in current.given}
    return review.tiles is not None and bool(labels - {"", NOT_A_CLASS[1]})


def _download_cla(review: Review, current: CurrentLabels) -> None:
    run = ""
    runs = sorted(set(review.table["run"]) - {""}) if "run" in review.table else []
    if len(runs) > 1:
        run = st.selectbox("Run of the .cla", runs, key=f"cla_{review.id}_run", width=240) or ""
    try:
        content = _cla_bytes(review.id, current.last_number, run, review, current)
    except LabError as error:
        st.button(CLASSES_CLA, key=f"get_{CLASSES_CLA}", disabled=True, help=escape_markdown(error))
        return
    _download(CLASSES_CLA, _name(review, "classes", "cla", run), "text/plain", content)


@st.cache_data(max_entries=3, show_spinner=False)
def _cla_bytes(review_id: str, last_number: int, run: str, _review: Review, _current: CurrentLabels) -> bytes:
    del review_id, last_number  # only the cache's key
    folder = jobs.job_folder(_review.header["source"]["job"])
    return export_bytes(
        lambda path: reviewed_labels.export_reviewed_cla(_review, _current, path, job_folder=folder, run=run or None)
    )


def _save_dataset(review: Review, current: CurrentLabels) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        default = f"{review.name[: datasets.MAX_NAME - len(REVIEWED)]}{REVIEWED}"
        name = st.text_input("Name of the corrected data set", default, key="cleaned_name", width=360)
        if st.button("Save as data set", key="cleaned_save"):
            name = datasets.check_name(name)
            tiles, names, labels = reviewed_labels.reviewed_tiles(review, current)
            table = pd.DataFrame({"image": names, "class": labels})
            provenance = {"review": review.id, "decisions": current.last_number}
            datasets.save_dataset(name, "own", tiles, table, provenance)
            st.session_state["cleaned_saved"] = name
    if saved := st.session_state.get("cleaned_saved"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"Saved as data set **{escape_markdown(saved)}**.")
            st.page_link(find_kind("train").page, label="Train on it")
