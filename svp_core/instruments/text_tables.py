"""Text as instruments write it, in any encoding, decimal sign and delimiter: decode it, parse numbers and tables."""

import csv
import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

# Units that may stand in brackets after a column's name. The bracket of "Area (ABD)" is part of the name.
_UNIT = re.compile(r"\s*\((?:[µμu]m|mm|cm|px|pixels?|n?m?s|sec|m?l|[µμu]l|mL|%|°|deg|fps)[²³23]?\)$", re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+(?:e[+-]?\d+)?", re.IGNORECASE)
_DELIMITERS = ",;\t|"


def decode_text(data: bytes) -> str:
    """Text of a file's bytes, with line ends "\\n".

    Decoded by its byte order mark if there is one; as UTF-16 if every other byte is 0; else as UTF-8 if it is valid
    UTF-8, otherwise as latin-1. These are what instruments write; a statistical guess could pick another encoding.
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = data.decode("utf-16", "replace")
    elif data[1:8:2].count(0) == 4:
        text = data.decode("utf-16-le", "replace")
    elif data[0:8:2].count(0) == 4:
        text = data.decode("utf-16-be", "replace")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def normalise_name(name: str) -> str:
    """The last part of a file's path in the form for comparison: case-folded, composed (NFC), Windows paths removed."""
    # Lists name files as Windows did, perhaps with a path; archives from a Mac decompose umlauts.
    return unicodedata.normalize("NFC", name.replace("\\", "/").rpartition("/")[2]).casefold()


def parse_number(value: object) -> float | None:
    """Finite float of a text like "0.5544" or "0,5544"; None for anything else."""
    try:
        text = str(value).strip()
        number = float(text.replace(",", ".") if _DECIMAL_COMMA.fullmatch(text) else text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def parse_positive(value: object) -> float | None:
    """parse_number if the result is above 0, else None."""
    number = parse_number(value)
    return number if number and number > 0 else None


def parse_integer(value: object) -> int | None:
    """int of a text like "12" or "12.0000", else None."""
    number = parse_number(value)
    return int(number) if number is not None and number == int(number) else None


def column_key(name: str) -> str:
    """A column's name in the form for comparison: without a final unit in brackets, lower case, single spaces."""
    return " ".join(_UNIT.sub("", name.strip().lstrip("\ufeff")).split()).casefold()


@dataclass(frozen=True)
class Table:
    """A delimited text with a line of column names; rows are split on demand."""

    names: tuple[str, ...]  # as written, without surrounding spaces
    delimiter: str
    lines: tuple[str, ...]  # one per row, empty lines excluded

    @cached_property
    def positions(self) -> dict[str, int]:
        """column_key -> position; of two columns of the same name, the first."""
        positions: dict[str, int] = {}
        for position, name in enumerate(self.names):
            positions.setdefault(column_key(name), position)
        return positions

    def column(self, key: str) -> list[str]:
        """The text in the column of this key in every row; "" in rows that are too short."""
        position, texts = self.positions[key], []
        for line in self.lines:
            values = self.values(line) if '"' in line else line.split(self.delimiter, position + 1)
            texts.append(values[position].strip() if position < len(values) else "")
        return texts

    def values(self, line: str) -> list[str]:
        """The texts in one line; with a delimiter other than the comma, decimal commas become points."""
        values = _split(line, self.delimiter)
        if self.delimiter != ",":
            values = [v.replace(",", ".") if "," in v and _DECIMAL_COMMA.fullmatch(v) else v for v in values]
        # A delimiter at the end of every line makes one empty value more than there are columns.
        return values[:-1] if len(values) == len(self.names) + 1 and not values[-1] else values

    def value(self, values: Sequence[str], key: str | None) -> str | None:
        """The text in the column of this key, from values(); None if there is no such column or value."""
        position = None if key is None else self.positions.get(key)
        return values[position] if position is not None and position < len(values) else None


def parse_table(text: str) -> Table:
    """Table of a delimited text; the delimiter is the most frequent one in the first line. Empty text: no rows."""
    lines = [line for line in text.split("\n") if line.strip()]
    first = lines[0] if lines else ""
    delimiter = max(_DELIMITERS, key=first.count)
    names = tuple(_split(first, delimiter))
    if len(names) > 1 and not names[-1]:
        names = names[:-1]
    return Table(names, delimiter, tuple(lines[1:]))


def _split(line: str, delimiter: str) -> list[str]:
    try:
        return [value.strip() for value in next(csv.reader([line], delimiter=delimiter), [])]
    except csv.Error:  # a value of more than 131,072 characters
        return []


def parse_fields(text: str, *, separators: str = ":=,;\t") -> dict[str, str]:
    """Lines "key: value" of a text as a dict from column_key to the value's text; of equal keys the first is kept."""
    fields: dict[str, str] = {}
    for line in text.split("\n"):
        parts = re.split(f"[{re.escape(separators)}]", line.strip(), maxsplit=1)
        if len(parts) == 2 and parts[0].strip():
            fields.setdefault(column_key(parts[0]), parts[1].strip().strip('"').strip())
    return fields
