"""A classification as an Excel workbook: all rows, counts, settings, and what is known about the sample."""

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from svp_core.classification.correction_basis import correction_basis
from svp_core.classification.counted import (
    ECD_PX,
    CountResult,
    count_particles,
    count_selected,
    sizes_in_px,
    thresholds_of,
)
from svp_core.classification.folded_classes import fold_sentence
from svp_core.classification.results import ClassificationResults, measure_label
from svp_core.classification.results_csv import read_results
from svp_core.classification.settings import SAMPLE_FIELDS, CountSettings, read_with_settings
from svp_core.display import class_name
from svp_core.errors import LabError
from svp_core.exports.row_selection import positions_among, select_rows
from svp_core.exports.worksheet_writer import clean, column_letters, insert_rows
from svp_core.files import atomic_write
from svp_core.stats.counts import Count

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

MAX_ROWS = 1_048_575  # of a sheet, below its header
ASSIGNED_COLUMN = "called"  # after "label": the assigned class, or "unsure" below its threshold
NOTE = "Flow imaging is informational: the numbers are not a pass/fail result."
_RESULTS_PART = "xl/worksheets/sheet1.xml"  # where a workbook stores its first sheet
_WIDTHS = {"image": 36, "reason": 36, "run": 24}
_COUNT_COLUMNS = (
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


def export_workbook(
    job_folder: str | Path,
    path: str | Path,
    rows: ArrayLike | None = None,
    *,
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Write a workbook with the sheets Results, Counts, Settings and Sample; numbers are numbers in it.

    rows: positions in results.csv, in the order of the sheet; all where None. Counts are of these rows; corrected ones
    are given for all rows only, since a selection by class or confidence would bias them. settings: as for the report.
    Raises LabError where a setting or a row is invalid, or a sheet cannot hold as many rows.
    """
    from openpyxl import Workbook

    results, chosen = read_with_settings(job_folder, settings, (ECD_PX,))
    selected = select_rows(rows, results.offered)
    if len(selected) > MAX_ROWS:
        raise LabError(f"An Excel sheet holds {MAX_ROWS:,} rows, not {len(selected):,}; choose fewer, or export a CSV.")
    counted = count_particles(results, chosen)
    table = _results_table(results, counted).iloc[selected]
    book = Workbook()
    first_sheet = book.worksheets[0]
    _prepare_results(first_sheet, table)
    _write_counts(book.create_sheet("Counts"), results, counted, chosen, None if rows is None else selected)
    _write_pairs(book.create_sheet("Settings"), "Setting", _settings(results, counted, chosen, len(selected)))
    _write_pairs(book.create_sheet("Sample"), "Field", _sample(results, chosen))
    book.properties.creator = clean(chosen.author) or "SvP Lab"
    with tempfile.TemporaryFile() as prepared:
        book.save(prepared)
        atomic_write(path, lambda temporary: insert_rows(prepared, temporary, _RESULTS_PART, table))


def _results_table(results: ClassificationResults, counted: CountResult) -> pd.DataFrame:
    """Everything in results.csv, and each particle's assigned class."""
    table = read_results(results.folder / "results.csv")
    assigned = np.full(len(table), None, object)
    assigned[results.rows] = counted.labels
    table.insert(table.columns.tolist().index("label") + 1, ASSIGNED_COLUMN, assigned)
    return table


def _prepare_results(sheet: "Worksheet", table: pd.DataFrame) -> None:
    sheet.title = "Results"
    for number, name in enumerate(table.columns, 1):
        sheet.column_dimensions[column_letters(number)].width = _WIDTHS.get(str(name), 12)
    sheet.freeze_panes = "B2"
    sheet.auto_filter.ref = f"A1:{column_letters(table.shape[1])}{len(table) + 1}"
    _append(sheet, list(table.columns), bold=True)


def _write_counts(
    sheet: "Worksheet",
    results: ClassificationResults,
    counted: CountResult,
    settings: CountSettings,
    selected: NDArray[np.intp] | None,
) -> None:
    sheet.freeze_panes = "A2"
    for letter, width in zip("ABCD", (26, 12, 18, 26), strict=True):
        sheet.column_dimensions[letter].width = width
    _append(sheet, _COUNT_COLUMNS, bold=True)
    diameter = measure_label(settings.diameter) if settings.in_um else "any size"
    for particles, estimate, entries in _count_tables(results, counted, settings, selected):
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


def _count_tables(
    results: ClassificationResults,
    counted: CountResult,
    settings: CountSettings,
    selected: NDArray[np.intp] | None,
) -> list[tuple[str, str, list[Count]]]:
    """(which particles, "counted" or "corrected", counts)."""
    if selected is not None:
        positions = positions_among(selected, results.rows)
        return [("rows of sheet Results", "counted", count_selected(results, settings, positions))]
    tables = [("all", "counted", counted.raw + counted.bands), ("all", "corrected", counted.corrected)]
    return [*tables, *((f"run {name}", "counted", entries) for name, entries in counted.by_run.items())]


def _settings(
    results: ClassificationResults, counted: CountResult, settings: CountSettings, shown: int
) -> Iterable[tuple[str, Any]]:
    summary, inputs = results.summary, results.summary.get("inputs") or {}
    return [
        ("Title", settings.title),
        ("Author", settings.author),
        ("Date", settings.date),
        ("Remarks", settings.remarks),
        ("Source", summary.get("title")),
        ("Items processed", results.offered),
        ("Rejected", len(results.rejected)),
        ("Not processed", results.missing),
        ("Rows of sheet Results", shown),
        ("Diameter", measure_label(settings.diameter)),
        ("Size bins, from µm", ", ".join(f"{edge:g}" for edge in settings.bins)),
        ("Volume imaged, mL", counted.volume_ml),
        ("Volume from", counted.volume_from),
        ("Dilution", settings.dilution),
        ("µm per px", summary.get("um_per_px")),
        ("µm per px from", summary.get("um_per_px_from")),
        ("Model", summary.get("weights")),
        *([("Classes", fold_sentence(results.as_stored.class_keys))] if results.is_folded else []),
        *((f"Unsure below, {class_name(key)}", value) for key, value in thresholds_of(results, settings).items()),
        (
            "Corrected counts",
            correction_basis(counted.reference, sizes_in_px(results)) or counted.no_reference,
        ),
        ("Intervals", "95 %; counted: exact Poisson (Garwood 1936)"),
        ("Files of the source", inputs.get("files")),
        ("Bytes", inputs.get("bytes")),
        ("Fingerprint (sha256)", inputs.get("sha256")),
        *((f"Version of {name}", version) for name, version in (summary.get("software") or {}).items()),
        ("", NOTE),
    ]


def _sample(results: ClassificationResults, settings: CountSettings) -> Iterable[tuple[str, Any]]:
    """Sample, lot and operator as entered (empty where not), and the source's runs."""
    runs = results.summary.get("runs", [])
    return [
        *((label, getattr(settings, name).strip()) for name, label in SAMPLE_FIELDS.items()),
        ("Source", results.summary.get("title")),
        *(("Run", run["name"]) for run in runs),
        *(("Instrument", text) for text in dict.fromkeys(run.get("instrument") for run in runs) if text),
    ]


def _write_pairs(sheet: "Worksheet", heading: str, pairs: Iterable[tuple[str, Any]]) -> None:
    sheet.column_dimensions["A"].width, sheet.column_dimensions["B"].width = 34, 80
    _append(sheet, (heading, "Value"), bold=True)
    for label, value in pairs:
        _append(sheet, (label, value))


def _append(sheet: "Worksheet", values: Sequence[Any], *, bold: bool = False) -> None:
    """Append a row; text stays text, even where it begins like a formula or reads like an error."""
    from openpyxl.styles import Font

    row = sheet.max_row + (sheet.max_row > 1 or sheet["A1"].value is not None)
    for number, value in enumerate(values, 1):
        cell = sheet.cell(row, number, clean(value) if isinstance(value, str) else value)
        if isinstance(value, str):
            cell.data_type = "s"
        if bold:
            cell.font = Font(bold=True)
