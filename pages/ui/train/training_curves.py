"""Charts of a training: denoising error, KID to held-out tiles, copy test."""

from collections.abc import Sequence
from typing import Any

from plotly.graph_objects import Figure
from plotly.subplots import make_subplots

from pages.ui.shared.chart_style import REFERENCE
from svp_core.display import class_name
from svp_core.particle_classes import class_by_key
from svp_core.training.training_log import error_of

JUDGED = "#1B93AB"  # none of the product's classes; training and held-out tiles differ by line and marker
DASHES = ("solid", "dash", "dot", "dashdot")  # a lab's own classes may share a colour
LEGEND_COLUMNS = 6  # names side by side in a narrow window
TITLES = ("Denoising error", "KID to held-out tiles", "CT Z (copy test)")


def draw_curves(
    rows: Sequence[dict[str, Any]], checks: Sequence[dict[str, Any]], class_keys: Sequence[str], band: str | None = None
) -> Figure:
    """Three panels over the steps. rows: history rows with a loss; checks: those with figures by class.

    band: key of the noise band whose errors are drawn; None for all levels, with the errors of the batches.
    """
    figure = make_subplots(1, 3, subplot_titles=TITLES, horizontal_spacing=0.08)
    if band is None:
        losses = [row["loss"] for row in rows]
        _line(figure, 1, [row["step"] for row in rows], losses, "Batches", REFERENCE, mode="lines")
    steps = [check["step"] for check in checks]
    for part, name, symbol, dash in (
        ("training", "Training tiles", "circle", "solid"),
        ("held_out", "Held-out tiles", "circle-open", "dash"),
    ):
        _line(figure, 1, steps, [error_of(check, part, band) for check in checks], name, JUDGED, symbol, dash)
    kinds = [class_by_key(key) for key in class_keys]
    for index, (key, kind) in enumerate(zip(class_keys, kinds, strict=True)):
        results = [check["classes"][key] for check in checks]
        same_colour = sum(earlier.colour == kind.colour for earlier in kinds[:index])
        style = class_name(key), kind.colour, kind.symbol, DASHES[same_colour % len(DASHES)]
        value, low, high = ([figures["kid"][k] for figures in results] for k in range(3))
        spread = {
            "type": "data",
            "symmetric": False,
            "thickness": 1,
            "array": [upper - middle for upper, middle in zip(high, value, strict=True)],
            "arrayminus": [middle - lower for middle, lower in zip(value, low, strict=True)],
        }
        _line(figure, 2, steps, value, *style, error_y=spread)
        _line(figure, 3, steps, [figures["ct_z"] for figures in results], *style, showlegend=False)
    line = {"line_dash": "dot", "line_color": REFERENCE, "line_width": 2}
    figure.add_hline(y=-2, **line, row=1, col=3)  # pyright: ignore[reportArgumentType]  plotly takes numbers here
    last = max([1, *steps, *(row["step"] for row in rows)])
    figure.update_xaxes(title_text="Step", range=[-0.04 * last, 1.04 * last], nticks=5, zeroline=False)
    figure.update_yaxes(rangemode="tozero", col=1)
    height = 300 + 22 * ((len(kinds) + 2) // LEGEND_COLUMNS)
    figure.update_layout(height=height, margin={"t": 64, "b": 40, "l": 8, "r": 8}, hovermode="x")
    figure.update_layout(legend={"orientation": "h", "y": 1.16, "x": 0, "yanchor": "bottom"})
    figure.update_annotations(font_size=13)
    return figure


def _line(figure, column, x, y, name, colour, symbol="circle", dash="solid", **more):
    figure.add_scatter(
        x=x,
        y=y,
        name=name,
        row=1,
        col=column,
        line={"color": colour, "width": 2, "dash": dash},
        marker={"color": colour, "symbol": symbol, "size": 7},
        hovertemplate="%{y:.3g}",
        **{"mode": "lines+markers", "legendgroup": name, **more},
    )
