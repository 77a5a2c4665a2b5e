"""Charts of generated against reference particles: size and shape, power spectra."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from plotly.graph_objects import Figure
from plotly.subplots import make_subplots

from pages.ui.shared.chart_style import REFERENCE
from svp_core.particle_classes import class_by_key

SIDE_COLOURS = ("#0E8AA0", "#C4622D")  # of two models; at least 4:1 on light and dark backgrounds
SHAPE_COLUMNS = {"ecd_px": "Equivalent diameter (px)", "aspect_ratio": "Aspect ratio", "circularity": "Circularity"}


def draw_distributions(generated: pd.DataFrame, reference: pd.DataFrame, class_key: str) -> Figure:
    """Three histograms of size and shape: generated particles filled, reference particles as an outline.

    generated, reference: with the columns of SHAPE_COLUMNS; what could not be measured is left out, and n shows it.
    """
    return _draw_shapes(
        ("Generated", generated, class_by_key(class_key).colour), [("Reference", reference, REFERENCE, None)]
    )


def draw_compared(sides: Mapping[str, pd.DataFrame], reference: pd.DataFrame) -> Figure:
    """Three histograms of size and shape: reference filled, two models as outlines, the second dashed.

    sides: name -> DataFrame with the columns of SHAPE_COLUMNS. reference: such a DataFrame.
    """
    styles = zip(sides.items(), SIDE_COLOURS, (None, "dash"), strict=True)
    outlines = [(name, table, colour, dash) for (name, table), colour, dash in styles]
    return _draw_shapes(("Reference", reference, REFERENCE), outlines)


def draw_spectra(sides: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Power spectra: the reference, and two models, the second dashed.

    sides: name -> {"cycles_per_px", "real", "synthetic"}, the last two in dB, as in a quality report.
    """
    figure = make_subplots()
    first = next(iter(sides.values()))
    styles = zip(sides.items(), SIDE_COLOURS, (None, "dash"), strict=True)
    lines = [("Reference", first["cycles_per_px"], first["real"], {"color": REFERENCE, "width": 4})]
    lines += [
        (name, spectrum["cycles_per_px"], spectrum["synthetic"], {"color": colour, "width": 2, "dash": dash})
        for (name, spectrum), colour, dash in styles
    ]
    for name, frequency, power, line in lines:
        figure.add_scatter(
            x=frequency, y=power, mode="lines", name=name, line=line, hovertemplate="%{x:.3f} per px: %{y:.1f} dB"
        )
    figure.update_xaxes(title_text="Cycles per pixel (fine structure at the right)")
    figure.update_yaxes(title_text="Power (dB)")
    figure.update_layout(height=280, margin={"t": 40, "b": 24, "l": 8, "r": 8})
    figure.update_layout(legend={"orientation": "h", "y": 1.2, "x": 0, "yanchor": "top"})
    return figure


def _draw_shapes(
    filled: tuple[str, pd.DataFrame, str], outlines: Sequence[tuple[str, pd.DataFrame, str, str | None]], bins: int = 24
) -> Figure:
    """filled: (name, table, colour); outlines: (name, table, colour, dash)."""
    figure = make_subplots(1, 3, subplot_titles=list(SHAPE_COLUMNS.values()), horizontal_spacing=0.07)
    for position, column in enumerate(SHAPE_COLUMNS, 1):
        sets = [(name, table[column].dropna().to_numpy(float), *style) for name, table, *style in (filled, *outlines)]
        if not all(len(values) for _, values, *_ in sets):
            continue
        edges = np.histogram_bin_edges(np.concatenate([values for _, values, *_ in sets]), bins)
        for name, values, colour, *dash in sets:
            share = 100 * np.histogram(values, edges)[0] / len(values)
            options = {"name": f"{name} (n = {len(values):,})", "legendgroup": name, "showlegend": position == 1}
            options |= {"hovertemplate": "%{x:.2f}: %{y:.1f} %", "row": 1, "col": position}
            if dash:
                line = {"shape": "hv", "color": colour, "width": 2, "dash": dash[0]}
                x, y = np.concatenate([edges[:1], edges]), np.concatenate([[0], share, [0]])
                figure.add_scatter(x=x, y=y, mode="lines", line=line, **options)
            else:
                figure.add_bar(
                    x=(edges[1:] + edges[:-1]) / 2,
                    y=share,
                    width=np.diff(edges),
                    marker_color=colour,
                    opacity=0.6,
                    marker_line_width=0,
                    **options,
                )
    figure.update_yaxes(title_text="Share of particles (%)", col=1, rangemode="tozero")
    figure.update_layout(height=270, bargap=0, margin={"t": 56, "b": 24, "l": 8, "r": 8})
    figure.update_layout(legend={"orientation": "h", "y": 1.32, "x": 0, "yanchor": "top"})
    figure.update_annotations(font_size=13)
    return figure
