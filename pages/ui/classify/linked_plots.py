"""Linked plots of sizes and shapes: a selection in one of them filters all views."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from pages.ui.classify.class_galleries import draw_tiles
from pages.ui.classify.filters import Filter, apply_filter
from pages.ui.classify.job_state import JobState
from pages.ui.classify.results_data import (
    cache_name,
    measure_columns,
    measure_name,
    numeric_column,
    size_columns,
)
from pages.ui.classify.thresholds import all_labels
from pages.ui.components.histograms import bin_edges, bin_index, counts_by_group, histogram_panel, show_histograms
from pages.ui.components.scattergram import MAX_POINTS, Axis, point_codes, show_scattergram
from svp_core.classification.results import ClassificationResults

HISTOGRAMS = 3
TILES = 60  # below the plots


def show_plots(
    results: ClassificationResults, labels: NDArray[np.str_], shown: NDArray[np.bool_], active: Filter
) -> None:
    """Draw scattergram, histograms and the particles that pass the filter.

    labels: (N,), as assigned. shown: mask (N,) of the particles that pass the Filter `active`.
    """
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        x, y = _choose_axes(results)
        log = st.toggle("Logarithmic x axis", key=JobState(results.job_id).key("log"), persist_state="session")
    _show_scattergram(results, labels, shown, active, x, y, log)
    measures = list(dict.fromkeys((x, y, "circularity", "aspect_ratio", "confidence")))  # each once
    _show_histograms(results, labels, shown, active, measures[:HISTOGRAMS])
    positions = np.flatnonzero(shown)
    st.markdown(f"**Filtered particles** · {len(positions):,}")
    draw_tiles(results, labels, positions[:TILES], "tiles_plots")
    if len(positions) > TILES:
        st.caption(f"The first {TILES}; the gallery has all.")


def _choose_axes(results):
    options = measure_columns(results)
    first = size_columns(results)[0] if size_columns(results) else options[0]
    second = "aspect_ratio" if "aspect_ratio" in options else options[-1]
    return [
        st.selectbox(
            f"{axis.upper()} axis",
            options,
            index=options.index(default),
            format_func=measure_name,
            key=JobState(results.job_id).key(axis),
            persist_state="session",
            width=240,
        )
        for axis, default in (("x", first), ("y", second))
    ]


def _show_scattergram(results, labels, shown, active, x, y, log):
    """Points outside of the selection in this plot stay visible, faintly."""
    region, order = active.region, all_labels(results)
    drawn = apply_filter(results, labels, replace(active, region=None)) if region else shown
    show_scattergram(
        _axis(results, x),
        _axis(results, y),
        point_codes(labels, order, drawn, shown),
        order,
        log=log,
        key=f"scattergram_{results.job_id}",
        alt=f"{measure_name(y)} against {measure_name(x)}",
        selection=region if region and (region.x, region.y) == (x, y) else None,
        on_select=JobState(results.job_id).set_region,
    )
    across, up = numeric_column(results, x), numeric_column(results, y)
    missing = int(np.count_nonzero(drawn & ~(np.isfinite(across) & np.isfinite(up) & ((across > 0) | (not log)))))
    if np.count_nonzero(drawn) > MAX_POINTS:
        st.caption("Shown by density: the number of particles in each cell, from light to dark. Selections are exact.")
    if missing:
        reason = "no value, or none above 0 on a logarithmic axis" if log else "no value"
        st.caption(f"{missing:,} not drawn: {reason}.")


def _axis(results, name):
    return Axis(name, measure_name(name), cache_name(results, name), numeric_column(results, name))


def _show_histograms(results, labels, shown, active, names: Sequence[str]):
    """Filtered particles by class; all particles as an outline."""
    groups = {label: shown & (labels == label) for label in all_labels(results)}

    def panel(name):
        edges, index, unfiltered = _bins(cache_name(results, name), numeric_column(results, name))
        has_values = bool(unfiltered.any())
        return histogram_panel(
            name,
            edges,
            counts_by_group(index, groups, len(unfiltered)),
            unfiltered=unfiltered if has_values else None,
            title=measure_name(name) if has_values else f"{measure_name(name)}: no values",
            selected=active.ranges.get(name),
            last_is_open=True,
        )

    def on_range(name, low, high):
        ends = (None if end is None else float(f"{end:.3g}") for end in (low, high))
        JobState(results.job_id).set_range(name, *ends)

    show_histograms(
        [panel(name) for name in names],
        key=f"histograms_{results.job_id}",
        on_range=on_range,
        alt=f"Distributions of {', '.join(map(measure_name, names))}",
    )


@st.cache_resource(max_entries=50, show_spinner=False)
def _bins(column, _values):
    """(edges, bar of each value, counts of all) of the column with this cache_name()."""
    edges = bin_edges(_values)
    index = bin_index(_values, edges)
    return edges, index, np.bincount(index[index >= 0], minlength=len(edges) - 1)
