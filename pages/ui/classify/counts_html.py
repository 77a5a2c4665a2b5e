"""Count tables on the screen: classes x sizes, the interval under each number; layout in templates/counts.html.j2."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from svp_core.display import DASH, format_interval, format_number, format_percent, format_percent_interval
from svp_core.report.count_tables import size_text
from svp_core.report.render import render
from svp_core.stats.counts import ALL, Count
from svp_core.stats.predictive_values import PredictiveValue

_TEMPLATES = Path(__file__).with_name("templates")


@dataclass(frozen=True)
class Cell:
    """A class, or a text with a small line below it."""

    text: str = ""
    small: str = ""
    strong: bool = False
    class_key: str = ""


def count_html(table: Sequence[Count], *, per_ml: bool) -> str:
    """HTML of counts: one row per class, one column per size."""
    entries = {(entry.class_key, entry.at_least_um): entry for entry in table}
    sizes = {entry.at_least_um: size_text(entry) for entry in table}
    rows = [
        [Cell(class_key=key), *(_count_cell(entries.get((key, size)), per_ml) for size in sizes)]
        for key in dict.fromkeys(entry.class_key for entry in table)
    ]
    return cell_table(["Class", *sizes.values()], 1, rows)


def comparison_html(tables: Mapping[str, Sequence[Count]], *, per_ml: bool) -> str:
    """HTML of the counts of several samples: one row per class and size, one column per sample (its name -> counts)."""
    everything = [entry for table in tables.values() for entry in table]
    sizes = {entry.at_least_um: size_text(entry) for entry in everything}
    keys = [key for key in dict.fromkeys(entry.class_key for entry in everything) if key != ALL]
    entries = {(name, entry.class_key, entry.at_least_um): entry for name, table in tables.items() for entry in table}
    rows = []
    for key in [*keys, ALL]:
        for index, (size, text) in enumerate(sizes.items()):
            counts = [_count_cell(entries.get((name, key, size)), per_ml) for name in tables]
            rows.append([Cell() if index else Cell(class_key=key), Cell(text), *counts])
    return cell_table(["Class", "Size", *tables], 2, rows)


def ppv_html(values: Sequence[PredictiveValue]) -> str:
    """HTML of positive predictive values, one row per class."""
    rows = []
    for entry in values:
        interval = "" if entry.low is None else format_percent_interval(entry.low, entry.high)
        cells = Cell(format_number(entry.n)), Cell(format_percent(entry.known_value), interval)
        rows.append([Cell(class_key=entry.class_key), *cells])
    return cell_table(["Class", "Assigned", "Correct"], 1, rows)


def _count_cell(entry: Count | None, per_ml: bool) -> Cell:
    if entry is None:
        return Cell(DASH)
    value, low, high = (
        (entry.per_ml, entry.per_ml_low, entry.per_ml_high) if per_ml else (entry.count, entry.low, entry.high)
    )
    return Cell(format_number(value), "" if None in (low, high) else format_interval(low, high), strong=True)


def cell_table(headings: Sequence[str], text_columns: int, rows: Sequence[Sequence[Cell]]) -> str:
    """HTML of any table of cells. text_columns: how many of the first columns hold texts instead of numbers."""
    return render("counts.html.j2", _TEMPLATES, headings=headings, text_columns=text_columns, rows=rows)
