"""FlowCam's csv export of a run: columns by name, whatever the version wrote them as.

VisualSpreadsheet 4 writes "Area (ABD)", versions 5 and 6 "Area (ABD) (µm²)", version 2 "Filename" for "Image File";
users choose columns. So names are compared without units and capitals, and only what is used is required. Known from
real exports of version 4.19.3; the names of the other versions are those that their open readers document.
"""

from svp_core.images import ImageUnreadable
from svp_core.instruments.text_tables import plain_name, table_of, text_of

ID = ("particle id", "id")
FILE = ("image file", "filename")
BOX = (("image x", "savex"), ("image y", "savey"), ("image width", "pixelw"), ("image height", "pixelh"))
SCALE = ("calibration factor", "calibration constant")
HEADER_BYTES = 65_536
_MEASURED = {"area (abd)", "diameter (abd)", "diameter (esd)", "area (filled)", "feret max angle", "capture x"}


def is_export(head):
    """How the particles of an export that begins like this have their images; None for any other text.

    "cut": it says where each stands in a collage. "single": their images are files of their own.
    """
    keys = set(table_of(head[: head.find("\n")] if "\n" in head else head).at)
    if not keys & set(ID):
        return None
    if all(keys & set(names) for names in (FILE, *BOX)):
        return "cut"
    return "single" if len(keys & _MEASURED) >= 2 else None


def read_export(files, name):
    """Table of the export of this name. Raises ImageUnreadable."""
    return table_of(text_of(files.read(name)))


def key_among(table, names):
    """The first of these column keys that the table has, or None."""
    return next((key for key in names if key in table.at), None)


def names_beside(files, beside, title):
    """Column names of the export that lies beside a list; () without one."""
    name = beside.get(plain_name(f"{title}.csv"))
    try:
        table = table_of(text_of(files.read(name, limit=HEADER_BYTES))) if name else table_of("")
    except ImageUnreadable:
        return ()
    return table.names if key_among(table, ID) else ()


def rows_by_id(files, beside, title):
    """Function (id) -> {column: text} of the export that lies beside a list; gives {} where it has no such id."""
    name = beside.get(plain_name(f"{title}.csv"))
    try:
        table = read_export(files, name) if name else table_of("")
    except ImageUnreadable:
        table = table_of("")
    id_key = key_among(table, ID)
    if id_key is None:
        return lambda identity: {}
    at = table.at[id_key]
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
