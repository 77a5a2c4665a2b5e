"""Plots of a report as SVG, drawn here so that the same figures give the same letters: panels of histograms, a scatter.

All is black on white, classes told by place or marker besides colour; lengths are of the drawing, not of the paper.
"""

import numpy as np

from svp_core import display
from svp_core.report.markup import Html, join, tag

MOST_POINTS = 5_000  # in a scatter
BARS = 24  # of a histogram
_INK = "#333"
_PANEL_W, _PANEL_H, _ACROSS = 236, 150, 3
_LEFT, _RIGHT, _TOP, _FOOT = 34, 8, 22, 34  # room around the drawing area


def histograms(values, *, words, log=False, ends=None, marks=None):
    """Html of a panel a class, side by side: how a measure is distributed in it.

    values: class key -> float (n,). words: of the measure, under each panel. log: a logarithmic axis, of positive
    values only. ends: (low, high) of the axis, else those of the values. marks: class key -> where lines are drawn.
    Each panel has its own height; the number at its top is the particles in the highest bar.
    """
    found = {key: _finite(array, log) for key, array in values.items()}
    together = np.concatenate([*found.values(), np.zeros(0)])
    if not len(together):
        return tag("p", f"No particle has a value for {words}.", class_="note")
    low, high = ends or _ends(together, log)
    edges = np.geomspace(low, high, BARS + 1) if log else np.linspace(low, high, BARS + 1)
    place = _Scale(low, high, _LEFT, _PANEL_W - _RIGHT, log)
    rows = -(-len(found) // _ACROSS)
    panels = [
        tag(
            "g",
            _panel(key, array, edges, place, words, (marks or {}).get(key, ())),
            transform=f"translate({at % _ACROSS * _PANEL_W} {at // _ACROSS * _PANEL_H})",
        )
        for at, (key, array) in enumerate(found.items())
    ]
    return _drawing(panels, _PANEL_W * _ACROSS, _PANEL_H * rows, f"Histograms of {words} by class")


def scatter(x, y, labels, order, *, x_words, y_words, log=False):
    """Html of one measure over another, a marker a particle; (Html, how many are drawn, how many have both values).

    x, y: float (N,). labels: class keys (N,). order: class keys, the first drawn first. log: the x axis. Of more than
    MOST_POINTS every class keeps its share, taken evenly from its particles in their order.
    """
    width, height = 708, 330
    known = np.isfinite(x) & np.isfinite(y) & ((x > 0) | (not log))
    if not known.any():
        return tag("p", f"No particle has both {x_words} and {y_words}.", class_="note"), 0, 0
    across = _Scale(*_ends(x[known], log), _LEFT + 6, width - _RIGHT, log)
    up = _Scale(*_ends(y[known], False), height - _FOOT, _TOP, False)
    share = min(1.0, MOST_POINTS / known.sum())
    drawn, points, legend = 0, [], []
    for key in order:
        mine = np.flatnonzero(known & (labels == key))
        if not len(mine):
            continue
        mine = mine[np.unique(np.linspace(0, len(mine) - 1, max(1, round(len(mine) * share))).astype(int))]
        drawn += len(mine)
        path = "".join(
            f"M{across(a):.1f} {up(b):.1f}{display.class_marker(key)}" for a, b in zip(x[mine], y[mine], strict=True)
        )
        points.append(tag("path", d=Html(path), **display.class_paint(key)))
        legend.append(key)
    axes = [_x_axis(across, height - _FOOT, _TOP, x_words), _y_axis(up, _LEFT + 6, width - _RIGHT, y_words)]
    picture = _drawing(
        [*axes, *points, _legend(legend, _LEFT + 6)], width, height, f"{y_words} over {x_words}, by class"
    )
    return picture, drawn, int(known.sum())


class _Scale:
    """From a value to a place in the drawing."""

    def __init__(self, low, high, start, end, log):
        self.low, self.high, self.start, self.end, self.log = low, high, start, end, log

    def __call__(self, value):
        low, high, value = (np.log((self.low, self.high, value))) if self.log else (self.low, self.high, value)
        return self.start + (self.end - self.start) * (value - low) / (high - low)

    def ticks(self):
        """Round values on the axis."""
        if self.log:
            steps = [base * 10.0**power for power in range(-3, 6) for base in (1, 2, 5)]
            return [step for step in steps if self.low <= step <= self.high] or [self.low, self.high]
        step = 10 ** np.floor(np.log10(self.high - self.low))
        step *= next(part for part in (0.2, 0.5, 1, 2) if (self.high - self.low) / (step * part) <= 6)
        first = np.ceil(self.low / step - 1e-9)
        return [float(step * (first + n)) for n in range(int((self.high - first * step) / step + 1e-9) + 1)]


def _finite(array, log):
    array = np.asarray(array, float)
    return array[np.isfinite(array) & ((array > 0) | (not log))]


def _ends(values, log):
    low, high = float(values.min()), float(values.max())
    if low == high:
        return (low / 1.5, high * 1.5) if log else (low - 0.5, high + 0.5)
    return (low * 0.95, high * 1.05) if log else (low - 0.02 * (high - low), high + 0.02 * (high - low))


def _panel(key, values, edges, place, words, marks):
    bottom = _PANEL_H - _FOOT
    counts = np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0]
    most = max(int(counts.max(initial=0)), 1)
    bars = "".join(
        f"M{place(left):.1f} {bottom}V{bottom - (bottom - _TOP) * count / most:.1f}H{place(right):.1f}V{bottom}Z"
        for left, right, count in zip(edges, edges[1:], counts, strict=False)
        if count
    )
    lines = [
        tag("path", d=f"M{place(mark):.1f} {_TOP}V{bottom}", stroke=_INK, stroke_dasharray="3 2", fill="none")
        for mark in marks
        if edges[0] <= mark <= edges[-1]
    ]
    return join(
        tag("text", tag("tspan", display.class_name(key), font_weight="600"), f" n = {len(values):,}", x=_LEFT, y=12),
        tag("text", f"{most:,}", x=_LEFT - 4, y=_TOP + 4, text_anchor="end") if counts.any() else None,
        tag("path", d=Html(bars), fill=display.class_colour(key), stroke="#fff", stroke_width=".5"),
        lines,
        _x_axis(place, bottom, None, words),
    )


