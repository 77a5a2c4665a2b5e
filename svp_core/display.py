"""How classes and numbers are shown: class name, colour, marker; counts, intervals and percentages as text."""

import re

from svp_core.particle_classes import class_by_key
from svp_core.stats.counts import ALL, UNSURE

DASH = "–"
UNSURE_COLOUR = "#7A8288"
_DIAMOND = "m0-4l4 4-4 4-4-4z"
# Outlines around their middle, about 7 units wide; what is not here is a diamond.
_MARKERS = {
    "circle": "m-3.4 0a3.4 3.4 0 1 0 6.8 0a3.4 3.4 0 1 0-6.8 0z",
    "square": "m-3-3h6v6h-6z",
    "diamond": _DIAMOND,
    "triangle-up": "m0-4l3.8 6.6h-7.6z",
    "triangle-down": "m0 4l3.8-6.6h-7.6z",
    "cross": "m-1.2-4h2.4v2.8h2.8v2.4h-2.8v2.8h-2.4v-2.8h-2.8v-2.4h2.8z",
    "x": "m-3.6-2.2l1.4-1.4 2.2 2.2 2.2-2.2 1.4 1.4-2.2 2.2 2.2 2.2-1.4 1.4-2.2-2.2-2.2 2.2-1.4-1.4 2.2-2.2z",
    "hexagon": "m-3.8 0l1.9-3.3h3.8l1.9 3.3-1.9 3.3h-3.8z",
    "pentagon": "m0-3.8l3.6 2.6-1.4 4.3h-4.4l-1.4-4.3z",
    "star": "m0-4.4l1.2 3h3.2l-2.5 2 .9 3.2-2.8-1.8-2.8 1.8.9-3.2-2.5-2h3.2z",
    "bowtie": "m-3.6-3l3.6 3 3.6-3v6l-3.6-3-3.6 3z",
    "hourglass": "m-3-3.6h6l-3 3.6 3 3.6h-6l3-3.6z",
}


def class_name(key: str) -> str:
    """Display name of a class; "Unsure" and "All" for their keys, an unknown key as it is."""
    known = _known(key)
    return {UNSURE: "Unsure", ALL: "All"}.get(key) or (known.name if known else str(key))


def class_colour(key):
    """Colour of a class, at least 3:1 on white."""
    known = _known(key)
    return known.colour if known else UNSURE_COLOUR


def class_marker(key):
    """Outline of a class's marker as an SVG path from its middle. Unsure particles have a ring around nothing."""
    known = _known(key)
    return _MARKERS.get(known.symbol, _DIAMOND) if known else _MARKERS["circle"]


def class_paint(key):
    """SVG attributes of a class's markers: filled, or only drawn round where it is unsure."""
    if _known(key):
        return {"fill": class_colour(key), "fill_opacity": ".75"}
    return {"fill": "none", "stroke": UNSURE_COLOUR, "stroke_width": "1"}


def format_number(value):
    """A count or a concentration as a reader takes it in: whole from 100 on, two digits below 10; a dash for none.

    Only what is nothing is "0"; a little of something is "< 0.01".
    """
    if value is None:
        return DASH
    value = round(value, 9)  # 0.1 + 0.2 is no news
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    if value < 0.005:
        return "< 0.01"
    return f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def format_interval(low, high):
    """ "102 to 147"."""
    return DASH if low is None or high is None else f"{format_number(low)} to {format_number(high)}"


def format_percent(value):
    """ "94.2 %" of a share."""
    return DASH if value is None else f"{100 * value:.1f} %"


def count_noun(count: int, noun: str) -> str:
    """A number with its noun: "1 particle", "1,200 particles"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def format_duration(seconds: float) -> str:
    """A duration to plan by: "8 s", "3 min", "2 h 10 min"."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def truncate(name: str, length: int = 60) -> str:
    """A name, cut to at most `length` letters."""
    return name if len(name) <= length else f"{name[: length - 1]}…"


def escape_markdown(text: object) -> str:
    """Markdown that shows exactly this text: a file named <b>x</b>.png or *y*.png is not formatting."""
    escaped = re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", str(text))
    return re.sub(r"\s+", " ", escaped)


def join_names(names, most=5):
    """Names in a line: "a, b, c", of very many the first and how many more."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most:,} more"


def _known(key):
    try:
        return None if key in (UNSURE, ALL) else class_by_key(key)
    except KeyError:
        return None
