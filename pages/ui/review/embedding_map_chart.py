"""The map: a review's particles in the plane of their likeness, as a plain dict as plotly reads it."""

from collections import Counter

import numpy as np

from pages.ui.review.item_text import label_text
from svp_core.particle_classes import class_by_key, sort_keys
from svp_core.review.current_labels import NOT_A_CLASS

MAX_POINTS = 20_000  # that a browser draws while it stays quick
MIN_PER_LABEL = 100  # so that a rare one is not thinned away
_NO_CLASS = {"unsure": ("#7A8288", "circle-open"), "not_a_particle": ("#7A8288", "x"), "": ("#7A8288", "circle")}
_RING = "#D3264B"  # at least 3:1 on both backgrounds
_NOTHING = {"type": "scatter", "x": [], "y": [], "showlegend": False}  # a figure has to have something


def draw_map(plane, labels, suspects, *, among, chosen=None):
    """Points by label, suspects ringed. plane: float (N, 2); labels: str (N,); suspects: bool (N,).

    among: bool (N,), only these are drawn and counted, where all of them would lie. chosen: bool (N,), these stand out;
    None: no difference is made.
    """
    rows, traces = np.flatnonzero(among), []
    drawn = rows[subsample(labels[rows], suspects[rows])]
    plane = np.asarray(plane, float).round(3)  # fewer digits to send
    counts, suspect_count = Counter(labels[rows].tolist()), int(suspects[rows].sum())
    there = set(counts)
    for label in (*sort_keys(there - {*NOT_A_CLASS, ""}), *(one for one in ("", *NOT_A_CLASS) if one in there)):
        group = drawn[labels[drawn] == label]
        colour, symbol = _look_of(label)
        opacity = 0.7 if chosen is None else np.where(chosen[group], 0.9, 0.12)
        traces.append(
            {
                "type": "scattergl",
                "mode": "markers",
                "name": f"{label_text(label)} ({counts[label]:,})",
                "x": plane[group, 0],
                "y": plane[group, 1],
                "hoverinfo": "name",
                "marker": {"color": colour, "symbol": symbol, "size": 6, "opacity": opacity},
            }
        )
    if suspect_count:
        ringed = drawn[suspects[drawn]]
        traces.append(
            {
                "type": "scattergl",
                "mode": "markers",
                "name": f"Suspect ({suspect_count:,})",
                "hoverinfo": "skip",
                "x": plane[ringed, 0],
                "y": plane[ringed, 1],
                "marker": {"color": _RING, "symbol": "circle-open", "size": 11, "line": {"width": 1.5}},
            }
        )
    bare = {"showticklabels": False, "zeroline": False, "title": {"text": ""}}
    return {
        "data": traces or [_NOTHING],
        "layout": {
            "height": 460,
            "dragmode": "lasso",
            "margin": {"t": 8, "b": 8, "l": 8, "r": 8},
            "uirevision": "map",
            "xaxis": {**bare, "range": _ends(plane[:, 0])},
            "yaxis": {**bare, "range": _ends(plane[:, 1])},
            "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        },
    }


def subsample(labels, suspects, *, most=MAX_POINTS):
    """Positions of about `most` points at most: suspects first, of every label its share; always the same ones."""
    if len(labels) <= most:
        return np.arange(len(labels))
    rng = np.random.default_rng(0)
    kept = [rng.permutation(np.flatnonzero(suspects))[: most // 2]]
    room, others = most - len(kept[0]), int((~suspects).sum())
    for label in np.unique(labels):
        group = np.flatnonzero((labels == label) & ~suspects)
        share = max(MIN_PER_LABEL, int(room * len(group) / max(others, 1)))
        kept.append(rng.permutation(group)[:share])
    return np.sort(np.concatenate(kept))


def _ends(values):
    """Ends of an axis on which no point moves when others go: [least, most] with a margin."""
    least, most = (float(values.min()), float(values.max())) if len(values) else (0.0, 0.0)
    margin = 0.05 * (most - least) or 1.0
    return [least - margin, most + margin]


def _look_of(label):
    """(colour, plotly marker) of a label."""
    if label in _NO_CLASS:
        return _NO_CLASS[label]
    try:
        kind = class_by_key(label)
    except KeyError:
        return _NO_CLASS[""]
    return kind.colour, kind.symbol
