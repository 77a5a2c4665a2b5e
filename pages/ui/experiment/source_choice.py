"""Choice of the labelled particles of an experiment: data set, review, classification, or files."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from pages.ui.shared.source_picker import choose_source, chosen_source, forget_source
from pages.ui.shared.source_reading import read_apart
from svp_core.display import escape_markdown, truncate
from svp_core.errors import LabError
from svp_core.review.store import list_reviews
from svp_core.tasks.experiment_source import CLASSIFICATION, DATASET, FOLDER, REVIEW, Source, read_source
from svp_core.workspace import jobs
from svp_core.workspace.datasets import list_datasets

PAGE = "experiment"
FILES = "files"
KEY = "experiment_source"


@dataclass(frozen=True, eq=False)
class Chosen:
    """Labelled particles, read."""

    kind: str  # of tasks.experiment_source
    source: str
    name: str
    class_keys: tuple[str, ...]
    tiles: NDArray[np.uint8]
    labels: NDArray[np.int64]

    @property
    def counts(self) -> dict[str, int]:
        """Particles by class key."""
        return {key: int((self.labels == label).sum()) for label, key in enumerate(self.class_keys)}


def choose_particles() -> Chosen | None:
    """The chosen particles; None until there is a choice. Raises LabError where they cannot be read."""
    sources = _sources()
    options = [*sources, FILES]
    if st.session_state.get(KEY) not in options:
        st.session_state.pop(KEY, None)
    picked = st.selectbox(
        "Particles",
        options,
        index=None,
        placeholder="Choose a data set, review or classification",
        format_func=lambda option: sources[option][2] if option in sources else "Files or a folder …",
        key=KEY,
        persist_state="session",
        width=480,
    )
    if picked is None:
        return None
    if picked != FILES:
        kind, source, title = sources[picked]
        return _read(kind, source, title.rpartition(" (")[0])
    path = chosen_source(PAGE)
    if path is None:
        st.caption("One sub-folder per class.")
        choose_source(PAGE)
        return None
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        st.markdown(f"**{escape_markdown(Path(path).name)}**")
        st.button("Choose something else", key="experiment_forget", on_click=forget_source, args=(PAGE,))
    return _read(FOLDER, str(path), Path(path).name)


def _sources() -> dict[str, tuple[str, str, str]]:
    """Key of the choice -> (kind, source, title)."""
    found = {}
    for meta in list_datasets():
        if meta["classes"] and meta["kind"] != "synthetic":
            title = f"{truncate(meta['name'])} (data set, {meta['count']:,})"
            found[f"{DATASET}/{meta['id']}"] = (DATASET, meta["id"], title)
    for header in list_reviews():
        title = f"{truncate(header['name'])} (review, {header['particles']:,})"
        found[f"{REVIEW}/{header['review']}"] = (REVIEW, header["review"], title)
    for job in jobs.recent(50):
        if job.kind == "classify" and job.state == "done":
            folder = jobs.job_folder(job.id)
            if (folder / "summary.json").is_file():
                title = f"{truncate(Path(job.config['source']).name)} (classification)"
                found[f"{CLASSIFICATION}/{job.id}"] = (CLASSIFICATION, str(folder), title)
    return found


def _read(kind: str, source: str, name: str) -> Chosen:
    found = _cached(kind, source, _version(kind, source))
    real = found.real
    for note in found.notes:
        st.caption(escape_markdown(note))
    if found.left_out:
        st.caption(f"{len(found.left_out):,} items of the source are left out: without a class, or unreadable.")
    if len(real.class_keys) < 2:
        raise LabError(
            f"All particles are of one class, {', '.join(real.class_keys)}; an experiment compares classifiers, which "
            "need at least two classes."
        )
    return Chosen(kind, source, name, real.class_keys, real.tiles, real.labels)


@st.cache_data(max_entries=2, show_spinner="Reading the particles")
def _cached(kind: str, source: str, version: object) -> Source:
    return read_apart(source, read_source, kind, source) if kind == FOLDER else read_source(kind, source)


def _version(kind: str, source: str) -> object:
    """What changes where the source has changed."""
    if kind == REVIEW:
        from svp_core.review.decision_log import history

        return len(history(source))
    path = Path(source)
    return path.stat().st_mtime_ns if path.exists() else source
