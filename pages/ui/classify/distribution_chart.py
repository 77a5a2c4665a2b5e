"""Chart of the distribution of a measure in several samples.

The figure is a plain dict, as plotly reads it: redrawing it with a slider is several times faster than with plotly's
classes.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pages.ui.components.histograms import bin_edges, bin_index

_EMPTY_TRACE = {"type": "scatter", "x": [], "y": [], "showlegend": False}  # a figure needs one
# Distinct from the colours of the classes; each at least 3:1 on both backgrounds.
SAMPLE_COLOURS = ("#0E8AA0", "#C4622D", "#5F7F1E", "#B5476B")
SAMPLE_DASHES = ("solid", "dash", "dot", "dashdot")


def draw_distributions(samples: Mapping[str, NDArray[np.float64]], axis_title: str) -> dict[str, Any]:
    """Figure of the distribution in each sample, in percent of its particles.

    samples: name -> values, NaN where there is none. axis_title: of the measure.
    """
    values = {name: column[np.isfinite(column)] for name, column in samples.items()}
    pooled = np.concatenate(list(values.values())) if values else np.zeros(0)
    traces = []
    if len(pooled):
        edges = bin_edges(pooled)
        styles = zip(SAMPLE_COLOURS, SAMPLE_DASHES, strict=True)
        for (name, column), (colour, dash) in zip(values.items(), styles, strict=False):
            counts = np.bincount(bin_index(column, edges), minlength=len(edges) - 1)
            traces.append(
                {
                    "type": "scatter",
                    "mode": "lines",
                    "x": np.repeat(edges, 2)[1:-1],
                    "y": np.repeat(100 * counts / max(len(column), 1), 2),
                    "line": {"color": colour, "width": 2, "dash": dash},
                    "name": f"{name} (n = {len(column):,})",
                    "hovertemplate": "%{x:.3g}: %{y:.1f} %",
                }
            )
    return {
        "data": traces or [_EMPTY_TRACE],
        "layout": {
            "height": 280,
            "margin": {"t": 40, "b": 44, "l": 8, "r": 8},
            "showlegend": True,
            "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
            "xaxis": {"title": {"text": axis_title}},
            "yaxis": {"title": {"text": "Share of particles (%)"}, "rangemode": "tozero"},
        },
    }
