"""Reference particles to compare with: the sample particles, or a data set of the workspace."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from pages.ui.shared.sample_content import sample_results, sample_tiles
from pages.ui.synthesize.charts import SHAPE_COLUMNS
from svp_core.display import class_name, truncate
from svp_core.errors import LabError
from svp_core.workspace import datasets

MAX_TILES = 500  # of a data set that are read and measured on a page


@dataclass(frozen=True)
class ReferenceTiles:
    """Particles of one class; all fields have the same length."""

    tiles: NDArray[np.uint8]  # (N, 64, 64)
    shapes: pd.DataFrame  # columns of SHAPE_COLUMNS, missing where not measurable
    names: list[str]


def choose_reference(class_key: str, key: str, *, label: str = "Reference") -> str | None:
    """Id of the data set of reference particles; None if no data set has this class.

    Asks only where there is a choice: the sample data first if they have the class, then the data sets of the
    workspace, generated ones last.
    """
    titles = references(class_key)
    if st.session_state.get(key) not in titles:
        st.session_state.pop(key, None)
    if len(titles) < 2:
        return next(iter(titles), None)
    return st.selectbox(
        label, list(titles), format_func=titles.__getitem__, key=key, persist_state="session", width=320
    )


def references(class_key: str) -> dict[str, str]:
    """Id -> title of each data set that has particles of this class."""
    has_samples = bool((sample_results()["given"] == class_key).to_numpy().any())
    titles = {datasets.SAMPLES: "Sample particles (simulated)"} if has_samples else {}
    with_class = [meta for meta in datasets.list_datasets() if meta["classes"].get(class_key)]
    for meta in sorted(with_class, key=lambda meta: meta["kind"] == "synthetic"):
        generated = ", generated" if meta["kind"] == "synthetic" else ""
        titles.setdefault(meta["id"], f"{truncate(meta['name'])} ({meta['classes'][class_key]:,}{generated})")
    return titles


def count_reference(dataset_id: str, class_key: str) -> int:
    """Number of particles of this class in a data set; 0 where it no longer exists."""
    if dataset_id == datasets.SAMPLES:
        return int(np.count_nonzero(sample_results()["given"].to_numpy() == class_key))
    return next((meta["classes"].get(class_key, 0) for meta in datasets.list_datasets() if meta["id"] == dataset_id), 0)


def read_reference(dataset_id: str, class_key: str) -> ReferenceTiles:
    """ReferenceTiles of one class in a data set, at most MAX_TILES unless it is the sample data."""
    if dataset_id == datasets.SAMPLES:
        results = sample_results()
        rows = np.flatnonzero(results["given"].to_numpy() == class_key)
        shapes = pd.DataFrame({column: results[column].to_numpy()[rows] for column in SHAPE_COLUMNS})
        return ReferenceTiles(sample_tiles()[rows], shapes, results["image"].to_numpy(str)[rows].tolist())
    return _read(dataset_id, class_key)


@st.cache_data(max_entries=4, show_spinner="Measuring size and shape")
def _read(dataset_id, class_key):
    dataset = datasets.open_dataset(dataset_id)
    if dataset.tiles.shape[1:] != (64, 64):
        raise LabError(
            f"The tiles of {dataset.meta['name']!r} are {dataset.tiles.shape[1]} px wide; choose one of 64 px tiles."
        )
    positions = np.flatnonzero(dataset.table["class"] == class_key)[:MAX_TILES]
    tiles = np.asarray(dataset.tiles[positions])
    return ReferenceTiles(tiles, shapes_of(tiles), list(dataset.table["image"].iloc[positions]))


def shapes_of(tiles: NDArray[np.uint8]) -> pd.DataFrame:
    """DataFrame with SHAPE_COLUMNS, one row per tile."""
    from svp_core.morphology import measure

    return pd.DataFrame([measure(tile) for tile in tiles], columns=list(SHAPE_COLUMNS)).astype(float)


def no_reference(class_key: str) -> str:
    """Message where no data set has this class."""
    return f"There is no reference: no data set has {class_name(class_key).lower()}."
