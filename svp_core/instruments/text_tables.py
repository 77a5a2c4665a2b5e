"""Text as instruments write it: any encoding, any decimal sign, tables with any delimiter -> str, numbers, rows."""

import csv
import math
import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property

# What may stand in brackets behind a column's name. "Area (ABD)" keeps its own.
_UNIT = re.compile(r"\s*\((?:[µμu]m|mm|cm|px|pixels?|n?m?s|sec|m?l|[µμu]l|mL|%|°|deg|fps)[²³23]?\)$", re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+(?:e[+-]?\d+)?", re.IGNORECASE)
_DELIMITERS = ",;\t|"


def decode_text(data):
    """Text of a file's bytes, line ends "\\n".

    By its byte order mark, else UTF-16 where every other byte is 0, else UTF-8 where it is that, else latin-1.
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


def normalise_name(name):
    """The last part of a file's name as it is compared: any case, umlauts in one piece, Windows' paths taken off."""
    # Lists name files as Windows did, perhaps with a path; archives from a Mac take umlauts apart.
    return unicodedata.normalize("NFC", name.replace("\\", "/").rpartition("/")[2]).casefold()


def parse_number(value):
    """float of a text like "0.5544" or "0,5544", finite; None where it is none."""
    try:
        text = str(value).strip()
        number = float(text.replace(",", ".") if _DECIMAL_COMMA.fullmatch(text) else text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def parse_positive(value):
    """number_of where it is above 0, else None."""
    number = parse_number(value)
    return number if number and number > 0 else None


def parse_integer(value):
    """int of a text like "12" or "12.0000", else None."""
    number = parse_number(value)
    return int(number) if number is not None and number == int(number) else None


def column_key(name):
    """A column's name as it is compared: without a last bracket that is a unit, in lower case, single spaces."""
    return " ".join(_UNIT.sub("", name.strip().lstrip("\ufeff")).split()).casefold()


@dataclass(frozen=True)
class Table:
    """A delimited text with a line of column names; rows are taken apart when they are asked for."""

    names: tuple[str, ...]  # as written, spaces around them taken off
    delimiter: str
    lines: tuple[str, ...]  # one per row, empty ones left out

    @cached_property
    def positions(self):
        """column_key -> position; the first of two columns of one name."""
        found = {}
        for position, name in enumerate(self.names):
            found.setdefault(column_key(name), position)
        return found

    def column(self, key):
        """The text under the column of this key in every row; "" where a row is too short."""
        at, texts = self.positions[key], []
        for line in self.lines:
            values = self.values(line) if '"' in line else line.split(self.delimiter, at + 1)
            texts.append(values[at].strip() if at < len(values) else "")
        return texts

    def values(self, line):
        """The texts in one line; with a delimiter other than the comma, decimal commas become points."""
        values = _parted(line, self.delimiter)
        if self.delimiter != ",":
            values = [v.replace(",", ".") if "," in v and _DECIMAL_COMMA.fullmatch(v) else v for v in values]
        # A delimiter at the end of every line makes one empty value more than there are columns.
        return values[:-1] if len(values) == len(self.names) + 1 and not values[-1] else values

    def value(self, values, key):
        """The text under the column of this key in values(), or None where there is no such column or value."""
        position = self.positions.get(key)
        return values[position] if position is not None and position < len(values) else None


def parse_table(text):
    """Table of a delimited text: by the delimiter that its first line holds most often. No rows for an empty text."""
    lines = [line for line in text.split("\n") if line.strip()]
    first = lines[0] if lines else ""
    delimiter = max(_DELIMITERS, key=first.count)
    names = tuple(_parted(first, delimiter))
    if len(names) > 1 and not names[-1]:
        names = names[:-1]
    return Table(names, delimiter, tuple(lines[1:]))


def _parted(line, delimiter):
    try:
        return [value.strip() for value in next(csv.reader([line], delimiter=delimiter), [])]
    except csv.Error:  # a value of more than 131,072 characters
        return []


def parse_fields(text, *, separators=":=,;\t"):
    """Lines "key: value" of a text as a dict: the key as column_key, the value's text; the first of one key holds."""
    found = {}
    for line in text.split("\n"):
        parts = re.split(f"[{re.escape(separators)}]", line.strip(), maxsplit=1)
        if len(parts) == 2 and parts[0].strip():
            found.setdefault(column_key(parts[0]), parts[1].strip().strip('"').strip())
    return found
