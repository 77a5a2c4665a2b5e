"""Two sets of images compared, on one page of HTML: verdict, answers by question, every metric with its intervals."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from svp_core.display import DASH, class_name
from svp_core.files import atomic_write
from svp_core.quality.metric_names import METRICS
from svp_core.quality.text_table import number, ratio_text
from svp_core.quality.verdict import answers
from svp_core.report.render import css_string, render

_STYLE = Path(__file__).with_name("style.css")
ANSWER_COLUMNS = ("Question", "Answer", "Metrics that differ")
METRIC_COLUMNS = ("Metric", "Value (95 %)", "First set's own", "Chance (90 %)", "Ratio to chance (95 %)")


def write_comparison(report: Mapping[str, Any], path: str | Path) -> None:
    """Write the page to a file. report: of quality.compare, with names (real, synthetic) and verdict."""
    title = f"{report['names']['synthetic']} against {report['names']['real']}"
    html = render(
        "set_comparison.html.j2",
        title=title,
        style=Markup(_STYLE.read_text("utf-8").replace('"FOOTER"', css_string(title[:80]))),
        verdict=report["verdict"],
        warnings=report["warnings"],
        sections=[
            (class_name(key), answer_rows(section), metric_rows(section)) for key, section in report["classes"].items()
        ],
        answer_columns=ANSWER_COLUMNS,
        metric_columns=METRIC_COLUMNS,
    )
    atomic_write(path, lambda temporary: temporary.write_bytes(html.encode("utf-8")))


def answer_rows(section: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Rows of ANSWER_COLUMNS of one class."""
    return [(question, answer, "; ".join(names)) for question, (answer, names) in answers(section["figures"]).items()]


def metric_rows(section: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Rows of METRIC_COLUMNS of one class: no ratio without its interval."""
    rows = []
    for key, entry in section["figures"].items():
        floor, unit = entry["floor"], METRICS[key].unit
        rows.append(
            (
                METRICS[key].name + (f", {unit}" if unit else ""),
                f"{number(entry['value'])} ({number(entry['low'])} to {number(entry['high'])})",
                DASH if entry["real"] is None else number(entry["real"]),
                DASH if floor is None else f"{number(floor['low'])} to {number(floor['high'])}",
                ratio_text(key, entry) or DASH,
            )
        )
    return rows
