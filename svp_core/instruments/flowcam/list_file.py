"""FlowCam's .lst (and .flb, a library's): which particle stands in which collage, and what was measured of it.

The list is read by its header, never by counting columns: line 1 a format number, line 2 "num-fields|N", N lines
"name|type", then one row per particle, values parted by "|".
"""

import re
from dataclasses import dataclass
from functools import cached_property

from svp_core.errors import LabError
from svp_core.images import ImageUnreadable
from svp_core.instruments.records import file_stem
from svp_core.instruments.text_tables import decode_text, parse_number, parse_positive

BOX_FIELDS = ("image_x", "image_y", "image_w", "image_h")
REQUIRED_FIELDS = (*BOX_FIELDS, "collage_file")
_HEADER = re.compile(r"\s*\d{1,4}\s*\n\s*num-fields\|(\d{1,4})\s*\n")
_DOUBLE, _WHOLE = {"float", "double"}, {"int32", "int64"}


@dataclass(frozen=True)
class RunList:
    """The list of one run or library."""

    path: str  # name of the list within the source
    fields: tuple[str, ...]
    kinds: tuple[str, ...]  # of the fields: int32, double, string, timestamp, guid
    lines: tuple[str, ...]  # one per particle, not yet taken apart

    @property
    def title(self):
        return file_stem(self.path)

    def column(self, field):
        """The text under one field in every line; "" where a line is too short, or the list has no such field."""
        if field not in self.fields:
            return [""] * len(self.lines)
        at = self.fields.index(field)
        parts = (line.split("|", at + 1) for line in self.lines)
        return [values[at].strip() if at < len(values) else "" for values in parts]

    def row(self, line):
        """(field -> value of one line, how many values it has); what is not the number it should be stays text."""
        values = line.split("|")
        if len(values) == len(self.fields) + 1 and not values[-1].strip():
            values.pop()
        try:
            row = {field: take(value) for field, take, value in zip(self.fields, self._takes, values, strict=False)}
        except ValueError:
            pairs = zip(self.fields, self.kinds, values, strict=False)
            row = {field: _value(kind, value.strip()) for field, kind, value in pairs}
        return row, len(values)

    @cached_property
    def _takes(self):
        return [int if kind in _WHOLE else float if kind in _DOUBLE else str.strip for kind in self.kinds]


def is_list(head):
    """Whether a text that begins like this is a FlowCam list, whatever the file is called."""
    return bool(_HEADER.match(head))


def read_list(files, name):
    """RunList from the file of this name. Raises LabError when the list as a whole cannot be used."""
    shown = name.rpartition("/")[2]
    try:
        text = decode_text(files.read(name))
    except ImageUnreadable as error:
        raise LabError(f"The FlowCam list {shown} cannot be read: {error}.") from None
    header = _HEADER.match(text)
    if header is None:
        raise LabError(f'{shown} is no FlowCam list: it does not begin with a format number and "num-fields".')
    announced, lines = int(header[1]), text[header.end() :].split("\n")
    named = [line.strip().split("|") for line in lines[:announced]]
    if len(named) < announced or any(len(field) != 2 for field in named):
        good = next((i for i, field in enumerate(named) if len(field) != 2), len(named))
        raise LabError(f"The FlowCam list {shown} announces {announced} columns but names {good}; export it again.")
    fields, kinds = zip(*named, strict=True) if named else ((), ())
    missing = [field for field in REQUIRED_FIELDS if field not in fields]
    if missing:
        raise LabError(f"The FlowCam list {shown} has no column {', '.join(missing)}, so no particle can be cut out.")
    rows = tuple(line for line in lines[announced:] if line.strip())
    if not rows:
        raise LabError(f"The FlowCam list {shown} holds no particles; choose another run.")
    return RunList(name, fields, kinds, rows)


def row_fault(run, row, value_count):
    """Why nothing can be cut by this row, in words; "" when it can."""
    # Too long a row is as wrong as a short one: nobody knows which value is which.
    if value_count != len(run.fields):
        return f"its row in the list has {value_count} values but the header names {len(run.fields)}"
    wrong = next((key for key in BOX_FIELDS if not isinstance(row[key], int)), None)
    return f"{wrong} in the list is {str(row[wrong])[:20]!r}, not a whole number" if wrong else ""


def distinct_scales(run):
    """The distinct pixel sizes (um per px) of its particles, in order of appearance."""
    scales = map(parse_positive, dict.fromkeys(run.column("cal_const")))
    return tuple(dict.fromkeys(scale for scale in scales if scale))


def _value(kind, text):
    try:
        if kind in _WHOLE:
            return int(text)
        if kind in _DOUBLE:
            return float(text)
    except ValueError:
        # A list written where the decimal sign is a comma.
        number = parse_number(text) if kind in _DOUBLE else None
        return text if number is None else number
    return text
