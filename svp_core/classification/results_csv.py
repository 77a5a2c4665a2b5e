"""results.csv: one row for every particle that was offered, none missing; written row by row, read again by columns."""

import csv

import numpy as np

from svp_core.errors import LabError
from svp_core.morphology import MEASURES
from svp_core.particle_classes import CLASSES

INSTRUMENT = "instrument."  # before the names of the instrument's own columns
_TEXTS = ("image", "label", "given", "touches_edge", "run", "status", "reason")  # columns that hold words


def columns(class_keys, instrument=()):
    """Column names of results.csv for a classifier of these classes and these columns of the instrument."""
    probabilities = [f"p_{key}" for key in class_keys]
    ours = ["image", "label", "confidence", *probabilities, "given", *MEASURES, "um_per_px", "run", "status", "reason"]
    return [*ours, *(f"{INSTRUMENT}{name}" for name in instrument)]


class ResultsWriter:
    """results.csv, written row by row as chunks come in."""

    def __init__(self, file, class_keys, instrument=()):
        self._columns = columns(class_keys, instrument)
        # Ours are rounded; what the instrument wrote stays as it is.
        self._ours = len(columns(class_keys))
        self._writer = csv.writer(file, lineterminator="\n")
        self._writer.writerow(self._columns)

    def write(self, chunk):
        """Append a chunk's rows; probabilities and measures with four decimals, nothing for None."""
        for row in chunk.rows:
            values = [row[name] for name in self._columns]
            self._writer.writerow([*map(_text, values[: self._ours]), *values[self._ours :]])


def _text(value):
    if value is None:
        return ""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float | np.floating):
        return f"{value:.4f}"
    return str(value)


def count_classes(rows):
    """How many rows with status ok carry each label: dict class key -> int, in the order of CLASSES, others after."""
    counts = {c.key: 0 for c in CLASSES}
    for row in rows:
        if row["status"] == "ok":
            counts[row["label"]] = counts.get(row["label"], 0) + 1
    return counts


def read_results(path, columns=None):
    """results.csv as a pandas table, a row an offered item in the file's order; only these columns, in this order.

    Words (image, label, given, touches_edge "yes" or "no", run, status, reason) are missing where there are none; all
    else of ours is float. A column of the instrument is float where all it holds are numbers, else the words as they
    stand. Raises LabError where the file is none of ours, or has no such column.
    """
    import pyarrow as pa
    from pyarrow import csv as tables

    texts = {name: pa.string() for name in column_names(path)}
    missing = [name for name in columns or () if name not in texts]
    if missing:
        raise LabError(f"{path} has no column {', '.join(missing)}; classify the source again.")
    wanted = list(texts) if columns is None else list(columns)
    # Every type is told: guessed from the first rows, it would not hold for the last ones.
    numbers = {name: pa.float64() for name in texts if name not in _TEXTS and not name.startswith(INSTRUMENT)}
    try:
        table = tables.read_csv(
            path,
            parse_options=tables.ParseOptions(newlines_in_values=True),
            convert_options=tables.ConvertOptions(
                column_types=texts | numbers, include_columns=wanted, null_values=[""], strings_can_be_null=True
            ),
        )
    except (pa.ArrowInvalid, OSError) as error:
        raise LabError(f"{path} is no table of results ({str(error).splitlines()[0]}).") from None
    for place, name in enumerate(table.column_names):
        if name.startswith(INSTRUMENT):
            try:
                table = table.set_column(place, name, table.column(place).cast(pa.float64()))
            except pa.ArrowInvalid:
                continue  # words
    return table.to_pandas()


def column_names(path):
    """Names of the columns of a results.csv, in their order. Raises LabError where it is missing or none of ours."""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            names = next(csv.reader(file), [])
    except (OSError, UnicodeDecodeError, csv.Error):
        names = []
    if not {"image", "status"} <= set(names):
        raise LabError(f"{path} is missing or no table of results; classify the source again.")
    return names
