"""Text of classes, labels, numbers and dates in reports, exports and pages; colours and markers of classes."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from svp_core.particle_classes import ALL, UNLIKE, UNSURE, ParticleClass, class_by_key

DASH = "–"  # where there is no value
# Of shipped models, as papers write them.
MODEL_NAMES = {"resnet18": "ResNet-18", "resnet18_six": "ResNet-18, six classes", "resnet50": "ResNet-50"}
UNSURE_COLOUR = "#7A8288"
UNLIKE_COLOUR = "#D03A6A"
NOT_A_PARTICLE = "Not a particle"
UNLABELLED = "Unlabelled"
_DIAMOND = "m0-4l4 4-4 4-4-4z"
# SVG outlines around their centre, about 7 units wide; other symbols become a diamond.
_MARKERS = {
    "circle": "m-3.4 0a3.4 3.4 0 1 0 6.8 0a3.4 3.4 0 1 0-6.8 0z",
    "square": "m-3-3h6v6h-6z",
    "diamond": _DIAMOND,
    "triangle-up": "m0-4l3.8 6.6h-7.6z",
    "triangle-down": "m0 4l3.8-6.6h-7.6z",
    "triangle-left": "m-4 0l6.6-3.8v7.6z",
    "cross": "m-1.2-4h2.4v2.8h2.8v2.4h-2.8v2.8h-2.4v-2.8h-2.8v-2.4h2.8z",
    "x": "m-3.6-2.2l1.4-1.4 2.2 2.2 2.2-2.2 1.4 1.4-2.2 2.2 2.2 2.2-1.4 1.4-2.2-2.2-2.2 2.2-1.4-1.4 2.2-2.2z",
    "hexagon": "m-3.8 0l1.9-3.3h3.8l1.9 3.3-1.9 3.3h-3.8z",
    "pentagon": "m0-3.8l3.6 2.6-1.4 4.3h-4.4l-1.4-4.3z",
    "star": "m0-4.4l1.2 3h3.2l-2.5 2 .9 3.2-2.8-1.8-2.8 1.8.9-3.2-2.5-2h3.2z",
    "bowtie": "m-3.6-3l3.6 3 3.6-3v6l-3.6-3-3.6 3z",
    "hourglass": "m-3-3.6h6l-3 3.6 3 3.6h-6l3-3.6z",
}


def class_name(key: str) -> str:
    """Display name of a class; "Unsure", "Unlike" and "All" for their keys, an unknown key as it is."""
    known = _known(key)
    return {UNSURE: "Unsure", UNLIKE: "Unlike", ALL: "All"}.get(key) or (known.name if known else str(key))


def label_text(label: str) -> str:
    """Display name of a label: a class, "Unsure", "Not a particle", or "Unlabelled" for ""."""
    return {"not_a_particle": NOT_A_PARTICLE, "": UNLABELLED}.get(label) or class_name(label)


def model_label(name: str) -> str:
    """Display name of a classifier: of a shipped one as papers write it, of another its own."""
    return MODEL_NAMES.get(name, name)


def class_colour(key: str) -> str:
    """Colour of a class as "#RRGGBB", at least 3:1 contrast on white; grey for unsure and unknown ones."""
    known = _known(key)
    return UNLIKE_COLOUR if key == UNLIKE else known.colour if known else UNSURE_COLOUR


def class_marker(key: str) -> str:
    """Outline of a class's marker as an SVG path, relative to its centre; a circle for unsure particles."""
    known = _known(key)
    if key == UNLIKE:
        return _MARKERS["x"]
    return _MARKERS.get(known.symbol, _DIAMOND) if known else _MARKERS["circle"]


def class_paint(key: str) -> dict[str, str]:
    """SVG attributes of a class's markers: filled, or outlined only for unsure particles."""
    if key == UNLIKE or _known(key):
        return {"fill": class_colour(key), "fill-opacity": ".75"}
    return {"fill": "none", "stroke": UNSURE_COLOUR, "stroke-width": "1"}


def format_number(value: float | None) -> str:
    """A count or a concentration: an integer from 100 on, two decimals below 1; a dash for None.

    Only exactly 0 is "0"; a smaller positive value than 0.005 is "< 0.01".
    """
    if value is None:
        return DASH
    value = round(value, 9)  # 0.1 + 0.2 is 0.3
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    if value < 0.005:
        return "< 0.01"
    return f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def format_interval(low: float | None, high: float | None) -> str:
    """ "102 to 147"; a dash without an interval."""
    return DASH if low is None or high is None else f"{format_number(low)} to {format_number(high)}"


def format_percent(share: float | None) -> str:
    """ "94.2 %" for a share of 0.942; a dash for None."""
    return DASH if share is None else f"{100 * share:.1f} %"


def format_percent_interval(low: float | None, high: float | None) -> str:
    """ "90.1 to 96.0 %" for shares; a dash without an interval."""
    return DASH if low is None or high is None else f"{100 * low:.1f} to {100 * high:.1f} %"


def format_share(part: float, whole: float) -> str:
    """ "94.2 %" for a part of a whole; a dash where the whole is 0."""
    return format_percent(part / whole if whole else None)


def format_utc(seconds: float) -> str:
    """Date and time in UTC of a Unix time stamp: "2025-04-09 14:05:30"."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def count_noun(count: int, noun: str) -> str:
    """A number with its noun: "1 particle", "1,200 particles"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def format_duration(seconds: float) -> str:
    """A duration to plan by: "8 s", "3 min", "2 h", "2 h 10 min"."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    return f"{minutes // 60} h" + (f" {minutes % 60} min" if minutes % 60 else "")


def truncate(name: str, length: int = 60) -> str:
    """A name, cut to at most `length` letters."""
    return name if len(name) <= length else f"{name[: length - 1]}…"


def escape_markdown(text: object) -> str:
    """Markdown that shows exactly this text: a file named <b>x</b>.png or *y*.png is not formatting."""
    escaped = re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", str(text))
    return re.sub(r"\s+", " ", escaped)


def join_names(names: Sequence[str], limit: int = 5) -> str:
    """Names in a line: "a, b, c"; of more than `limit` the first ones and "and 3 more"."""
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit:,} more"


def shared_prefix(names: Sequence[str]) -> str:
    """Longest text that all these names begin with, letter by letter; "" without names."""
    if not names:
        return ""
    first, last = min(names), max(names)
    length = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    return first[:length]


def _known(key: str) -> ParticleClass | None:
    try:
        return None if key in (UNSURE, UNLIKE, ALL) else class_by_key(key)
    except KeyError:
        return None
