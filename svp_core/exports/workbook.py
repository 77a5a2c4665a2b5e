"""A classification as an Excel workbook: every row, the counts, and how they were made."""

import tempfile

import numpy as np

from svp_core.classification.counted import ECD_PX, count_particles, count_selected, thresholds_of
from svp_core.classification.results import measure_label, read_results_folder
from svp_core.classification.results_csv import read_results
from svp_core.classification.settings import read_settings
from svp_core.display import class_name
from svp_core.errors import LabError
from svp_core.exports.chosen import positions_among, select_rows
from svp_core.exports.sheet import clean, fill, letters
from svp_core.files import atomic_write

MAX_ROWS = 1_048_575  # below a sheet's head
_RESULTS = "xl/worksheets/sheet1.xml"  # where a workbook keeps its first sheet
ASSIGNED_COLUMN = "called"  # column beside "label": the class, or "unsure" below its threshold
_WIDTHS = {"image": 36, "reason": 36, "run": 24}
_COUNT_HEADS = (
    "particles",
    "estimate",
    "class",
    "diameter",
    "at_least_um",
    "below_um",
    "count",
    "count_low",
    "count_high",
    "per_ml",
    "per_ml_low",
    "per_ml_high",
)


def export_workbook(job_folder, path, rows=None, *, settings=None):
    """Write a workbook with the sheets Results, Counts and Settings; numbers are numbers in it.

    rows: positions in results.csv, in the order of the sheet; all where None. Counts are of these rows; corrected ones
    are given for all rows only, since a choice of particles by class or confidence would spoil them. settings: as the
    report takes them. Raises LabError where a setting or a row cannot be, or Excel holds no so long table.
    """
    from openpyxl import Workbook

    found = read_results_folder(job_folder)
    chosen = read_settings(settings, summary=found.summary, columns=found.columns, class_keys=found.class_keys)
    wanted = dict.fromkeys((chosen.diameter, ECD_PX))
    found = read_results_folder(job_folder, [name for name in wanted if name in found.columns])
    kept = select_rows(rows, found.offered)
    if len(kept) > MAX_ROWS:
        raise LabError(f"A sheet of Excel holds {MAX_ROWS:,} rows, not {len(kept):,}; choose fewer, or take the CSV.")
    counted = count_particles(found, chosen)
    table = _table(found, counted).iloc[kept]
    book = Workbook()
    _prepare_results(book.active, table)
    _write_counts(book.create_sheet("Counts"), found, counted, chosen, None if rows is None else kept)
    _write_settings(book.create_sheet("Settings"), found, counted, chosen, len(kept))
    book.properties.creator = clean(chosen.author) or "SvP Lab"
    with tempfile.TemporaryFile() as made:
        book.save(made)
        atomic_write(path, lambda unfinished: fill(made, unfinished, _RESULTS, table))


def _table(found, counted):
    """Everything in results.csv, and what each particle is called."""
    table = read_results(found.folder / "results.csv")
    called = np.full(len(table), None, object)
    called[found.rows] = counted.labels
    table.insert(table.columns.get_loc("label") + 1, ASSIGNED_COLUMN, called)
    return table


def _prepare_results(sheet, table):
    sheet.title = "Results"
    for number, name in enumerate(table.columns, 1):
        sheet.column_dimensions[letters(number)].width = _WIDTHS.get(name, 12)
    sheet.freeze_panes = "B2"
    sheet.auto_filter.ref = f"A1:{letters(table.shape[1])}{len(table) + 1}"
    _append(sheet, table.columns, bold=True)


def _write_counts(sheet, found, counted, settings, kept):
    sheet.freeze_panes = "A2"
    for letter, width in zip("ABCD", (26, 12, 18, 26), strict=True):
        sheet.column_dimensions[letter].width = width
    _append(sheet, _COUNT_HEADS, bold=True)
    diameter = measure_label(settings.diameter) if settings.in_um else "any size"
    if kept is not None:
        some = positions_among(kept, found.rows)
        tables = [("rows of sheet Results", "counted", count_selected(found, settings, some))]
    else:
        tables = [("all", "counted", counted.raw + counted.bands), ("all", "corrected", counted.corrected)]
        tables += [(f"run {name}", "counted", entries) for name, entries in counted.by_run.items()]
    for particles, estimate, entries in tables:
        for entry in dict.fromkeys(entries):
            values = (
                particles,
                estimate,
                class_name(entry.class_key),
                diameter,
                entry.at_least_um,
                entry.below_um,
                entry.count,
                entry.low,
                entry.high,
                entry.per_ml,
                entry.per_ml_low,
                entry.per_ml_high,
            )
            _append(sheet, values)


def _write_settings(sheet, found, counted, settings, shown):
    sheet.column_dimensions["A"].width, sheet.column_dimensions["B"].width = 34, 80
    summary, inputs = found.summary, found.summary.get("inputs") or {}
    pairs = [
        ("Title", settings.title),
        ("Author", settings.author),
        ("Date", settings.date),
        ("Remarks", settings.remarks),
        ("Source", summary.get("title")),
        ("Items offered", found.offered),
        ("Rejected", len(found.rejected)),
        ("Not reached", found.missing),
        ("Rows of sheet Results", shown),
        ("Diameter", measure_label(settings.diameter)),
        ("Size bins, from µm", ", ".join(f"{b:g}" for b in settings.bins)),
        ("Volume imaged, mL", counted.volume_ml),
        ("Volume from", counted.volume_from),
        ("Dilution", settings.dilution),
        ("µm per px", summary.get("um_per_px")),
        ("µm per px from", summary.get("um_per_px_from")),
        ("Model", summary.get("weights")),
        *((f"Unsure below, {class_name(key)}", value) for key, value in thresholds_of(found, settings).items()),
        ("Corrected counts rest on", counted.reference.description if counted.reference else counted.no_reference),
        ("Intervals", "95 %; counted: exact Poisson (Garwood 1936)"),
        ("Files of the source", inputs.get("files")),
        ("Bytes", inputs.get("bytes")),
        ("Fingerprint (sha256)", inputs.get("sha256")),
        *((f"Version of {name}", version) for name, version in (summary.get("software") or {}).items()),
        ("", "Flow imaging is informational: the figures are no verdict."),
    ]
    _append(sheet, ("Setting", "Value"), bold=True)
    for what, value in pairs:
        _append(sheet, (what, value))


def _append(sheet, values, *, bold=False):
    """Put a row below the others; a text stays one, even where it begins like a formula or reads like an error."""
    from openpyxl.styles import Font

    row = sheet.max_row + (sheet.max_row > 1 or sheet["A1"].value is not None)
    for number, value in enumerate(values, 1):
        cell = sheet.cell(row, number, clean(value) if isinstance(value, str) else value)
        if isinstance(value, str):
            cell.data_type = "s"
        if bold:
            cell.font = Font(bold=True)
