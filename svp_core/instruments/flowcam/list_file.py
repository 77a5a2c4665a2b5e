"""Read FlowCam's list (.lst, or .flb of a library): the box of each particle in its collage, and its measurements.

The list is read by its header, never by counting columns: line 1 a format number, line 2 "num-fields|N", N lines
"name|type", then one row per particle, values separated by "|".
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from svp_core.errors import LabError
from svp_core.images import ImageUnreadable
from svp_core.instruments.records import SourceFiles, file_stem
from svp_core.instruments.text_tables import decode_text, parse_number, parse_positive

BOX_FIELDS = ("image_x", "image_y", "image_w", "image_h")
REQUIRED_FIELDS = (*BOX_FIELDS, "collage_file")
_HEADER = re.compile(r"\s*\d{1,4}\s*\n\s*num-fields\|(\d{1,4})\s*\n")
_FLOAT_TYPES, _INTEGER_TYPES = {"float", "double"}, {"int32", "int64"}


@dataclass(frozen=True)
class RunList:
    """The list of one run or library."""

    path: str  # name of the list within the source
    fields: tuple[str, ...]
    types: tuple[str, ...]  # of the fields: int32, double, string, timestamp, guid
    lines: tuple[str, ...]  # one per particle, not yet split

    @property
    def title(self) -> str:
        """Name of the run: the list's file name without ending."""
        return file_stem(self.path)

    def column(self, field: str) -> list[str]:
        """The text of one field in every line; "" if a line is too short or the list does not have the field."""
        if field not in self.fields:
            return [""] * len(self.lines)
        position = self.fields.index(field)
        parts = (line.split("|", position + 1) for line in self.lines)
        return [values[position].strip() if position < len(values) else "" for values in parts]

    def row(self, line: str) -> tuple[dict[str, Any], int]:
        """({field: value} of one line, number of its values); a value that should be a number but is not stays text."""
        values = line.split("|")
        if len(values) == len(self.fields) + 1 and not values[-1].strip():
            values.pop()
        try:
            row = {field: parse(value) for field, parse, value in zip(self.fields, self._parsers, values, strict=False)}
        except ValueError:
            triples = zip(self.fields, self.types, values, strict=False)
            row = {field: _parse_value(type_name, value.strip()) for field, type_name, value in triples}
        return row, len(values)

    @cached_property
    def _parsers(self) -> list[Callable[[str], Any]]:
        return [
            int if type_name in _INTEGER_TYPES else float if type_name in _FLOAT_TYPES else str.strip
            for type_name in self.types
        ]


def is_list(head: str) -> bool:
    """Whether a text that starts like this is a FlowCam list, whatever the file is called."""
    return bool(_HEADER.match(head))


def read_list(files: SourceFiles, name: str) -> RunList:
    """RunList from the file of this name. Raises LabError when the list as a whole cannot be used."""
    file_name = name.rpartition("/")[2]
    try:
        text = decode_text(files.read(name))
    except ImageUnreadable as error:
        raise LabError(f"The FlowCam list {file_name} cannot be read: {error}.") from None
    header = _HEADER.match(text)
    if header is None:
        raise LabError(
            f'{file_name} is not a FlowCam list: it does not start with a format number and "num-fields"; choose the '
            "run's .lst file."
        )
    count, lines = int(header[1]), text[header.end() :].split("\n")
    columns = [line.strip().split("|") for line in lines[:count]]
    if len(columns) < count or any(len(column) != 2 for column in columns):
        valid = next((i for i, column in enumerate(columns) if len(column) != 2), len(columns))
        raise LabError(f"The FlowCam list {file_name} announces {count} columns but names {valid}; export it again.")
    fields, types = tuple(column[0] for column in columns), tuple(column[1] for column in columns)
    missing = [field for field in REQUIRED_FIELDS if field not in fields]
    if missing:
        raise LabError(
            f"The FlowCam list {file_name} has no column {', '.join(missing)}, so no particle can be cropped; export "
            "it again."
        )
    rows = tuple(line for line in lines[count:] if line.strip())
    if not rows:
        raise LabError(f"The FlowCam list {file_name} contains no particles; choose another run.")
    return RunList(name, fields, types, rows)


def row_fault(run: RunList, row: Mapping[str, Any], value_count: int) -> str:
    """Why no particle can be cropped with this row; "" when it can."""
    # Too long a row is as wrong as a short one: it is unknown which value belongs to which field.
    if value_count != len(run.fields):
        return (
            f"its row in the list has {value_count} values but the header names {len(run.fields)}; export the run again"
        )
    wrong = next((key for key in BOX_FIELDS if not isinstance(row[key], int)), None)
    return f"{wrong} in the list is {str(row[wrong])[:20]!r}, not a whole number; export the run again" if wrong else ""


def distinct_scales(run: RunList) -> tuple[float, ...]:
    """The distinct pixel sizes (um per px) of its particles, in order of appearance."""
    scales = map(parse_positive, dict.fromkeys(run.column("cal_const")))
    return tuple(dict.fromkeys(scale for scale in scales if scale))


def _parse_value(type_name: str, text: str) -> int | float | str:
    try:
        if type_name in _INTEGER_TYPES:
            return int(text)
        if type_name in _FLOAT_TYPES:
            return float(text)
    except ValueError:
        # A list written with a decimal comma.
        number = parse_number(text) if type_name in _FLOAT_TYPES else None
        return text if number is None else number
    return text
