"""Sizes and shapes of the shown particles, linked: what is drawn round in a plot is what is shown everywhere."""

from dataclasses import replace

import numpy as np
import streamlit as st

from pages.ui.classify.class_galleries import draw
from pages.ui.classify.filters import apply_filter, set_range, set_region
from pages.ui.classify.results_data import measure_columns, measure_name, numeric_column, size_columns
from pages.ui.classify.thresholds import labels_in_order
from pages.ui.components.histograms import edges_of, panel_of, positions_in, show_histograms, stacked
from pages.ui.components.scattergram import Axis, codes_of, show_scattergram

HISTOGRAMS = 3
BELOW = 60  # tiles shown under the plots


def show_plots(found, labels, shown, chosen):
    """Scattergram, histograms and the particles that are left.

    labels: str (N,). shown: bool (N,), what the Filter `chosen` lets through.
    """
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        x, y = _choose_axes(found)
        log = st.toggle("Logarithmic x", key=f"{found.job_id}_log", persist_state="session")
    _scattergram(found, labels, shown, chosen, x, y, log)
    wanted = dict.fromkeys((x, y, "circularity", "aspect_ratio", "confidence"))  # each once
    _histograms(found, labels, shown, chosen, list(wanted)[:HISTOGRAMS])
    positions = np.flatnonzero(shown)
    st.markdown(f"**Shown** · {len(positions):,}")
    draw(found, labels, positions[:BELOW], "tiles_plots")
    if len(positions) > BELOW:
        st.caption(f"The first {BELOW}; the gallery has all.")


def _choose_axes(found):
    options = measure_columns(found)
    first = size_columns(found)[0] if size_columns(found) else options[0]
    second = "aspect_ratio" if "aspect_ratio" in options else options[-1]
    chosen = []
    for axis, name in (("x", first), ("y", second)):
        chosen.append(
            st.selectbox(
                "Across" if axis == "x" else "Up",
                options,
                index=options.index(name),
                format_func=measure_name,
                key=f"{found.job_id}_{axis}",
                persist_state="session",
                width=240,
            )
        )
    return chosen


def _scattergram(found, labels, shown, chosen, x, y, log):
    """What is left out by what was drawn stays to be seen, faintly."""
    region, order = chosen.region, labels_in_order(found.class_keys)
    around = apply_filter(found, labels, replace(chosen, region=None)) if region else shown
    show_scattergram(
        _axis(found, x),
        _axis(found, y),
        codes_of(labels, order, around, shown),
        order,
        log=log,
        key=f"scattergram_{found.job_id}",
        alt=f"{measure_name(y)} over {measure_name(x)}",
        outline=region if region and (region.x, region.y) == (x, y) else None,
        drawn=lambda region: set_region(found, region),
    )
    across, up = numeric_column(found, x), numeric_column(found, y)
    without = int(np.count_nonzero(around & ~(np.isfinite(across) & np.isfinite(up) & ((across > 0) | (not log)))))
    if without:
        why = "no value of these, or none above 0 where the axis is logarithmic" if log else "no value of these"
        st.caption(f"Not drawn: {without:,} with {why}.")


def _axis(found, name):
    return Axis(name, measure_name(name), f"{found.job_id}/{found.changed}/{name}", numeric_column(found, name))


def _histograms(found, labels, shown, chosen, names):
    """By class the shown particles, in outline all."""
    groups = {label: shown & (labels == label) for label in labels_in_order(found.class_keys)}

    def panel(name):
        edges, places, everything = _bars(f"{found.job_id}/{found.changed}/{name}", numeric_column(found, name))
        there = bool(everything.any())
        return panel_of(
            name,
            edges,
            stacked(places, groups, len(everything)),
            everything=everything if there else None,
            words=measure_name(name) if there else f"{measure_name(name)}: no values",
            ends=chosen.ranges.get(name),
            last_is_open=True,
        )

    def brushed(name, low, high):
        set_range(found, name, *(None if end is None else float(f"{end:.3g}") for end in (low, high)))

    show_histograms(
        [panel(name) for name in names],
        key=f"histograms_{found.job_id}",
        brushed=brushed,
        alt=f"Distributions of {', '.join(map(measure_name, names))}",
    )


@st.cache_resource(max_entries=50, show_spinner=False)
def _bars(column, _values):
    """(edges, the bar of each value, how many stand in each) of a column, which its name tells."""
    edges = edges_of(_values)
    places = positions_in(_values, edges)
    return edges, places, np.bincount(places[places >= 0], minlength=len(edges) - 1)
