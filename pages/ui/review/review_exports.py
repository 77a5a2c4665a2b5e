"""What a review hands out: cleaned labels as files and as a data set, and the whole history."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import streamlit as st

from pages.ui.shared.text import count_noun, escape_markdown
from svp_core.errors import LabError
from svp_core.exports import cleaned
from svp_core.exports.tiles import file_name
from svp_core.review.history_file import export_history, verify
from svp_core.tasks.job_kinds import find_kind
from svp_core.workspace import datasets, jobs

REVIEWED = ", reviewed"  # after the name of the review
HISTORY, FILES = (
    "history.jsonl",
    {
        "Labels as CSV": ("labels.csv", "text/csv", cleaned.export_reviewed_csv),
        "Tiles by class": ("tiles.zip", "application/zip", cleaned.export_reviewed_folders),
    },
)


def show_exports(review, standing):
    """Buttons; each file is made when it is asked for."""
    st.subheader("Take away")
    stem = "".join(letter if letter.isalnum() or letter in " .-_" else "_" for letter in review.name)[:80]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="review_files"):
        for label, (file, mime, make) in FILES.items():
            _offer(
                review, standing, label, f"{stem} {file}", mime, lambda path, make=make: make(review, standing, path)
            )
        if review.header["kind"] == "classify":
            _offer_cla(review, standing, stem)
        _offer(
            review,
            standing,
            "Whole history",
            f"{stem} {HISTORY}",
            "application/x-ndjson",
            lambda path: export_history(review.id, path),
        )
        if st.button("Verify the history", key="history_verify"):
            verdict = verify(review.id)
            if verdict.sound:
                st.session_state["history_verdict"] = (
                    f"{count_noun(verdict.count, 'decision')}, each as it was written. Last hash: {verdict.head}"
                )
            else:
                raise LabError(f"This history is not what was decided. {verdict.problem}")
    if words := st.session_state.pop("history_verdict", None):
        st.success(escape_markdown(words))
    _offer_dataset(review, standing)


def _offer_cla(review, standing, stem):
    job, run = review.header["source"]["job"], None
    runs = sorted(set(review.table["run"]) - {""}) if "run" in review.table else []
    if len(runs) > 1:
        run = st.selectbox("Run of the .cla", runs, key=f"cla_{review.id}_run", width=240)
        stem = f"{stem} {file_name(run)}"
    _offer(
        review,
        standing,
        "Classes as .cla",
        f"{stem}.cla",
        "text/plain",
        lambda path: cleaned.export_reviewed_cla(review, standing, path, job_folder=jobs.job_folder(job), run=run),
        of=run,
    )


def _offer(review, standing, label, file, mime, make, *, of=None):
    """A button that makes the file, or, once it is made of what holds now, the one that takes it away. of: of what."""
    name = f"{review.id}_{label}_file"
    made = st.session_state.get(name)
    if made and made[0] == (standing.last, of):
        st.download_button(
            f"Download {Path(file).suffix}", made[1], file, mime, key=f"get_{label}", on_click="ignore", type="primary"
        )
    elif st.button(label, key=f"make_{label}"):
        with TemporaryDirectory() as folder, st.spinner(f"Making the {Path(file).suffix} file"):
            path = Path(folder) / "made"
            make(path)
            st.session_state[name] = (standing.last, of), path.read_bytes()
        st.rerun()


def _offer_dataset(review, standing):
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        as_reviewed = f"{review.name[: datasets.MAX_NAME - len(REVIEWED)]}{REVIEWED}"
        name = st.text_input("Name of the cleaned data set", as_reviewed, key="cleaned_name", width=360)
        if st.button("Save as data set", key="cleaned_save"):
            name = datasets.check_name(name)
            tiles, names, labels = cleaned.reviewed_tiles(review, standing)
            table = pd.DataFrame({"image": names, "class": labels})
            history = {"review": review.id, "decisions": standing.last}
            datasets.save_dataset(name, "own", tiles, table, history)
            st.session_state["cleaned_saved"] = name
    if saved := st.session_state.get("cleaned_saved"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"Saved as data set **{escape_markdown(saved)}**.")
            st.page_link(find_kind("train").page, label="Train on it")
