"""A scattergram: one measure over another, one point per particle, drawn by the browser so that it follows a slider.

A lasso or box selection comes back as a polygon in the units of the measures, never as a list of points.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from pages.ui.components.column_cache import packed, send_column
from pages.ui.components.register import register_component
from svp_core import display
from svp_core.classification.density import COLUMNS, ROWS, Ends, density_of
from svp_core.classification.filters import Region
from svp_core.stats.counts import UNSURE

OUTSIDE, NOT_DRAWN = 128, 255  # codes of points outside of the selection, and of filtered ones; as scatter_points.js
MIN_CORNERS = 3
MAX_POINTS = 200_000  # drawn one by one; of more, the plane shows how many lie in each cell of a grid

_mount = register_component(
    "svp_scattergram",
    __file__,
    after=(
        "lib/decode_base64.js",
        "lib/shared_cache.js",
        "lib/plot_axes.js",
        "lib/scatter_points.js",
        "lib/density_cells.js",
        "lib/mount_plot.js",
    ),
)


@dataclass(frozen=True, eq=False)
class Axis:
    """A measure along an axis."""

    name: str  # its column
    title: str  # with its unit
    column: str  # name in the browser's cache of columns; other values need another one
    values: NDArray[np.float64]  # (N,)


def show_scattergram(
    across: Axis,
    up: Axis,
    codes: NDArray[np.uint8],
    order: Sequence[str],
    *,
    key: str,
    alt: str,
    on_select: Callable[[Region | None], None],
    log: bool = False,
    selection: Region | None = None,
) -> None:
    """Draw all points; those without a value, or not above 0 on a logarithmic axis, are left out.

    More than MAX_POINTS are counted by cell here, exactly, and drawn by their density; a closer view gets finer cells.
    Selections are polygons in either case, and just as exact.
    codes: (N,), from point_codes(). order: the labels that codes stand for, at most 127. alt: text for screen readers.
    log: logarithmic x axis. selection: the Region selected in this plane. on_select(Region, or None when cleared) is
    called when the selection changes.
    """

    def changed():
        outline = st.session_state[key]["outline"]
        if outline and (outline["x"], outline["y"]) == (across.name, up.name):
            on_select(region_of(outline))

    def moved():
        st.session_state[f"{key}_cells"] = st.session_state[key]["view"]

    many = np.count_nonzero(codes != NOT_DRAWN) > MAX_POINTS
    points = {"cells": _cells(across, up, codes, log, key)} if many else {"codes": packed(codes, "u1")}
    # Without a gap: the components that send the columns take no room between this and what follows.
    with st.container(gap=None):
        _mount(
            key=key,
            data={
                "across": _axis_data(across),
                "up": _axis_data(up),
                "log": bool(log),
                "alt": alt,
                **points,
                "looks": [_style(label) for label in order],
                "outline": selection and {"xs": list(selection.xs), "ys": list(selection.ys)},
                "narrowed": bool((codes[codes != NOT_DRAWN] >= OUTSIDE).any()),
            },
            on_outline_change=changed,
            on_view_change=moved,
        )
        if many:
            return
        for axis in {across.column: across, up.column: up}.values():
            send_column(axis.column, axis.values, key=f"{key}_{axis.column}".replace("/", "_"))


def _cells(across, up, codes, log, key):
    """Density of the drawn points in the view that the browser shows."""
    view = st.session_state.get(f"{key}_cells") or {}
    is_same = view.get("axes") == f"{across.column} {up.column} {str(bool(log)).lower()}"
    drawn = codes != NOT_DRAWN
    density = density_of(
        across.values[drawn],
        up.values[drawn],
        codes[drawn],
        log=bool(log),
        view=view_of(view.get("ends")) if is_same else None,
    )
    groups = [
        {"code": code, "total": density.totals[code], "cells": packed(cells, "<u4"), "counts": packed(number, "<u4")}
        for code, cells, number in zip(density.cells, density.cells.values(), density.counts.values(), strict=True)
    ]
    return {"columns": COLUMNS, "rows": ROWS, "full": density.full, "ends": density.ends, "groups": groups}


def view_of(ends: Sequence[float] | None) -> Ends | None:
    """Ends of a view from the browser; None where it shows everything or makes no sense."""
    if not ends or len(ends) != 4 or not np.isfinite(ends).all() or ends[0] >= ends[1] or ends[2] >= ends[3]:
        return None
    low_u, high_u, low_v, high_v = map(float, ends)
    return low_u, high_u, low_v, high_v


def point_codes(
    labels: NDArray[np.str_], order: Sequence[str], drawn: NDArray[np.bool_], selected: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """Code of each particle (N,): the index of its label in `order`, plus OUTSIDE, or NOT_DRAWN.

    drawn: (N,), particles with a point. selected: (N,), those of them inside the selection.
    """
    codes = np.full(len(labels), NOT_DRAWN, np.uint8)
    for index, label in enumerate(order):
        codes[labels == label] = index
    codes[~selected] |= OUTSIDE
    codes[~drawn] = NOT_DRAWN
    return codes


def region_of(outline: Mapping[str, Any]) -> Region | None:
    """Region of a polygon from the browser, {"x", "y": columns, "xs", "ys": corners}; None where it has no area."""
    xs, ys = (tuple(map(float, outline[side])) for side in ("xs", "ys"))
    is_polygon = MIN_CORNERS <= len(xs) == len(ys) and bool(np.isfinite([xs, ys]).all())
    return Region(outline["x"], outline["y"], xs, ys) if is_polygon else None


def _axis_data(axis):
    return {"name": axis.name, "title": axis.title, "column": axis.column}


def _style(label):
    return {
        "name": display.class_name(label),
        "colour": display.class_colour(label),
        "marker": display.class_marker(label),
        "hollow": label == UNSURE,
    }
