"""results.csv: one row for every item of the source, rejected ones included; written row by row, read by columns."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TextIO

import numpy as np
import pandas as pd

from svp_core.classification.column_store import MIN_BYTES, convert_options, has_store, read_stored, store_columns
from svp_core.classification.derived_columns import DERIVED_COLUMNS, DERIVED_TEXTS
from svp_core.errors import LabError
from svp_core.morphology import MEASURES
from svp_core.particle_classes import CLASSES

if TYPE_CHECKING:
    import pyarrow as pa

INSTRUMENT = "instrument."  # prefix of the instrument's own columns
_TEXT_COLUMNS = ("image", "label", "given", "touches_edge", *DERIVED_TEXTS, "run", "status", "reason")


class HasRows(Protocol):
    """A batch of rows, such as classification.measure.ResultBatch."""

    @property
    def rows(self) -> Sequence[Mapping[str, Any]]: ...


def columns(class_keys: Iterable[str], instrument: Iterable[str] = ()) -> list[str]:
    """Column names of results.csv for a classifier of these classes and these columns of the instrument."""
    probabilities = [f"p_{key}" for key in class_keys]
    measured = ["given", *MEASURES, *DERIVED_COLUMNS, "um_per_px"]
    own = ["image", "label", "confidence", *probabilities, *measured, "run", "status", "reason"]
    return [*own, *(f"{INSTRUMENT}{name}" for name in instrument)]


class ResultsWriter:
    """Writes results.csv row by row as batches come in."""

    def __init__(self, file: TextIO, class_keys: Sequence[str], instrument: Iterable[str] = ()) -> None:
        self._columns = columns(class_keys, instrument)
        # Our columns are rounded; the instrument's stay as they are.
        self._own_count = len(columns(class_keys))
        self._writer = csv.writer(file, lineterminator="\n")
        self._writer.writerow(self._columns)

    def write(self, batch: HasRows) -> None:
        """Append a batch's rows: probabilities and measures with four decimals, empty for None."""
        for row in batch.rows:
            values = [row[name] for name in self._columns]
            self._writer.writerow([*map(_text, values[: self._own_count]), *values[self._own_count :]])


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float | np.floating):
        return f"{value:.4f}"
    return str(value)


def count_classes(rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Number of rows with status "ok" by label: class key -> int, in the order of CLASSES, other classes last."""
    counts = {c.key: 0 for c in CLASSES}
    for row in rows:
        if row["status"] == "ok":
            counts[row["label"]] = counts.get(row["label"], 0) + 1
    return counts


def read_results(path: str | Path, columns: Iterable[str] | None = None) -> pd.DataFrame:
    """Table of a results.csv, one row per item in the file's order. columns: only these, in this order.

    Text columns (image, label, given, touches_edge and unlike "yes" or "no", size_rule, run, status, reason) are
    missing where empty; our other columns are float. A column of the instrument is float where all of its values are
    numbers, otherwise text. A large file that has a column store (see store_results) is not parsed.
    Raises LabError where the file is not a results.csv or lacks one of the columns.
    """
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    names = column_names(path)
    selected = names if columns is None else list(columns)
    missing = [name for name in selected if name not in names]
    if missing:
        raise LabError(f"{path} has no column {', '.join(missing)}; classify the source again.")
    if has_store(path):
        return read_stored(path, selected)
    try:
        table = arrow_csv.read_csv(
            path,
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
            convert_options=convert_options(_column_types(names), selected),
        )
    except (pa.ArrowInvalid, OSError) as error:
        raise LabError(f"{path} is not a table of results ({str(error).splitlines()[0]}).") from None
    for index, name in enumerate(table.column_names):
        if name.startswith(INSTRUMENT):
            try:
                table = table.set_column(index, name, table.column(index).cast(pa.float64()))
            except pa.ArrowInvalid:
                continue  # text
    return table.to_pandas()


def store_results(path: str | Path) -> bool:
    """Make the column store of a large results.csv, where it has none that matches; whether it has one now.

    Raises LabError where the file is not a results.csv or the store cannot be written.
    """
    names = column_names(path)
    if has_store(path):
        return True
    if Path(path).stat().st_size < MIN_BYTES:
        return False
    store_columns(path, _column_types(names), number_if_all=[name for name in names if name.startswith(INSTRUMENT)])
    return True


def _column_types(names: Iterable[str]) -> "dict[str, pa.DataType]":
    """Type of every column: guessed from the first rows, it may not fit the last ones."""
    import pyarrow as pa

    return {
        name: pa.string() if name in _TEXT_COLUMNS or name.startswith(INSTRUMENT) else pa.float64() for name in names
    }


def column_names(path: str | Path) -> list[str]:
    """Column names of a results.csv, in order. Raises LabError where it is missing or is not a results.csv."""
    try:
        with Path(path).open(encoding="utf-8", newline="") as file:
            names = next(csv.reader(file), [])
    except (OSError, UnicodeDecodeError, csv.Error):
        names = []
    if not {"image", "status"} <= set(names):
        raise LabError(f"{path} is missing or not a table of results; classify the source again.")
    return names
