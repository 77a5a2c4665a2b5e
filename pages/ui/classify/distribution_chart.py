"""How a measure is distributed in several samples, side by side.

The figure is a plain dict, as plotly reads it: a slider that redraws it is several times faster than with its classes.
"""

import numpy as np

from pages.ui.classify.results_data import measure_name, numeric_column
from pages.ui.components.histograms import edges_of, positions_in

_NOTHING = {"type": "scatter", "x": [], "y": [], "showlegend": False}  # a figure has to have something
# Of samples side by side, apart from the classes' colours; each at least 3:1 on both backgrounds.
SAMPLE_COLOURS = ("#0E8AA0", "#C4622D", "#5F7F1E", "#B5476B")
SAMPLE_DASHES = ("solid", "dash", "dot", "dashdot")


def draw_distributions(samples, name):
    """How a measure is distributed in several samples, in percent of each.

    samples: what a sample is called -> (Classified, its shown particles as bool (N,)).
    """
    values = {title: numeric_column(found, name)[shown] for title, (found, shown) in samples.items()}
    values = {title: found[np.isfinite(found)] for title, found in values.items()}
    together = np.concatenate(list(values.values())) if values else np.zeros(0)
    traces = []
    if len(together):
        edges = edges_of(together)
        for (title, found), colour, dash in zip(values.items(), SAMPLE_COLOURS, SAMPLE_DASHES, strict=False):
            counts = np.bincount(positions_in(found, edges), minlength=len(edges) - 1)
            share = 100 * counts / max(len(found), 1)
            traces.append(
                {
                    "type": "scatter",
                    "mode": "lines",
                    "x": np.repeat(edges, 2)[1:-1],
                    "y": np.repeat(share, 2),
                    "line": {"color": colour, "width": 2, "dash": dash},
                    "name": f"{title} (n = {len(found):,})",
                    "hovertemplate": "%{x:.3g}: %{y:.1f} %",
                }
            )
    return {
        "data": traces or [_NOTHING],
        "layout": {
            "height": 280,
            "margin": {"t": 40, "b": 44, "l": 8, "r": 8},
            "showlegend": True,
            "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
            "xaxis": {"title": {"text": measure_name(name)}},
            "yaxis": {"title": {"text": "Share of particles (%)"}, "rangemode": "tozero"},
        },
    }
