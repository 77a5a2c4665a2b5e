"""A quality report as a Markdown table: a row a figure, a column a class."""

from svp_core.quality.metric_names import METRICS

LEGEND = (
    "Each cell: value (95 % interval); the real tiles' own value where they have one; what the figure is between two "
    "sets of real tiles (5 to 95 % of draws); in bold how many times what chance alone gives: up to 1 is as good as "
    "real, and where high is good, from 1 on."
)


def as_table(report):
    """Lines of Markdown: the figures of every class in the report that quality.compare gives."""
    classes = report["classes"]
    heads = [f"{key}, n = {part['n']}" for key, part in classes.items()]
    lines = [f"| figure | good | {' | '.join(heads)} |", "|---|---|" + "---|" * len(heads)]
    for key, figure in METRICS.items():
        entries = [part["figures"].get(key) for part in classes.values()]
        if any(entries):
            cells = " | ".join("" if entry is None else _cell(entry) for entry in entries)
            unit = f", {figure.unit}" if figure.unit else ""
            lines.append(f"| {figure.name}{unit} | {figure.good} | {cells} |")
    return lines


def _cell(entry):
    text = f"{number(entry['value'])} ({number(entry['low'])} to {number(entry['high'])})"
    if entry["real"] is not None:
        text += f"; real {number(entry['real'])}"
    if entry["floor"] is not None:
        text += f"; {number(entry['floor']['low'])} to {number(entry['floor']['high'])}"
    return text if entry["ratio"] is None else f"{text}; **{entry['ratio']:.2f}**"


def number(value):
    """A figure for the eye: three digits that say something, a dash for none."""
    if value is None:
        return "-"
    return f"{value:.5f}" if 0 < abs(value) < 0.01 else f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
