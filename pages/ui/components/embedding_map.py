"""A map of particles on which similar ones lie near each other, drawn by the browser; hovering shows the particle.

What is drawn around with the lasso or the box comes back in the map's own coordinates, never as a list of points.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from pages.ui.components.column_cache import packed, send_column
from pages.ui.components.image_cache import send_image
from pages.ui.components.register import register_component
from svp_core.classification.filters import Region

DIMMED, NOT_DRAWN = 128, 255  # in the code of a point; the browser's half knows both
MIN_CORNERS = 3
SUSPECT = "Suspect"  # name of the rings in the legend

_mount = register_component(
    "svp_embedding_map",
    __file__,
    after=(
        "lib/decode_base64.js",
        "lib/shared_cache.js",
        "lib/plot_axes.js",
        "lib/scatter_points.js",
        "lib/tile_sheet.js",
        "lib/map_legend.js",
    ),
)


@dataclass(frozen=True)
class PointLook:
    """How the points of one label are drawn and named."""

    name: str
    colour: str
    marker: str  # SVG path from its middle, about 7 units wide
    hollow: bool
    count: int


@dataclass(frozen=True)
class TileSheet:
    """One JPEG with the tile of every point, in the points' order."""

    name: str
    jpeg: str  # base64 text
    columns: int
    px: int  # side of a tile


def show_embedding_map(
    name: str,
    map_xy: NDArray[np.floating[Any]],
    codes: NDArray[np.uint8],
    suspects: NDArray[np.bool_],
    looks: Sequence[PointLook],
    *,
    key: str,
    alt: str,
    method: str = "t-SNE",
    sheet: TileSheet | None = None,
    outline: Region | None = None,
    on_outline: Callable[[Region | None], None] | None = None,
) -> None:
    """Draw the map. map_xy: (N, 2), the same under the same name. codes: (N,), index in looks, DIMMED or NOT_DRAWN.

    suspects: (N,), ringed. method: what has made the map, for its axes. sheet: tiles shown on hovering. outline: drawn
    around, in the map's coordinates; on_outline is called with a new one, or with None when it is removed.
    """
    columns = {f"{name}/map_x": map_xy[:, 0], f"{name}/map_y": map_xy[:, 1]}

    def changed() -> None:
        drawn = st.session_state[key]["outline"]
        if drawn is not None and on_outline:
            on_outline(_region(drawn))

    is_drawn = codes != NOT_DRAWN
    x, y = columns
    # What sends the columns takes no room between the map and what follows.
    with st.container(gap=None):
        _mount(
            key=key,
            data={
                "x": x,
                "y": y,
                "codes": packed(codes, "u1"),
                "suspects": packed(suspects, "u1"),
                "suspect_name": SUSPECT,
                "suspect_count": int((suspects & is_drawn).sum()),
                "looks": [asdict(look) for look in looks],
                "sheet": sheet and {"name": sheet.name, "columns": sheet.columns, "px": sheet.px},
                "outline": outline and {"xs": list(outline.xs), "ys": list(outline.ys)},
                "selectable": on_outline is not None,
                "axes": [f"{method} 1", f"{method} 2"],
                "alt": alt,
            },
            on_outline_change=changed,
        )
        for column, values in columns.items():
            send_column(column, values, key=f"{key}_{column}".replace("/", "_"))
        if sheet:
            send_image(sheet.name, sheet.jpeg, key=f"{key}_sheet", pinned=True)


def _region(drawn: dict[str, Any]) -> Region | None:
    """Region of what a browser has sent, {"xs", "ys": corners}; None without an inside."""
    xs, ys = (tuple(map(float, drawn[side])) for side in ("xs", "ys"))
    is_valid = MIN_CORNERS <= len(xs) == len(ys) and bool(np.isfinite([xs, ys]).all())
    return Region("x", "y", xs, ys) if is_valid else None
