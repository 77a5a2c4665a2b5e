"""Plots of a report as plain geometry, which templates/plots.html.j2 draws as SVG: histogram panels, a scatter plot.

Everything is black on white; classes differ by position or marker as well as colour. Lengths are in units of the
drawing. The same values give the same text.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from svp_core import display

MAX_POINTS = 5_000  # in a scatter plot
BARS = 24  # of a histogram
_PANEL_WIDTH, _PANEL_HEIGHT, _COLUMNS = 236, 150, 3
_SCATTER_WIDTH, _SCATTER_HEIGHT = 708, 330
_LEFT, _RIGHT, _TOP, _BOTTOM = 34, 8, 22, 34  # margins around the plotting area
_MIN_LABEL_GAP = 20  # between two tick labels


@dataclass(frozen=True)
class Tick:
    """A tick of an axis."""

    position: float
    label: str  # "" where it would overlap the label before


@dataclass(frozen=True)
class XAxis:
    """A horizontal axis."""

    y: float
    left: float
    right: float
    title: str
    ticks: list[Tick]
    grid_top: float | None = None  # where grid lines end; None: no grid


@dataclass(frozen=True)
class YAxis:
    """A vertical axis with grid lines."""

    x: float
    right: float  # where grid lines end
    start: float
    end: float
    title: str
    ticks: list[Tick]


@dataclass(frozen=True)
class Panel:
    """Histogram of one class."""

    class_key: str
    x: float  # of its left upper corner
    y: float
    n: int
    highest: int | None  # particles in the highest bar; None without particles
    bars: str  # SVG path
    lines: list[float]  # x positions of vertical lines
    axis: XAxis
    left: float = _LEFT
    top: float = _TOP


@dataclass(frozen=True)
class Histograms:
    """Panels of histograms, one per class; empty: the sentence to show instead."""

    title: str
    width: int = 0
    height: int = 0
    panels: tuple[Panel, ...] = ()
    empty: str = ""


@dataclass(frozen=True)
class Series:
    """Points of one class in a scatter plot, and its legend entry."""

    class_key: str
    path: str  # SVG path
    legend_x: float


@dataclass(frozen=True)
class Scatter:
    """A scatter plot; empty: the sentence to show instead."""

    title: str
    shown: int  # points drawn
    total: int  # particles with both values
    series: tuple[Series, ...] = ()
    x_axis: XAxis | None = None
    y_axis: YAxis | None = None
    width: int = _SCATTER_WIDTH
    height: int = _SCATTER_HEIGHT
    empty: str = ""


def histograms(
    values: Mapping[str, ArrayLike],
    *,
    title: str,
    log: bool = False,
    ends: tuple[float, float] | None = None,
    lines: Mapping[str, Iterable[float]] | None = None,
) -> Histograms:
    """Distribution of a measure by class, one panel each.

    values: class key -> float (n,). title: of the measure, under each panel. log: logarithmic axis, of positive values
    only. ends: (low, high) of the axis, otherwise those of the values. lines: class key -> values with a vertical line.
    Each panel has its own vertical scale.
    """
    finite = {key: _finite(array, log) for key, array in values.items()}
    everything = np.concatenate([*finite.values(), np.zeros(0)])
    if not len(everything):
        return Histograms(title, empty=f"No particle has a value for {title}.")
    low, high = ends or _ends(everything, log)
    edges = np.geomspace(low, high, BARS + 1) if log else np.linspace(low, high, BARS + 1)
    scale = _Scale(low, high, _LEFT, _PANEL_WIDTH - _RIGHT, log)
    panels = tuple(
        _panel(key, array, edges, scale, title, (lines or {}).get(key, ()), index)
        for index, (key, array) in enumerate(finite.items())
    )
    rows = -(-len(finite) // _COLUMNS)
    return Histograms(f"Histograms of {title} by class", _PANEL_WIDTH * _COLUMNS, _PANEL_HEIGHT * rows, panels)


def scatter(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    labels: NDArray[np.object_],
    order: Sequence[str],
    *,
    x_title: str,
    y_title: str,
    log: bool = False,
) -> Scatter:
    """One measure against another, one marker per particle.

    x, y: float (N,). labels: class keys (N,). order: class keys, the first drawn first. log: the x axis. Of more than
    MAX_POINTS particles each class keeps its share, taken evenly from its particles in their order.
    """
    title = f"{y_title} over {x_title}, by class"
    known = np.isfinite(x) & np.isfinite(y) & ((x > 0) | (not log))
    if not known.any():
        return Scatter(title, 0, 0, empty=f"No particle has both {x_title} and {y_title}.")
    bottom, left, right = _SCATTER_HEIGHT - _BOTTOM, _LEFT + 6, _SCATTER_WIDTH - _RIGHT
    x_scale = _Scale(*_ends(x[known], log), left, right, log)
    y_scale = _Scale(*_ends(y[known], False), bottom, _TOP, False)
    share = min(1.0, MAX_POINTS / known.sum())
    shown, series = 0, []
    legend_x: float = left
    for key in order:
        positions = np.flatnonzero(known & (labels == key))
        if not len(positions):
            continue
        count = max(1, round(len(positions) * share))
        positions = positions[np.unique(np.linspace(0, len(positions) - 1, count).astype(int))]
        shown += len(positions)
        marker = display.class_marker(key)
        points = zip(x[positions], y[positions], strict=True)
        path = "".join(f"M{x_scale(a):.1f} {y_scale(b):.1f}{marker}" for a, b in points)
        series.append(Series(key, path, legend_x))
        legend_x += 26 + 6.2 * len(display.class_name(key))
    return Scatter(
        title,
        shown,
        int(known.sum()),
        tuple(series),
        XAxis(bottom, left, right, x_title, _ticks(x_scale), grid_top=_TOP),
        YAxis(left, right, bottom, _TOP, y_title, [Tick(y_scale(v), f"{v:g}") for v in y_scale.ticks()]),
    )


class _Scale:
    """Position in the drawing of a value."""

    def __init__(self, low: float, high: float, start: float, end: float, log: bool) -> None:
        self.low, self.high, self.start, self.end, self.log = low, high, start, end, log

    def __call__(self, value: float) -> float:
        low, high, value = np.log((self.low, self.high, value)) if self.log else (self.low, self.high, value)
        return self.start + (self.end - self.start) * (value - low) / (high - low)

    def ticks(self) -> list[float]:
        """Round values on the axis."""
        if self.log:
            steps = [base * 10.0**power for power in range(-3, 6) for base in (1, 2, 5)]
            return [step for step in steps if self.low <= step <= self.high] or [self.low, self.high]
        step = 10 ** np.floor(np.log10(self.high - self.low))
        step *= next(part for part in (0.2, 0.5, 1, 2) if (self.high - self.low) / (step * part) <= 6)
        first = np.ceil(self.low / step - 1e-9)
        return [float(step * (first + n)) for n in range(int((self.high - first * step) / step + 1e-9) + 1)]


def _ticks(scale: _Scale) -> list[Tick]:
    ticks, last_label = [], -1e9
    for value in scale.ticks():
        position = scale(value)
        has_room = position - last_label > _MIN_LABEL_GAP
        ticks.append(Tick(position, f"{value:g}" if has_room else ""))
        last_label = position if has_room else last_label
    return ticks


def _finite(values: ArrayLike, log: bool) -> NDArray[np.float64]:
    array = np.asarray(values, float)
    return array[np.isfinite(array) & ((array > 0) | (not log))]


def _ends(values: NDArray[np.float64], log: bool) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    if low == high:
        return (low / 1.5, high * 1.5) if log else (low - 0.5, high + 0.5)
    return (low * 0.95, high * 1.05) if log else (low - 0.02 * (high - low), high + 0.02 * (high - low))


def _panel(
    key: str,
    values: NDArray[np.float64],
    edges: NDArray[np.float64],
    scale: _Scale,
    title: str,
    lines: Iterable[float],
    index: int,
) -> Panel:
    bottom = _PANEL_HEIGHT - _BOTTOM
    counts = np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0]
    highest = max(int(counts.max(initial=0)), 1)
    bars = "".join(
        f"M{scale(left):.1f} {bottom}V{bottom - (bottom - _TOP) * count / highest:.1f}H{scale(right):.1f}V{bottom}Z"
        for left, right, count in zip(edges, edges[1:], counts, strict=False)
        if count
    )
    return Panel(
        key,
        x=index % _COLUMNS * _PANEL_WIDTH,
        y=index // _COLUMNS * _PANEL_HEIGHT,
        n=len(values),
        highest=highest if counts.any() else None,
        bars=bars,
        lines=[scale(value) for value in lines if edges[0] <= value <= edges[-1]],
        axis=XAxis(bottom, scale.start, scale.end, title, _ticks(scale)),
    )
