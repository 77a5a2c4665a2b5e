"""FlowCam's csv export of a run: columns by name, whatever the version wrote them as.

VisualSpreadsheet 4 writes "Area (ABD)", versions 5 and 6 "Area (ABD) (µm²)", version 2 "Filename" for "Image File";
users choose columns. So names are compared without units and capitals, and only what is used is required. Known from
real exports of version 4.19.3; the names of the other versions are those that their open readers document.
"""

from svp_core.images import ImageUnreadable
from svp_core.instruments.text_tables import decode_text, normalise_name, parse_table

ID_COLUMNS = ("particle id", "id")
FILE_COLUMNS = ("image file", "filename")
BOX_COLUMNS = (("image x", "savex"), ("image y", "savey"), ("image width", "pixelw"), ("image height", "pixelh"))
SCALE_COLUMNS = ("calibration factor", "calibration constant")
HEADER_BYTES = 65_536
_MEASURED = {"area (abd)", "diameter (abd)", "diameter (esd)", "area (filled)", "feret max angle", "capture x"}


def export_layout(head):
    """How the particles of an export that begins like this have their images; None for any other text.

    "cut": it says where each stands in a collage. "single": their images are files of their own.
    """
    keys = set(parse_table(head[: head.find("\n")] if "\n" in head else head).positions)
    if not keys & set(ID_COLUMNS):
        return None
    if all(keys & set(names) for names in (FILE_COLUMNS, *BOX_COLUMNS)):
        return "cut"
    return "single" if len(keys & _MEASURED) >= 2 else None


def read_export(files, name):
    """Table of the export of this name. Raises ImageUnreadable."""
    return parse_table(decode_text(files.read(name)))


def first_key(table, names):
    """The first of these column keys that the table has, or None."""
    return next((key for key in names if key in table.positions), None)


def exported_names(files, beside, title):
    """Column names of the export that lies beside a list; () without one."""
    name = beside.get(normalise_name(f"{title}.csv"))
    try:
        table = parse_table(decode_text(files.read(name, limit=HEADER_BYTES))) if name else parse_table("")
    except ImageUnreadable:
        return ()
    return table.names if first_key(table, ID_COLUMNS) else ()


def rows_by_id(files, beside, title):
    """Function (id) -> {column: text} of the export that lies beside a list; gives {} where it has no such id."""
    name = beside.get(normalise_name(f"{title}.csv"))
    try:
        table = read_export(files, name) if name else parse_table("")
    except ImageUnreadable:
        table = parse_table("")
    id_key = first_key(table, ID_COLUMNS)
    if id_key is None:
        return lambda identity: {}
    at = table.positions[id_key]
    # Lines are kept whole until they are asked for. The id is in front in every export seen; a quoted delimiter before
    # it would only lose the extra columns.
    lines = {}
    for line in table.lines:
        parts = line.split(table.delimiter, at + 1)
        if len(parts) > at:
            lines[parts[at].strip().strip('"')] = line

    def columns(identity):
        line = lines.get(str(identity))
        values = table.values(line) if line else []
        return dict(zip(table.names, values, strict=True)) if len(values) == len(table.names) else {}

    return columns