def _x_axis(place, y, top, words):
    left, right = min(place.start, place.end), max(place.start, place.end)
    marks, last = [], -1e9
    for tick in place.ticks():
        at = place(tick)
        marks.append(tag("path", d=f"M{at:.1f} {y}v4", stroke=_INK))
        if top is not None:
            marks.append(tag("path", d=f"M{at:.1f} {top}V{y}", stroke="#eee"))
        # Labels that would touch the one before are left out.
        if at - last > 20:
            marks.append(tag("text", f"{tick:g}", x=f"{at:.1f}", y=y + 15, text_anchor="middle"))
            last = at
    middle = f"{(left + right) / 2:.1f}"
    return join(
        marks,
        tag("path", d=f"M{left} {y}H{right}", stroke=_INK),
        tag("text", words, x=middle, y=y + 29, text_anchor="middle"),
    )


def _y_axis(place, x, right, words):
    marks = []
    for tick in place.ticks():
        at = place(tick)
        marks.append(tag("path", d=f"M{x} {at:.1f}H{right}", stroke="#eee"))
        marks.append(tag("text", f"{tick:g}", x=x - 6, y=f"{at + 4:.1f}", text_anchor="end"))
    middle = f"{(place.start + place.end) / 2:.1f}"
    return join(
        marks,
        tag("path", d=f"M{x} {place.end}V{place.start}", stroke=_INK),
        tag("text", words, x=0, y=0, text_anchor="middle", transform=f"translate(10 {middle}) rotate(-90)"),
    )


def _legend(keys, left):
    drawn = []
    for key in keys:
        drawn.append(tag("path", d=Html(f"M{left + 5} 9{display.class_marker(key)}"), **display.class_paint(key)))
        drawn.append(tag("text", display.class_name(key), x=left + 13, y=13))
        left += 26 + 6.2 * len(display.class_name(key))
    return drawn


def _drawing(content, width, height, words):
    return tag(
        "svg",
        tag("title", words),
        *content,
        viewBox=f"0 0 {width} {height}",
        class_="plot",
        role="img",
        font_size="11",
        fill=_INK,
        xmlns="http://www.w3.org/2000/svg",
    )
