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
_GAP = 0.055  # between histograms side by side, of the figure's width
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
        "height": 400, "dragmode": "lasso", "margin": {"t": 36, "b": 48, "l": 60, "r": 8},
        # Margins that are measured anew at every drawing take as long as the points.
        "xaxis": {"title": {"text": measure_name(x)}, "type": "log" if log else "linear", "automargin": False},
        "yaxis": {"title": {"text": measure_name(y)}, "automargin": False}, "uirevision": f"{x}{y}{log}",
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    }}  # fmt: skip


def draw_histograms(found, labels, shown, names):
    """How each of these measures is distributed, side by side: the shown particles by class, stacked, all in outline.

    One figure for all of them, as a figure costs a browser more than what is in it; measure k has axes(k).
    """
    traces, layout, width = [], {}, (1 - _GAP * (len(names) - 1)) / max(len(names), 1)
    for place, name in enumerate(names):
        left, (x, y), values = place * (width + _GAP), axes(place), numbers(found, name)
        finite = np.isfinite(values)
        layout[x.replace("x", "xaxis")] = {
            "domain": [left, left + width], "anchor": y, "automargin": False, "zeroline": False,
            "title": {"text": measure_name(name) if finite.any() else f"{measure_name(name)}: no values"},
        }  # fmt: skip
        layout[y.replace("y", "yaxis")] = {"anchor": x, "automargin": False, "nticks": 4, "rangemode": "tozero"}
        traces += [{**trace, "xaxis": x, "yaxis": y} for trace in _stacked(found, labels, shown & finite, values)]
    return {"data": traces or [_NOTHING], "layout": {
        "height": 230, "dragmode": "select", "selectdirection": "h", "barmode": "stack", "bargap": 0,
        "showlegend": False, "margin": {"t": 12, "b": 48, "l": 44, "r": 8}, **layout,
    }}  # fmt: skip


def axes(place):
    """Names of the axes that the measure at this place of draw_histograms has: ("x2", "y2") for place 1."""
    number = str(place + 1) if place else ""
    return f"x{number}", f"y{number}"


def _stacked(found, labels, shown, values):
    """Traces of one histogram. shown: bool (N,), of particles that have a value."""
    all_values = values[np.isfinite(values)]
    if not len(all_values):
        return [_NOTHING]
    # The few largest would push all others into one bar; the last bar holds them.
    low, high = np.quantile(all_values, (0, 0.99))
    edges = np.linspace(low, high if high > low else low + 1, BINS + 1)
    middles, width = (edges[1:] + edges[:-1]) / 2, edges[1] - edges[0]
    traces = []
    for label in labels_in_order(found.class_keys):
        group = shown & (labels == label)
        if group.any():
            traces.append({
                "type": "bar", "x": middles, "y": _histogram(values[group], edges), "width": width,
                "marker": {"color": look_of(label)[0], "line": {"width": 0}}, "name": label_name(label),
                "hovertemplate": "%{x:.3g}: %{y:,}<extra>" + label_name(label) + "</extra>",
            })  # fmt: skip
    everything = _histogram(all_values, edges)
    return [*traces, {
        "type": "scatter", "mode": "lines", "x": np.repeat(edges, 2)[1:-1], "y": np.repeat(everything, 2),
        "line": {"color": UNSURE_COLOUR, "width": 1}, "hoverinfo": "skip", "name": "all",
    }]  # fmt: skip


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
