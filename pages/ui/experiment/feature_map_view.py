"""Map of real and added particles by their features; what is drawn around with the lasso is shown as a gallery."""

from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from pages.ui.components.embedding_map import PointLook, TileSheet, show_embedding_map
from pages.ui.components.gallery import encode_sheet, show_gallery, side_by_side
from svp_core.classification.filters import Region, inside_region
from svp_core.display import class_colour, class_marker, class_name, count_noun
from svp_core.experiment.design import SOURCE_TITLES
from svp_core.experiment.feature_map import FOLDS, REAL, FeatureMap
from svp_core.experiment.stored import read_distances, read_map
from svp_core.report.experiment_report import DISTANCE_HEADINGS, distance_cells

COLOUR_BY = ("Class", "Source", "Fold")
PALETTE = ("#6F7683", "#0E8AA0", "#C4622D", "#7A5BD0", "#5F7F1E", "#B5476B")  # real, or training, is grey
MARKERS = ("air_bubble", "silicone_oil", "protein", "glass_flake", "fibre", "other")  # their markers, in this order
SHOWN = 120  # tiles of a selection
SHEET_TILES = 6_000  # with more points no tile is shown on hovering


def show_feature_map(folder: Path, class_keys: tuple[str, ...], job_id: str) -> None:
    """The map with its lasso, and the distances of the sets."""
    drawn = _map(str(folder))
    if drawn is None:
        st.caption("This experiment has no map; the preset Feature forest makes one.")
        return
    with st.container(horizontal=True, gap="medium"):
        method = st.segmented_control(
            "Map", (drawn.method, "PCA"), default=drawn.method, required=True, key="experiment_map_method"
        )
        colour = st.segmented_control(
            "Colour by", COLOUR_BY, default="Class", required=True, key="experiment_map_colour"
        )
    plane = drawn.pca if method == "PCA" else drawn.neighbours
    codes, looks = _looks(drawn, colour, class_keys)
    key = f"experiment_map_{method}"
    outline: Region | None = st.session_state.get(f"{key}_outline")
    show_embedding_map(
        f"{job_id}/{method}",
        plane,
        codes,
        np.zeros(len(codes), bool),
        looks,
        key=key,
        alt="Map of real and added particles; on UMAP and t-SNE nearby ones look alike",
        method=method,
        sheet=_sheet(str(folder), job_id),
        outline=outline,
        on_outline=lambda region: st.session_state.update({f"{key}_outline": region}),
    )
    st.caption(
        "Draw around particles with the lasso to see them. PCA keeps distances; on the other map only neighbourhoods "
        "count."
    )
    if outline is not None:
        _show_selection(drawn, inside_region({"x": plane[:, 0], "y": plane[:, 1]}, outline), class_keys, colour)
    _show_distances(folder)


def _show_selection(drawn: FeatureMap, inside: NDArray[np.bool_], class_keys: tuple[str, ...], colour: str) -> None:
    """The selected particles, each with what the map is coloured by."""
    rows = np.flatnonzero(inside)
    st.markdown(f"**{count_noun(len(rows), 'particle')} selected**" + (f", {SHOWN} shown" if len(rows) > SHOWN else ""))
    rows = rows[:SHOWN]
    keys = [class_name(class_keys[drawn.labels[row]]) for row in rows]
    sources = [_source_title(drawn.sources[drawn.source[row]]) for row in rows]
    folds = [FOLDS[drawn.fold[row]] for row in rows]
    words = [list(row) for row in zip(keys, sources, folds, strict=True)]
    captions = {"Class": keys, "Source": sources, "Fold": folds}[colour]
    show_gallery(
        drawn.tiles[rows], key="experiment_map_tiles", alt="Selected particles", words=words, captions=captions
    )


def _show_distances(folder: Path) -> None:
    distances = read_distances(folder)
    if distances:
        st.markdown("**How far what was added is from held-out real tiles**")
        rows = [distance_cells(one) for one in distances]
        st.dataframe(pd.DataFrame(rows, columns=list(DISTANCE_HEADINGS)), hide_index=True, key="experiment_distances")
        st.caption(
            "Real to real: 95 % of the distances between two halves of the real tiles, at the same number of tiles."
        )


def _looks(drawn: FeatureMap, colour: str, class_keys: tuple[str, ...]) -> tuple[NDArray[np.uint8], list[PointLook]]:
    """(index of each point's look, the looks)."""
    if colour == "Class":
        counts = np.bincount(drawn.labels, minlength=len(class_keys))
        looks = [
            PointLook(class_name(key), class_colour(key), class_marker(key), False, int(n))
            for key, n in zip(class_keys, counts, strict=True)
        ]
        return drawn.labels.astype(np.uint8), looks
    own, names = (
        (drawn.source, [_source_title(one) for one in drawn.sources]) if colour == "Source" else (drawn.fold, FOLDS)
    )
    counts = np.bincount(own, minlength=len(names))
    looks = [
        PointLook(name, PALETTE[k % len(PALETTE)], class_marker(MARKERS[k % len(MARKERS)]), False, int(counts[k]))
        for k, name in enumerate(names)
    ]
    return own.astype(np.uint8), looks


def _source_title(source: str) -> str:
    return "Real" if source == REAL else SOURCE_TITLES[source][:1].upper() + SOURCE_TITLES[source][1:]


@st.cache_resource(max_entries=2, show_spinner=False)
def _map(folder: str) -> FeatureMap | None:
    return read_map(Path(folder))


@st.cache_resource(max_entries=2, show_spinner=False)
def _sheet(folder: str, job_id: str) -> TileSheet | None:
    drawn = _map(folder)
    if drawn is None or len(drawn.tiles) > SHEET_TILES:
        return None
    columns = int(np.ceil(np.sqrt(len(drawn.tiles))))
    return TileSheet(f"{job_id}/map", encode_sheet(side_by_side(drawn.tiles, columns)), columns, drawn.tiles.shape[1])
