"""The figures of two makers of particles beside what the reference gives against itself, each in words."""

import csv
from html import escape
from io import StringIO

import streamlit as st

from svp_core.quality import METRICS
from svp_core.quality.text_table import number

BETTER = {"low": "lower", "high": "higher", "real": "as real"}
# What is looked at first; the others follow when asked for.
MAIN_METRICS = ("named", "brightness", "texture", "shape", "told_apart", "kid", "recall", "copied")
LEGEND = (
    "Real stands for the reference. Below each value: its 95 % interval, and how many times it is what the reference "
    "gives against itself; up to 1 × is as good as can be, where higher is better from 1 × on. Below the reference's: "
    "where nine of ten random halves of it lie against the other half. **Bold** is better than the other side, beyond "
    "both intervals."
)
_HEAD = "padding:4px 8px;vertical-align:bottom;border-bottom:1px solid rgba(128,128,128,.5)"
_CELL = "padding:6px 8px;vertical-align:top;border-bottom:1px solid rgba(128,128,128,.2)"
_SMALL = "font-size:.8rem;opacity:.75"
_WHOLE = "white-space:nowrap"
_COLUMNS = ("side", "figure", "good", "value", "low", "high", "n", "real", "floor_low", "floor_median", "floor_high")


def draw_table(names, figures, keys=tuple(METRICS)):
    """HTML of the table, a row a figure that either side has.

    names: side -> what it is called. figures: side -> key of FIGURES -> entry, as in a quality report. keys: which of
    them, in this order.
    """
    heads = ["Figure", "Better", *names.values(), "Reference against itself"]
    aligned = ["left", "left", *["right"] * (len(names) + 1)]
    row = "".join(
        f'<th style="text-align:{side};{_HEAD}" scope="col">{escape(head)}</th>'
        for head, side in zip(heads, aligned, strict=True)
    )
    rows = [f"<tr>{row}</tr>"]
    for key in keys:
        figure, entries = METRICS[key], {side: figures[side].get(key) for side in names}
        if not any(entries.values()):
            continue
        unit = f" ({figure.unit})" if figure.unit else ""
        about = f"<b>{escape(figure.name)}</b>{escape(unit)}{_small(figure.description)}"
        best = better_side(figure.target, entries)
        cells = [_value(entry, bold=side == best) for side, entry in entries.items()]
        real = next(entry for entry in entries.values() if entry)
        contents = [about, BETTER.get(figure.target, f"near {figure.target}"), *cells, _floor(real)]
        rows.append(
            "<tr>"
            + "".join(
                f'<td style="text-align:{side};{_CELL}">{content}</td>'
                for content, side in zip(contents, aligned, strict=True)
            )
            + "</tr>"
        )
    return f'<table style="width:100%;border-collapse:collapse;font-size:.9rem">{"".join(rows)}</table>'


def better_side(good, entries):
    """The side that is better in a figure by more than chance: its interval lies beyond the other's. None: neither.

    good: of a Figure. entries: side -> entry or None, of two sides.
    """
    if not all(entries.values()):
        return None
    (one, first), (other, second) = entries.items()
    ranges = [_distances(good, entry) for entry in (first, second)]
    if None in ranges:
        return None
    (near, far), (near_other, far_other) = ranges
    return one if far < near_other else other if far_other < near else None


def as_csv(names, figures):
    """Text of a CSV file: a row a figure a side."""
    text = StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(_COLUMNS)
    for side, name in names.items():
        for key, found in figures[side].items():
            floor = found["floor"] or {}
            values = [found[part] for part in ("value", "low", "high", "n", "real")]
            rows.writerow([name, key, METRICS[key].target, *values, *map(floor.get, ("low", "median", "high"))])
    return text.getvalue()


def show_metrics(names, figures, *, file):
    """Draw the table, say how to read it, offer it as a file. file: its name, without ending."""
    st.html(draw_table(names, figures, MAIN_METRICS))
    st.caption(LEGEND)
    with st.expander("More figures"):
        st.html(draw_table(names, figures, [key for key in METRICS if key not in MAIN_METRICS]))
    st.download_button(
        "Figures as CSV", as_csv(names, figures), f"{file}.csv", "text/csv", key="figures_csv", on_click="ignore"
    )


def _distances(good, entry):
    """(nearest, farthest) that the interval comes to what is good; smaller is better. None where it is not known."""
    low, high = entry["low"], entry["high"]
    if low is None or high is None:
        return None
    if good == "low":
        return low, high
    if good == "high":
        return -high, -low
    ideal = entry["real"] if good == "real" else float(good)
    if ideal is None:
        return None
    ends = abs(low - ideal), abs(high - ideal)
    return 0.0 if low <= ideal <= high else min(ends), max(ends)


def _value(entry, *, bold):
    if entry is None:
        return "–"
    text = f"<b>{number(entry['value'])}</b>" if bold else number(entry["value"])
    below = f"{number(entry['low'])} to {number(entry['high'])}"
    times = f"{entry['ratio']:.2g} ×" if entry["ratio"] is not None else ""
    return text + _small(below, _WHOLE) + (_small(times, _WHOLE) if times else "")


def _floor(entry):
    floor, real = entry["floor"], entry["real"]
    shown = real if real is not None else floor and floor["median"]
    if shown is None:
        return "–"
    return number(shown) + (_small(f"{number(floor['low'])} to {number(floor['high'])}", _WHOLE) if floor else "")


def _small(text, more=""):
    return f'<div style="{_SMALL};{more}">{escape(text)}</div>'
