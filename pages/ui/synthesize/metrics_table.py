"""Quality metrics of two sets of synthetic images beside those of the reference against itself."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import streamlit as st

from svp_core.display import DASH
from svp_core.quality import METRICS
from svp_core.quality.text_table import number, ratio_text
from svp_core.report.render import render

BETTER = {"low": "lower", "high": "higher", "real": "as real"}
# Shown first; the others in an expander.
MAIN_METRICS = ("named", "brightness", "texture", "shape", "told_apart", "kid", "recall", "copied")
LEGEND = (
    "Real stands for the reference. Below each value: its 95 % interval, and its ratio to the value of the reference "
    "against itself, whose 95 % interval includes the uncertainty of that value too; up to 1 × is as good as possible, "
    "or from 1 × on where higher is better. Below the reference's value: the range of nine in ten random halves of it "
    "against the other half. **Bold** is better than the other side, beyond both intervals."
)
_TEMPLATES = Path(__file__).with_name("templates")
_COLUMNS = ("side", "figure", "good", "value", "low", "high", "n", "real", "floor_low", "floor_median", "floor_high")

Entry = Mapping[str, Any]  # of a quality report: value, low, high, n, ratio, real, floor
Reports = Mapping[str, Mapping[str, Entry]]  # side -> key of METRICS -> entry


@dataclass(frozen=True)
class MetricValue:
    """A number with small lines below it."""

    text: str
    lines: tuple[str, ...] = ()
    bold: bool = False


@dataclass(frozen=True)
class MetricRow:
    """One metric with its values."""

    title: str
    unit: str
    description: str
    better: str
    values: list[MetricValue]


def draw_table(names: Mapping[str, str], figures: Reports, keys: Sequence[str] = tuple(METRICS)) -> str:
    """HTML of the table, one row per metric that either side has.

    names: side -> display name. figures: side -> key of METRICS -> entry, as in a quality report. keys: which metrics,
    in this order.
    """
    rows = []
    for key in keys:
        metric, entries = METRICS[key], {side: figures[side].get(key) for side in names}
        available = [entry for entry in entries.values() if entry]
        if not available:
            continue
        best = better_side(metric.target, entries)
        values = [_value(key, entry, bold=side == best) for side, entry in entries.items()]
        better = BETTER.get(metric.target, f"near {metric.target}")
        rows.append(MetricRow(metric.name, metric.unit, metric.description, better, [*values, _baseline(available[0])]))
    headings = ["Metric", "Better", *names.values(), "Reference against itself"]
    return render("metrics.html.j2", _TEMPLATES, headings=headings, rows=rows)


def better_side(target: str, entries: Mapping[str, Entry | None]) -> str | None:
    """The side that is better in a metric beyond both 95 % intervals; None: neither.

    target: of a Metric. entries: side -> entry or None, of two sides.
    """
    (left, left_entry), (right, right_entry) = entries.items()
    if left_entry is None or right_entry is None:
        return None
    left_range, right_range = _distances(target, left_entry), _distances(target, right_entry)
    if left_range is None or right_range is None:
        return None
    if left_range[1] < right_range[0]:
        return left
    return right if right_range[1] < left_range[0] else None


def as_csv(names: Mapping[str, str], figures: Reports) -> str:
    """Text of a CSV file: one row per metric and side."""
    text = StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(_COLUMNS)
    for side, name in names.items():
        for key, entry in figures[side].items():
            floor = entry["floor"] or {}
            values = [entry[part] for part in ("value", "low", "high", "n", "real")]
            rows.writerow([name, key, METRICS[key].target, *values, *map(floor.get, ("low", "median", "high"))])
    return text.getvalue()


def show_metrics(names: Mapping[str, str], figures: Reports, *, file: str) -> None:
    """Show the table with its legend and a download. file: its name, without ending."""
    st.html(draw_table(names, figures, MAIN_METRICS))
    st.caption(LEGEND)
    with st.expander("More metrics"):
        st.html(draw_table(names, figures, [key for key in METRICS if key not in MAIN_METRICS]))
    st.download_button(
        "Metrics as CSV", as_csv(names, figures), f"{file}.csv", "text/csv", key="figures_csv", on_click="ignore"
    )


def _distances(target: str, entry: Entry) -> tuple[float, float] | None:
    """(nearest, farthest) distance of the interval's ends to the target; smaller is better. None where unknown."""
    low, high = entry["low"], entry["high"]
    if low is None or high is None:
        return None
    if target == "low":
        return low, high
    if target == "high":
        return -high, -low
    ideal = entry["real"] if target == "real" else float(target)
    if ideal is None:
        return None
    ends = abs(low - ideal), abs(high - ideal)
    return 0.0 if low <= ideal <= high else min(ends), max(ends)


def _value(key: str, entry: Entry | None, *, bold: bool) -> MetricValue:
    if entry is None:
        return MetricValue(DASH)
    text = ratio_text(key, entry, form="{:.2g}")
    ratio = (f"{text} ×",) if text else ()
    return MetricValue(number(entry["value"]), (f"{number(entry['low'])} to {number(entry['high'])}", *ratio), bold)


def _baseline(entry: Entry) -> MetricValue:
    """The reference against itself: its value, else the median of its random halves, with their range."""
    floor, real = entry["floor"], entry["real"]
    value = real if real is not None else floor and floor["median"]
    if value is None:
        return MetricValue(DASH)
    return MetricValue(number(value), (f"{number(floor['low'])} to {number(floor['high'])}",) if floor else ())
