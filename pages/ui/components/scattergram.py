"""A scattergram: one measure over another, a point a particle, drawn by the browser so that it follows a slider.

What is drawn round by hand or as a box comes back in the measures' own units, never as a list of points.
"""

from dataclasses import dataclass

import numpy as np
import streamlit as st

from pages.ui.components.column_cache import packed, send_column
from pages.ui.components.register import register_component
from svp_core import display
from svp_core.classification.filters import Region
from svp_core.stats.counts import UNSURE

LEFT_OUT, NOT_DRAWN = 128, 255  # in the code of a point; the browser's half knows both
LEAST_CORNERS = 3

_mount = register_component(
    "svp_scattergram",
    __file__,
    after=("lib/decode_base64.js", "lib/shared_cache.js", "lib/plot_axes.js", "lib/scatter_points.js"),
)


@dataclass(frozen=True, eq=False)
class Axis:
    """A measure along an axis."""

    name: str  # its column
    words: str  # with its unit
    column: str  # under which its values are sent: other values have another one
    values: np.ndarray  # float (N,)


def show_scattergram(across, up, codes, order, *, key, alt, drawn, log=False, outline=None):
    """Draw it, all points; those without a value, or on a logarithmic axis without one above 0, have no place.

    across, up: Axis. codes: uint8 (N,), as from codes_of. order: the labels that these stand for, at most 127. alt:
    what is seen, for those who hear it. log: the axis across. outline: the Region that was drawn, where it lies in this
    plane. drawn(Region or None) is called when something else is drawn round, or no more.
    """

    def changed():
        told = st.session_state[key]["outline"]
        if told and (told["x"], told["y"]) == (across.name, up.name):
            drawn(region_of(told))

    # What sends the columns takes no room between this and what follows.
    with st.container(gap=None):
        _mount(
            key=key,
            data={
                "across": _side(across),
                "up": _side(up),
                "log": bool(log),
                "alt": alt,
                "codes": packed(codes, "u1"),
                "looks": [_look(label) for label in order],
                "outline": outline and {"xs": list(outline.xs), "ys": list(outline.ys)},
                "narrowed": bool((codes[codes != NOT_DRAWN] >= LEFT_OUT).any()),
            },
            on_outline_change=changed,
        )
        for axis in {across.column: across, up.column: up}.values():
            send_column(axis.column, axis.values, key=f"{key}_{axis.column}".replace("/", "_"))


def codes_of(labels, order, around, shown):
    """uint8 (N,): the place in `order` of each particle's label, and LEFT_OUT or NOT_DRAWN.

    around: bool (N,), those drawn. shown: bool (N,), those of them that are not left out by what is drawn round.
    """
    codes = np.full(len(labels), NOT_DRAWN, np.uint8)
    for place, label in enumerate(order):
        codes[labels == label] = place
    codes[~shown] |= LEFT_OUT
    codes[~around] = NOT_DRAWN
    return codes


def region_of(told):
    """The Region of what a browser has told, {"x", "y": columns, "xs", "ys": corners}; None of what has no inside."""
    xs, ys = (tuple(map(float, told[side])) for side in ("xs", "ys"))
    fits = LEAST_CORNERS <= len(xs) == len(ys) and bool(np.isfinite([xs, ys]).all())
    return Region(told["x"], told["y"], xs, ys) if fits else None


def _side(axis):
    return {"name": axis.name, "words": axis.words, "column": axis.column}


def _look(label):
    return {
        "name": display.class_name(label),
        "colour": display.class_colour(label),
        "marker": display.class_marker(label),
        "hollow": label == UNSURE,
    }
