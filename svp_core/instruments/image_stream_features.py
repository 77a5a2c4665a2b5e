"""Tables of features that IDEAS exports beside the images of an ImageStream: one row per object, separated by tabs.

A line with the name of the file may stand before the header; the column Object Number says which object a row is of.
Written according to the columns that public programs read; no export was available.
"""

from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from svp_core.images import ImageUnreadable
from svp_core.instruments.records import ScannedFiles
from svp_core.instruments.text_tables import decode_text, header_keys, parse_integer, parse_table

OBJECT_NUMBER = "Object Number"
_KEY = OBJECT_NUMBER.casefold()
MAX_COLUMNS = 500  # features that are kept: IDEAS can compute thousands


@dataclass(frozen=True)
class Features:
    """What tables state of the objects of one export."""

    columns: tuple[str, ...] = ()  # names as written, without the object's number
    rows: Mapping[int, tuple[str, ...]] = field(default_factory=dict)  # object -> texts of these columns
    names: tuple[str, ...] = ()  # of the files
    notes: tuple[str, ...] = ()

    def of(self, number: int) -> dict[str, str]:
        """{column: text} of an object; empty for one without a row."""
        return dict(zip(self.columns, self.rows.get(number, ()), strict=False))


def _is_header(keys: AbstractSet[str]) -> bool:
    return _KEY in keys and len(keys) > 1


def find_features(scanned: ScannedFiles, folder: str, objects: Collection[int]) -> Features:
    """Features of the objects with these numbers, whose images lie in this folder.

    Of several tables, that with most of the objects is taken; the others are noted.
    """
    tables = [
        name
        for name, head in scanned.heads.items()
        if name.rpartition("/")[0] == folder and header_keys(head, _is_header)
    ]
    found = sorted((_read(scanned, name, objects) for name in tables), key=lambda features: -len(features.rows))
    if not found or not found[0].rows:
        return Features(names=tuple(tables))
    best = found[0]
    others = [name.rpartition("/")[2] for name in tables if name not in best.names]
    without = len(objects) - len(best.rows)
    notes = [
        *best.notes,
        *([f"Features are not stated for {without:,} of {len(objects):,} objects."] if without else []),
        *([f"Further tables of features are not used: {', '.join(others[:5])}."] if others else []),
    ]
    return Features(best.columns, best.rows, tuple(tables), tuple(notes))


def _read(scanned: ScannedFiles, name: str, objects: Collection[int]) -> Features:
    file_name, wanted = name.rpartition("/")[2], set(objects)
    try:
        table = parse_table(decode_text(scanned.files.read(name)), _is_header)
    except ImageUnreadable as error:
        return Features(names=(name,), notes=(f"The table of features {file_name} cannot be read: {error}.",))
    at = table.positions[_KEY]
    chosen = [position for position in range(len(table.names)) if position != at and table.names[position]][
        :MAX_COLUMNS
    ]
    rows: dict[int, tuple[str, ...]] = {}
    repeated = 0
    for line in table.lines:
        values = table.values(line)
        number = parse_integer(values[at]) if at < len(values) else None
        if number is None or number not in wanted:
            continue
        repeated += number in rows
        rows.setdefault(number, tuple(values[p] if p < len(values) else "" for p in chosen))
    notes = [f"{file_name} states features of the objects; they are kept as columns."]
    if repeated:
        notes.append(f"{repeated:,} rows of {file_name} repeat an object; the first of each is taken.")
    if len(table.names) - 1 > MAX_COLUMNS:
        notes.append(f"Only the first {MAX_COLUMNS} features of {file_name} are kept.")
    return Features(tuple(table.names[p] for p in chosen), rows, (name,), tuple(notes))
