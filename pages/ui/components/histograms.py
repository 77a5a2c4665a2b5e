"""Histograms side by side or stacked, bars by class, drawn by the browser so that they follow a slider.

A panel is a dict made by histogram_panel().
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import ArrayLike, NDArray

from pages.ui.components.register import register_component
from svp_core import display
from svp_core.stats.counts import UNSURE

BINS = 30
COUNT_TITLE = "Particles"  # of the y axis

_mount = register_component("svp_histograms", __file__, after=("lib/plot_axes.js", "lib/mount_plot.js"))


def show_histograms(
    panels: Sequence[Mapping[str, Any]],
    *,
    key: str,
    alt: str,
    across: int = 3,
    height: int = 230,
    on_range: Callable[[str, float | None, float | None], None] | None = None,
) -> None:
    """Draw the panels, several side by side where there is room (across > 1), otherwise below each other.

    height: of one panel in px, a little less for one without an axis title. on_range(name, low, high): called when a
    range is selected in the panel of this name; an open end is None, both are when it is cleared. Without it no range
    can be selected.
    """

    def changed():
        selected = st.session_state[key]["range"]
        if on_range and selected and selected["name"] in {panel["name"] for panel in panels}:
            low, high = (None if end is None else float(end) for end in (selected["low"], selected["high"]))
            on_range(selected["name"], low, high)

    data = {
        "panels": panels,
        "across": across,
        "height": height,
        "alt": alt,
        "brushed": on_range is not None,
        "outline": display.class_colour(UNSURE),
    }
    _mount(key=key, data=data, on_range_change=changed)


def histogram_panel(
    name: str,
    edges: ArrayLike,
    counts: Mapping[str, ArrayLike],
    *,
    title: str | None = None,
    heading: str | None = None,
    unfiltered: ArrayLike | None = None,
    selected: tuple[float | None, float | None] | None = None,
    mark: float | None = None,
    last_is_open: bool = False,
) -> dict[str, Any]:
    """A panel. edges: (B + 1,). counts: label -> int (B,), stacked in this order.

    title: of the x axis. heading: above the panel. unfiltered: int (B,), drawn as an outline. selected: range of the
    filter. mark: value with a dotted line. last_is_open: the last bar contains all larger values, too.
    """
    return {
        "name": name,
        "title": title,
        "y_title": COUNT_TITLE,
        "heading": heading,
        "edges": [float(f"{edge:.7g}") for edge in np.asarray(edges, float)],
        "groups": [
            {"name": display.class_name(label), "colour": display.class_colour(label), "counts": _as_list(bars)}
            for label, bars in counts.items()
        ],
        "all": None if unfiltered is None else _as_list(unfiltered),
        "range": selected and list(selected),
        "mark": mark,
        "open": bool(last_is_open),
    }


def bin_edges(values: NDArray[np.float64], bins: int = BINS) -> NDArray[np.float64]:
    """Edges (bins + 1,) over these values, NaN left out; from 0 to 1 where there are none.

    The last bin ends at the 99th percentile and contains all larger values: a few of them would squeeze all others
    into one bar.
    """
    values = values[np.isfinite(values)]
    low, high = np.quantile(values, (0, 0.99)) if len(values) else (0.0, 1.0)
    return np.linspace(low, high if high > low else low + 1, bins + 1)


def bin_index(values: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.intp]:
    """Index of the bar of each value (N,): the last one for values above all edges, -1 for NaN."""
    index = np.clip(np.searchsorted(edges, values, "right") - 1, 0, len(edges) - 2)
    return np.where(np.isfinite(values), index, -1)


def counts_by_group(
    index: NDArray[np.intp], groups: Mapping[str, NDArray[np.bool_]], bins: int
) -> dict[str, NDArray[np.intp]]:
    """label -> counts (bins,) of each group; empty groups are left out.

    index: (N,), from bin_index(). groups: label -> mask (N,).
    """
    members = {label: index[mask] for label, mask in groups.items()}
    counts = {label: np.bincount(bars[bars >= 0], minlength=bins) for label, bars in members.items()}
    return {label: bars for label, bars in counts.items() if bars.any()}


def _as_list(values):
    return np.asarray(values).tolist()
