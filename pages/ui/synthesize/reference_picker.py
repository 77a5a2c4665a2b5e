"""Particles to compare with: the shipped sample particles, or a data set of the workspace."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from pages.ui.shared.chart_style import SHAPE_COLUMNS
from pages.ui.shared.sample_content import sample_results, sample_tiles
from pages.ui.shared.text import class_name, truncate
from svp_core.errors import LabError
from svp_core.workspace import datasets

MAX_TILES = 500  # tiles of a data set that are looked at and measured on a page


@dataclass(frozen=True)
class ReferenceTiles:
    """Particles of one class; the three have one length."""

    tiles: np.ndarray  # uint8 (N, 64, 64)
    shapes: pd.DataFrame  # columns of SHAPE_COLUMNS, missing where not measurable
    names: list


def choose_reference(class_key, key, *, label="Reference"):
    """Id of the data set of reference particles; None where nothing holds this class.

    Asks only where there is a choice. The sample data come first where they hold the class, then the workspace's data
    sets, made ones last.
    """
    found = references(class_key)
    if st.session_state.get(key) not in found:
        st.session_state.pop(key, None)
    if len(found) < 2:
        return next(iter(found), None)
    return st.selectbox(label, list(found), format_func=found.get, key=key, persist_state="session", width=320)


def references(class_key):
    """Id -> title of every data set that holds particles of this class."""
    found = {datasets.SAMPLES: "Sample particles (simulated)"} if (sample_results()["given"] == class_key).any() else {}
    held = [meta for meta in datasets.list_datasets() if meta["classes"].get(class_key)]
    for meta in sorted(held, key=lambda meta: meta["kind"] == "synthetic"):
        made = ", made by a generator" if meta["kind"] == "synthetic" else ""
        found.setdefault(meta["id"], f"{truncate(meta['name'])} ({meta['classes'][class_key]:,}{made})")
    return found


def read_reference(dataset_id, class_key):
    """The Reference of one class in a data set, at most MOST tiles of one that is not shipped."""
    if dataset_id == datasets.SAMPLES:
        results = sample_results()
        results = results[results["given"] == class_key]
        return ReferenceTiles(sample_tiles()[results.index], results[list(SHAPE_COLUMNS)], list(results["image"]))
    return _read(dataset_id, class_key)


@st.cache_data(max_entries=4, show_spinner="Measuring size and shape")
def _read(dataset_id, class_key):
    found = datasets.open_dataset(dataset_id)
    if found.tiles.shape[1:] != (64, 64):
        raise LabError(f"{found.meta['name']!r} holds tiles of {found.tiles.shape[1]} px; 64 px can be compared with.")
    positions = np.flatnonzero(found.table["class"] == class_key)[:MAX_TILES]
    tiles = np.asarray(found.tiles[positions])
    return ReferenceTiles(tiles, reference_shapes(tiles), list(found.table["image"].iloc[positions]))


def reference_shapes(tiles):
    """DataFrame of SHAPE_COLUMNS, a row a tile."""
    from svp_core.morphology import measure

    return pd.DataFrame([measure(tile) for tile in tiles], columns=list(SHAPE_COLUMNS)).astype(float)


def no_reference(class_key):
    """What to say where nothing holds this class."""
    return f"Nothing to compare with: no data set here holds {class_name(class_key).lower()}."
