"""Histograms beside or below each other, stacked by class, drawn by the browser so that they follow a slider.

A panel is a dict as panel_of makes it.
"""

import numpy as np
import streamlit as st

from pages.ui.components.register import register_component
from svp_core import display
from svp_core.stats.counts import UNSURE

BINS = 30

_mount = register_component("svp_histograms", __file__, after=("lib/plot_axes.js",))


def show_histograms(panels, *, key, alt, across=3, height=230, brushed=None):
    """Draw the panels, so many side by side where there is room, else below each other.

    height: of each, in px; a little less without words under it. brushed(name, low, high): called when a range is drawn
    across the panel of this name, an end that is open is None; both are when it is taken away. Without it no range can
    be drawn.
    """

    def changed():
        told = st.session_state[key]["range"]
        if told and told["name"] in {panel["name"] for panel in panels}:
            brushed(told["name"], *(None if end is None else float(end) for end in (told["low"], told["high"])))

    data = {
        "panels": panels,
        "across": across,
        "height": height,
        "alt": alt,
        "brushed": brushed is not None,
        "outline": display.class_colour(UNSURE),
    }
    _mount(key=key, data=data, on_range_change=changed)


def panel_of(name, edges, counts, *, words=None, title=None, everything=None, ends=None, mark=None, last_is_open=False):
    """A panel. edges: float (B + 1,). counts: label -> int (B,), stacked in this order.

    words: under it. title: above it. everything: int (B,), drawn in outline. ends: the (low, high) that is asked for.
    mark: a value with a line. last_is_open: the last bar holds what is larger, too.
    """
    return {
        "name": name,
        "words": words,
        "title": title,
        "edges": [float(f"{edge:.7g}") for edge in edges],
        "groups": [
            {
                "name": display.class_name(label),
                "colour": display.class_colour(label),
                "counts": np.asarray(bars).tolist(),
            }
            for label, bars in counts.items()
        ],
        "all": None if everything is None else np.asarray(everything).tolist(),
        "range": ends and list(ends),
        "mark": mark,
        "open": bool(last_is_open),
    }


def edges_of(values, bins=BINS):
    """float (bins + 1,) over these values, nan left out; (0, 1) where there is none.

    The few largest would push all others into one bar: the last one ends at the 99th percentile and holds them, too.
    """
    values = values[np.isfinite(values)]
    low, high = np.quantile(values, (0, 0.99)) if len(values) else (0.0, 1.0)
    return np.linspace(low, high if high > low else low + 1, bins + 1)


def positions_in(values, edges):
    """int (N,): the bar in which each value stands, the last one for what is larger than all; -1 for nan."""
    places = np.clip(np.searchsorted(edges, values, "right") - 1, 0, len(edges) - 2)
    return np.where(np.isfinite(values), places, -1)


def stacked(places, groups, bins):
    """label -> int (bins,): how many of each group stand in each bar; groups without any are left out.

    places: int (N,), as from places_in. groups: label -> bool (N,).
    """
    found = {label: places[group] for label, group in groups.items()}
    counts = {label: np.bincount(these[these >= 0], minlength=bins) for label, these in found.items()}
    return {label: bars for label, bars in counts.items() if bars.any()}
