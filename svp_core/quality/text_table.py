"""Quality report as a Markdown table: one row per metric, one column per class."""

from collections.abc import Mapping
from typing import Any

from svp_core.quality.metric_names import METRICS, ratio_interval

LEGEND = (
    "Each cell: value (95 % interval); the real tiles' own value, if any; the range between two sets of real tiles "
    "(5 to 95 % of draws); in bold the ratio to that baseline, with a 95 % interval that includes the baseline's own "
    "uncertainty: up to 1 is as good as real, and where high is good, from 1 on."
)


def as_table(report: Mapping[str, Any]) -> list[str]:
    """Lines of Markdown: the metrics of every class in a report of quality.compare."""
    classes = report["classes"]
    headings = [f"{key}, n = {section['n']}" for key, section in classes.items()]
    lines = [f"| metric | target | {' | '.join(headings)} |", "|---|---|" + "---|" * len(headings)]
    for key, metric in METRICS.items():
        entries = [section["figures"].get(key) for section in classes.values()]
        if any(entries):
            cells = " | ".join("" if entry is None else _cell(key, entry) for entry in entries)
            unit = f", {metric.unit}" if metric.unit else ""
            lines.append(f"| {metric.name}{unit} | {metric.target} | {cells} |")
    return lines


def number(value: float | None) -> str:
    """Number for display with about three significant digits; "-" for None."""
    if value is None:
        return "-"
    return f"{value:.5f}" if 0 < abs(value) < 0.01 else f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def ratio_text(key: str, entry: Mapping[str, Any], *, form: str = "{:.2f}") -> str:
    """ "1.94 (0.31 to 5.20)": ratio to the baseline with its 95 % interval; "" where there is none."""
    if entry["ratio"] is None:
        return ""
    ends = ratio_interval(key, entry)
    return form.format(entry["ratio"]) + ("" if ends is None else f" ({' to '.join(map(form.format, ends))})")


def _cell(key: str, entry: Mapping[str, Any]) -> str:
    text = f"{number(entry['value'])} ({number(entry['low'])} to {number(entry['high'])})"
    if entry["real"] is not None:
        text += f"; real {number(entry['real'])}"
    if entry["floor"] is not None:
        text += f"; {number(entry['floor']['low'])} to {number(entry['floor']['high'])}"
    ratio, _, interval = ratio_text(key, entry).partition(" ")
    return " ".join(part for part in (f"{text}; **{ratio}**" if ratio else text, interval) if part)
