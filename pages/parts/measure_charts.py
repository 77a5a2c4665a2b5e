"""Charts of what was measured on classified particles: one measure over another, and how each is distributed.

Figures are plain dicts, as plotly reads them: a slider that redraws them is several times faster than with its classes.
"""

import numpy as np

from pages.parts.calls import labels_in_order
from pages.parts.classified import label_name, measure_name, numbers
from svp_core.counts import UNSURE
from svp_core.particles import class_by_key

MOST_POINTS = 20_000  # that a browser draws while it stays quick
UNSURE_COLOUR = "#7A8288"  # at least 3:1 on both backgrounds
BINS = 30
_NOTHING = {"type": "scatter", "x": [], "y": [], "showlegend": False}  # a figure has to have something
# Of samples side by side, apart from the classes' colours; each at least 3:1 on both backgrounds.
SAMPLE_COLOURS = ("#0E8AA0", "#C4622D", "#5F7F1E", "#B5476B")
SAMPLE_DASHES = ("solid", "dash", "dot", "dashdot")


def look_of(label):
    """(colour, plotly marker) of a class, or of unsure particles: hollow."""
    if label == UNSURE:
        return UNSURE_COLOUR, "circle-open"
    kind = class_by_key(label)
    return kind.colour, kind.symbol


def draw_scatter(found, labels, positions, x, y, *, log=False):
    """One point a particle, by class. positions: of the particles drawn. log: the x axis."""
    traces, kept = [], _thinned(labels, positions)
    for label in labels_in_order(found.class_keys):
        group = kept[labels[kept] == label]
        if not len(group):
            continue
        colour, symbol = look_of(label)
        traces.append({
            "type": "scattergl", "mode": "markers", "name": f"{label_name(label)} ({len(group):,})",
            "x": numbers(found, x)[group], "y": numbers(found, y)[group],
            "marker": {"color": colour, "symbol": symbol, "size": 6, "opacity": 0.75},
            "hovertemplate": "%{x:.3g}, %{y:.3g}<extra>" + label_name(label) + "</extra>",
        })  # fmt: skip
    return {"data": traces or [_NOTHING], "layout": {
        "height": 400, "dragmode": "lasso", "margin": {"t": 36, "b": 44, "l": 8, "r": 8},
        "xaxis": {"title": {"text": measure_name(x)}, "type": "log" if log else "linear"},
        "yaxis": {"title": {"text": measure_name(y)}}, "uirevision": f"{x}{y}{log}",
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    }}  # fmt: skip


def draw_histogram(found, labels, shown, name):
    """How a measure is distributed: the shown particles by class, stacked, and an outline of all of them."""
    values = numbers(found, name)
    finite = np.isfinite(values)
    if not finite.any():
        return {"data": [_NOTHING], "layout": {"height": 220, "title": {"text": f"{measure_name(name)}: no values"}}}
    # The few largest would push all others into one bar; the last bar holds them.
    low, high = np.quantile(values[finite], (0, 0.99))
    edges = np.linspace(low, high if high > low else low + 1, BINS + 1)
    middles, width = (edges[1:] + edges[:-1]) / 2, edges[1] - edges[0]
    traces = []
    for label in labels_in_order(found.class_keys):
        group = shown & finite & (labels == label)
        if group.any():
            traces.append({
                "type": "bar", "x": middles, "y": _histogram(values[group], edges), "width": width,
                "marker": {"color": look_of(label)[0], "line": {"width": 0}}, "name": label_name(label),
                "hovertemplate": "%{x:.3g}: %{y:,}<extra>" + label_name(label) + "</extra>",
            })  # fmt: skip
    everything = _histogram(values[finite], edges)
    traces.append({
        "type": "scatter", "mode": "lines", "x": np.repeat(edges, 2)[1:-1], "y": np.repeat(everything, 2),
        "line": {"color": UNSURE_COLOUR, "width": 1}, "hoverinfo": "skip", "name": "all",
    })  # fmt: skip
    return {"data": traces or [_NOTHING], "layout": {
        "height": 220, "dragmode": "select", "selectdirection": "h", "barmode": "stack", "bargap": 0,
        "showlegend": False, "margin": {"t": 12, "b": 44, "l": 8, "r": 8},
        "xaxis": {"title": {"text": measure_name(name)}}, "yaxis": {"nticks": 4, "rangemode": "tozero"},
    }}  # fmt: skip


def draw_beside(samples, name):
    """How a measure is distributed in several samples, in percent of each.

    samples: what a sample is called -> (Classified, its shown particles as bool (N,)).
    """
    values = {title: numbers(found, name)[shown] for title, (found, shown) in samples.items()}
    values = {title: found[np.isfinite(found)] for title, found in values.items()}
    together = np.concatenate(list(values.values())) if values else np.zeros(0)
    traces = []
    if len(together):
        low, high = np.quantile(together, (0, 0.99))
        edges = np.linspace(low, high if high > low else low + 1, BINS + 1)
        for (title, found), colour, dash in zip(values.items(), SAMPLE_COLOURS, SAMPLE_DASHES, strict=False):
            share = 100 * _histogram(found, edges) / max(len(found), 1)
            traces.append({
                "type": "scatter", "mode": "lines", "x": np.repeat(edges, 2)[1:-1], "y": np.repeat(share, 2),
                "line": {"color": colour, "width": 2, "dash": dash}, "name": f"{title} (n = {len(found):,})",
                "hovertemplate": "%{x:.3g}: %{y:.1f} %",
            })  # fmt: skip
    return {"data": traces or [_NOTHING], "layout": {
        "height": 280, "margin": {"t": 40, "b": 44, "l": 8, "r": 8}, "showlegend": True,
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "xaxis": {"title": {"text": measure_name(name)}},
        "yaxis": {"title": {"text": "Share of particles (%)"}, "rangemode": "tozero"},
    }}  # fmt: skip


def _histogram(values, edges):
    return np.histogram(np.minimum(values, edges[-1]), edges)[0]


def _thinned(labels, positions):
    """At most MOST_POINTS of these positions, of every label its share but at least a hundred; always the same ones."""
    if len(positions) <= MOST_POINTS:
        return positions
    rng, kept = np.random.default_rng(0), []
    for label in np.unique(labels[positions]):
        group = positions[labels[positions] == label]
        most = max(100, int(MOST_POINTS * len(group) / len(positions)))
        kept.append(rng.choice(group, min(most, len(group)), replace=False))
    return np.concatenate(kept)
