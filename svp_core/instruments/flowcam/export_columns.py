"""Columns of FlowCam's csv export of a run, found by name in the spelling of every version.

VisualSpreadsheet 4 writes "Area (ABD)", versions 5 and 6 "Area (ABD) (µm²)", version 2 "Filename" for "Image File";
users choose which columns to export. Names are therefore compared without units and case, and only columns that are
used are required. Derived from real exports of version 4.19.3; the names of the other versions are those documented by
open-source readers.
"""

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Literal

from svp_core.images import ImageUnreadable
from svp_core.instruments.records import SourceFiles
from svp_core.instruments.text_tables import Table, decode_text, header_keys, normalise_name, parse_table

ID_COLUMNS = ("particle id", "id")
FILE_COLUMNS = ("image file", "filename")
BOX_COLUMNS = (("image x", "savex"), ("image y", "savey"), ("image width", "pixelw"), ("image height", "pixelh"))
SCALE_COLUMNS = ("calibration factor", "calibration constant")
HEADER_BYTES = 65_536
_MEASURED = {"area (abd)", "diameter (abd)", "diameter (esd)", "area (filled)", "feret max angle", "capture x"}

Layout = Literal["collage", "single"]


def export_layout(head: str) -> Layout | None:
    """How the particles' images are stored, from the start of an export; None for any other text.

    "collage": the export gives each particle's box in a collage. "single": each particle is an image file of its own.
    """
    return _layout(header_keys(head, lambda keys: _layout(keys) is not None))


def _layout(keys: AbstractSet[str]) -> Layout | None:
    if not _has_ids(keys):
        return None
    if all(not keys.isdisjoint(names) for names in (FILE_COLUMNS, *BOX_COLUMNS)):
        return "collage"
    return "single" if len(keys & _MEASURED) >= 2 else None


def _has_ids(keys: AbstractSet[str]) -> bool:
    return not keys.isdisjoint(ID_COLUMNS)


def read_export(files: SourceFiles, name: str) -> Table:
    """Table of the export of this name. Raises ImageUnreadable."""
    return parse_export(decode_text(files.read(name)))


def parse_export(text: str) -> Table:
    """Table of an export's text, or of its start."""
    return parse_table(text, _has_ids)


def first_key(table: Table, keys: Iterable[str]) -> str | None:
    """The first of these column keys that the table has, or None."""
    return next((key for key in keys if key in table.positions), None)


def exported_names(files: SourceFiles, siblings: Mapping[str, str], title: str) -> tuple[str, ...]:
    """Column names of the export beside a list; () without one."""
    name = siblings.get(normalise_name(f"{title}.csv"))
    try:
        text = decode_text(files.read(name, limit=HEADER_BYTES)) if name else ""
    except ImageUnreadable:
        return ()
    table = parse_table(text, _has_ids)
    return table.names if first_key(table, ID_COLUMNS) else ()


def rows_by_id(files: SourceFiles, siblings: Mapping[str, str], title: str) -> Callable[[object], dict[str, str]]:
    """Function (id) -> {column: text} of the export beside a list; {} for an id that is not in it."""
    name = siblings.get(normalise_name(f"{title}.csv"))
    try:
        table = read_export(files, name) if name else parse_table("")
    except ImageUnreadable:
        table = parse_table("")
    id_key = first_key(table, ID_COLUMNS)
    if id_key is None:
        return lambda particle_id: {}
    id_position = table.positions[id_key]
    # Lines are split on demand. The id comes first in every export known; a quoted delimiter before it would only lose
    # the extra columns.
    lines = {}
    for line in table.lines:
        parts = line.split(table.delimiter, id_position + 1)
        if len(parts) > id_position:
            lines[parts[id_position].strip().strip('"')] = line

    def columns(particle_id: object) -> dict[str, str]:
        line = lines.get(str(particle_id))
        values = table.values(line) if line else []
        return dict(zip(table.names, values, strict=True)) if len(values) == len(table.names) else {}

    return columns
