"""Counts as tables: a row a class, a column a size, the interval under each number."""

from html import escape

from pages.parts.classified import label_name
from pages.parts.measure_charts import look_of
from pages.parts.words import DASH

_HEAD = "padding:4px 10px;vertical-align:bottom;border-bottom:1px solid rgba(128,128,128,.5)"
_CELL = "padding:5px 10px;vertical-align:top;border-bottom:1px solid rgba(128,128,128,.2)"
_SMALL = "font-size:.8rem;opacity:.75;white-space:nowrap"


def count_html(table, bins, *, bands, per_ml, small_um):
    """HTML of a list of svp_core.counts.Count. bins: the edges in µm. small_um: smaller sizes are marked with *."""
    heads = ["Class", *(_size_head(edge, bins, bands, small_um) for edge in bins)]
    found = {(entry.class_key, entry.at_least_um): entry for entry in table}
    rows = [_row([f"<th style='text-align:{_side(at)};{_HEAD}' scope='col'>{escape(head)}</th>"
                  for at, head in enumerate(heads)])]  # fmt: skip
    for key in dict.fromkeys(entry.class_key for entry in table):
        cells = [_td(_name(key), 0)]
        cells += [_td(_count(found.get((key, edge)), per_ml), 1) for edge in bins]
        rows.append(_row(cells))
    return _table(rows)


def beside_html(tables, bins, *, bands, per_ml):
    """HTML of the counts of several samples: a row a class and size, a column a sample.

    tables: name of the sample -> list of svp_core.counts.Count.
    """
    heads = ["Class", "Size", *tables]
    rows = [_row([f"<th style='text-align:{_side(at > 1)};{_HEAD}' scope='col'>{escape(head)}</th>"
                  for at, head in enumerate(heads)])]  # fmt: skip
    found = {name: {(entry.class_key, entry.at_least_um): entry for entry in table} for name, table in tables.items()}
    for key in dict.fromkeys(entry.class_key for table in tables.values() for entry in table):
        for at, edge in enumerate(bins):
            cells = [_td("" if at else _name(key), 0), _td(escape(_size_head(edge, bins, bands, 0)), 0)]
            rows.append(_row([*cells, *(_td(_count(table.get((key, edge)), per_ml), 1) for table in found.values())]))
    return _table(rows)


def ppv_html(values):
    """HTML of a list of svp_core.counts.Ppv."""
    heads = ("Class", "Right of those named so", "Known particles named so")
    rows = [_row([f"<th style='text-align:{_side(at)};{_HEAD}' scope='col'>{head}</th>"
                  for at, head in enumerate(heads)])]  # fmt: skip
    for entry in values:
        value = DASH if entry.value is None else f"{100 * entry.value:.1f} %"
        between = "" if entry.low is None else _small(f"{100 * entry.low:.1f} to {100 * entry.high:.1f} %")
        rows.append(_row([_td(_name(entry.class_key), 0), _td(value + between, 1), _td(f"{entry.n:,}", 1)]))
    return _table(rows)


def number(value):
    """A count, or a concentration: whole from 100 on, fewer decimals the larger it is."""
    if value is None:
        return DASH
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _count(entry, per_ml):
    if entry is None:
        return DASH
    value, low, high = (
        (entry.per_ml, entry.per_ml_low, entry.per_ml_high) if per_ml else (entry.count, entry.low, entry.high)
    )
    between = "" if low is None else _small(f"{number(low)} to {number(high)}")
    return f"<b>{number(value)}</b>{between}"


def _size_head(edge, bins, bands, small_um):
    after = [later for later in bins if later > edge]
    said = f"{edge:g} to {after[0]:g} µm" if bands and after else f"≥ {edge:g} µm"
    return "All" if len(bins) == 1 and not edge else f"{said} *" if edge < small_um else said


def _name(key):
    if key == "all":
        return "<b>All</b>"
    return f"<span style='color:{look_of(key)[0]}'>●</span> {escape(label_name(key))}"


def _side(at):
    return "right" if at else "left"


def _row(cells):
    return f"<tr>{''.join(cells)}</tr>"


def _td(content, at):
    return f"<td style='text-align:{_side(at)};{_CELL}'>{content}</td>"


def _small(text):
    return f"<div style='{_SMALL}'>{escape(text)}</div>"


def _table(rows):
    return f"<table style='border-collapse:collapse;font-size:.9rem;min-width:60%'>{''.join(rows)}</table>"
