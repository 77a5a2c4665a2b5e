"""Counts as tables on a screen: a row a class, a column a size, the interval under each number."""

from html import escape

from pages.ui.classify.results_data import label_text
from pages.ui.shared.text import DASH
from svp_core import display
from svp_core.display import format_interval, format_number, format_percent
from svp_core.report.count_tables import size_text
from svp_core.stats.counts import ALL

_HEAD = "padding:4px 10px;vertical-align:bottom;border-bottom:1px solid rgba(128,128,128,.5)"
_CELL = "padding:5px 10px;vertical-align:top;border-bottom:1px solid rgba(128,128,128,.2)"
_SMALL = "font-size:.8rem;opacity:.75;white-space:nowrap"


def count_html(table, *, per_ml):
    """HTML of a list of svp_core.stats.counts.Count."""
    found = {(entry.class_key, entry.at_least_um): entry for entry in table}
    sizes = {entry.at_least_um: str(size_text(entry)) for entry in table}
    rows = [_head(["Class", *sizes.values()])]
    for key in dict.fromkeys(entry.class_key for entry in table):
        rows.append(_row([_name(key), *(_count(found.get((key, size)), per_ml) for size in sizes)]))
    return _table(rows)


def comparison_html(tables, *, per_ml):
    """HTML of the counts of several samples: a row a class and size, a column a sample.

    tables: name of the sample -> list of svp_core.stats.counts.Count.
    """
    sizes = {entry.at_least_um: str(size_text(entry)) for table in tables.values() for entry in table}
    keys = dict.fromkeys(entry.class_key for table in tables.values() for entry in table)
    found = {name: {(entry.class_key, entry.at_least_um): entry for entry in table} for name, table in tables.items()}
    rows = [_head(["Class", "Size", *tables], texts=2)]
    for key in [*(key for key in keys if key != ALL), ALL]:
        for place, (size, words) in enumerate(sizes.items()):
            cells = ["" if place else _name(key), f"<span style='white-space:nowrap'>{escape(words)}</span>"]
            rows.append(_row([*cells, *(_count(found[name].get((key, size)), per_ml) for name in tables)], texts=2))
    return _table(rows)


def ppv_html(values):
    """HTML of a list of svp_core.stats.counts.PredictiveValue."""
    rows = [_head(["Class", "Particles named so", "Rightly so"])]
    for entry in values:
        between = "" if entry.low is None else _small(f"{100 * entry.low:.1f} to {100 * entry.high:.1f} %")
        rows.append(_row([_name(entry.class_key), format_number(entry.n), format_percent(entry.value) + between]))
    return _table(rows)


def _count(entry, per_ml):
    if entry is None:
        return DASH
    value, *ends = (
        (entry.per_ml, entry.per_ml_low, entry.per_ml_high) if per_ml else (entry.count, entry.low, entry.high)
    )
    return f"<b>{escape(format_number(value))}</b>{_small(format_interval(*ends)) if None not in ends else ''}"


def _name(key):
    if key == ALL:
        return "<b>All</b>"
    return f"<span style='color:{display.class_colour(key)}'>●</span> {escape(label_text(key))}"


def _head(heads, *, texts=1):
    cells = [
        f"<th style='text-align:{_side(at, texts)};{_HEAD}' scope='col'>{escape(head)}</th>"
        for at, head in enumerate(heads)
    ]
    return f"<tr>{''.join(cells)}</tr>"


def _row(cells, *, texts=1):
    cells = [f"<td style='text-align:{_side(at, texts)};{_CELL}'>{cell}</td>" for at, cell in enumerate(cells)]
    return f"<tr>{''.join(cells)}</tr>"


def _side(at, texts):
    return "left" if at < texts else "right"


def _small(text):
    return f"<div style='{_SMALL}'>{escape(text)}</div>"


def _table(rows):
    return f"<table style='border-collapse:collapse;font-size:.9rem;min-width:60%'>{''.join(rows)}</table>"
