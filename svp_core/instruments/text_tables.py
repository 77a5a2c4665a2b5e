"""Text as instruments write it, in any encoding, decimal sign and delimiter: decode it, parse numbers and tables."""

import csv
import math
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

# Units that may stand in brackets after a column's name. The bracket of "Area (ABD)" is part of the name.
_UNIT = re.compile(r"\s*\((?:[µμu]m|mm|cm|px|pixels?|n?m?s|sec|m?l|[µμu]l|mL|%|°|deg|fps)[²³23]?\)$", re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+(?:e[+-]?\d+)?", re.IGNORECASE)
_SPACES = " '’\u00a0\u202f"  # between groups of thousands, whatever the decimal sign; of them, two are no-break spaces
_GROUPED = {  # by decimal sign: 1,234.5 and 1 234.5, 1.234,5 and 1 234,5
    ".": re.compile(rf"[+-]?\d{{1,3}}(?:[,{_SPACES}]\d{{3}})+(?:\.\d+)?"),
    ",": re.compile(rf"[+-]?\d{{1,3}}(?:[.{_SPACES}]\d{{3}})+(?:,\d+)?"),
}
# A number in which the sign can only be the decimal one: three digits after it might be thousands, others are not.
_CERTAIN = {
    ".": re.compile(r"[+-]?(?:\d+\.(?:\d{1,2}|\d{4,})|(?:0|\d{4,})\.\d+|[\d,]+,\d{3}\.\d+)(?:e[+-]?\d+)?", re.I),
    ",": re.compile(r"[+-]?(?:\d+,(?:\d{1,2}|\d{4,})|(?:0|\d{4,}),\d+|[\d.]+\.\d{3},\d+)(?:e[+-]?\d+)?", re.I),
}
_DELIMITERS = ",;\t|"
_SEPARATOR_LINE = re.compile(r'\s*"?sep=(.)"?[\s,;|]*', re.IGNORECASE)  # of Excel, before the header
_OPEN_QUOTE = re.compile(
    r'(?:^|[,;\t|])\s*"(?:[^"]|"")*$'
)  # a value that begins with a quote and goes on in the next line
_CLOSING_QUOTE = re.compile(r'(?:[^"]|"")*"\s*(?:[,;\t|]|$)')  # the end of such a value
_NOTHING = ' \t,;|"\u00a0\ufeff'  # all that an empty row consists of
MAX_LEADING_ROWS = 50  # before the header
MAX_JOINED_LINES = 100  # of one row with line breaks in quotes
_SAMPLED_ROWS = 200  # from which the decimal sign is found
_LONGEST_VALUE = 131_072  # characters, for the csv module


def decode_text(data: bytes) -> str:
    """Text of a file's bytes, with line ends "\\n"; the bytes may end within a character, which is then left out.

    Decoded by its byte order mark if there is one; as UTF-16 if every other byte is 0; else as UTF-8 if it is valid
    UTF-8, otherwise as Windows-1252. These are what instruments write; a statistical guess could pick another encoding.
    """
    if data[:4] in (b"\xff\xfe\0\0", b"\0\0\xfe\xff"):
        text = data.decode("utf-32", "ignore")
    elif data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = data.decode("utf-16", "replace")
    elif data[1:8:2].count(0) == 4:
        text = data.decode("utf-16-le", "replace")
    elif data[0:8:2].count(0) == 4:
        text = data.decode("utf-16-be", "replace")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            cut = error.reason == "unexpected end of data"
            text = data[: error.start].decode("utf-8-sig") if cut and error.start else _decode_windows(data)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _decode_windows(data: bytes) -> str:
    """Text in Windows-1252; the five bytes that it leaves undefined are control characters, as in latin-1."""
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:
        return "".join(bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in data)


def normalise_name(name: str) -> str:
    """The last part of a file's path in the form for comparison: case-folded, composed (NFC), Windows paths removed."""
    # Lists name files as Windows did, perhaps with a path; archives from a Mac decompose umlauts.
    return unicodedata.normalize("NFC", name.replace("\\", "/").rpartition("/")[2]).casefold()


def parse_number(value: object) -> float | None:
    """Finite float of a text like "0.5544", "0,5544", "1.234,5" or "1 234.5"; None for anything else."""
    try:
        text = str(value).strip()
        number = float(text if text.isascii() and text.isdigit() else _with_point(text))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _with_point(text: str) -> str:
    """A number with a decimal comma or groups of thousands as float() takes it; any other text as it is."""
    if _DECIMAL_COMMA.fullmatch(text):
        return text.replace(",", ".")
    for decimal, grouped in _GROUPED.items():
        # "1,234,567" and "1.234.567" do not say which sign is the decimal one.
        if grouped.fullmatch(text) and (decimal in text or any(space in text for space in _SPACES)):
            return _ungrouped(text, decimal)
    return text


def _ungrouped(text: str, decimal: str) -> str:
    whole, sign, fraction = text.partition(decimal)
    return re.sub(rf"[.,{_SPACES}]", "", whole) + ("." if sign else "") + fraction


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
        """The texts in one line; numbers with a decimal comma or groups of thousands are written like "1234.5"."""
        values = _split(line, self.delimiter)
        if self.delimiter != "," or '"' in line or " " in line or "'" in line or not line.isascii():
            values = [self._as_number(value) for value in values]
        # Delimiters at the end of every line make more values than there are columns, all of them empty.
        count = len(self.names)
        return values[:count] if len(values) > count and not any(values[count:]) else values

    def _as_number(self, text: str) -> str:
        decimal = self.decimal_sign
        if "," in text or " " in text or "'" in text or (decimal == "," and "." in text) or not text.isascii():
            if decimal and _GROUPED[decimal].fullmatch(text):
                return _ungrouped(text, decimal)
            if decimal == "," and _DECIMAL_COMMA.fullmatch(text):
                return text.replace(",", ".")
        return text

    @cached_property
    def decimal_sign(self) -> str:
        """ "." or ",": the sign with which its numbers are written; "" if a table says nothing about it.

        Three digits after a sign may be thousands, so other numbers decide; without any, a delimiter other than the
        comma stands for the decimal comma.
        """
        step = max(1, len(self.lines) // _SAMPLED_ROWS)
        counts = {".": 0, ",": 0}
        for line in islice(self.lines, 0, None, step):
            for value in _split(line, self.delimiter):
                for sign in counts:
                    counts[sign] += sign in value and bool(_CERTAIN[sign].fullmatch(value))
        if self.delimiter != ",":
            return "." if counts["."] > counts[","] else ","
        # Between commas, one number with a comma in quotes says little.
        return "," if counts[","] > max(1, counts["."]) else "." if counts["."] or not counts[","] else ""

    def value(self, values: Sequence[str], key: str | None) -> str | None:
        """The text in the column of this key, from values(); None if there is no such column or value."""
        position = None if key is None else self.positions.get(key)
        return values[position] if position is not None and position < len(values) else None


IsHeader = Callable[[AbstractSet[str]], bool]  # (column keys of a row) -> whether they are the header


def parse_table(text: str, is_header: IsHeader | None = None) -> Table:
    """Table of a delimited text: what precedes its header and rows without any value are left out.

    is_header: recognises the header among the first rows; if none is, or by default, it is the first row that has as
    many values as most rows. A line "sep=;" states the delimiter; otherwise it is the one with which the header has
    most values. Empty text: no rows.
    """
    rows = list(_rows(text))
    declared, position, delimiter = "", 0, ","
    if rows and (match := _SEPARATOR_LINE.fullmatch(rows[0])):
        declared, rows = match[1], rows[1:]
    found = _find_header(rows, declared, is_header) if is_header else None
    if found is None and rows:
        usual_of = {delimiter: _usual_count(rows, delimiter) for delimiter in declared or _DELIMITERS}
        # Rows agree on the delimiter; on a comma in their decimals they do not.
        delimiter = max(usual_of, key=lambda delimiter: (usual_of[delimiter][0] > 1, *reversed(usual_of[delimiter])))
        usual, _ = usual_of[delimiter]
        # Rows may end in a delimiter that the header lacks.
        counts = (len(_split(row, delimiter)) for row in rows)
        position = next((n for n, count in enumerate(islice(counts, MAX_LEADING_ROWS)) if count >= usual - 1), 0)
        if usual <= 2:
            position = 0
    elif found is not None:
        position, delimiter = found
    names = [" ".join(name.split("\n")) for name in _split(rows[position], delimiter)] if rows else []
    while len(names) > 1 and not names[-1]:
        names.pop()
    return Table(tuple(names), delimiter, tuple(rows[position + 1 :]))


def table_columns(head: str, *, shown: int = 4) -> str:
    """The first column names of a text that starts like a table, "a, b, c"; "" for any other text."""
    rows = [row for row in islice(_rows(head), 3) if not _SEPARATOR_LINE.fullmatch(row)]
    for delimiter in sorted(_DELIMITERS, key=rows[0].count, reverse=True) if len(rows) > 1 else "":
        names = _split(rows[0], delimiter)
        if len(names) > 2 and len(names) == len(_split(rows[1], delimiter)) and all(map(str.isprintable, names)):
            return ", ".join(name[:30] for name in names[:shown])
    return ""


def header_keys(head: str, is_header: IsHeader) -> frozenset[str]:
    """Column keys of the header in a text that starts like this, as parse_table finds it; none if it has none."""
    rows = list(islice(_rows(head), MAX_LEADING_ROWS + 1))
    declared = ""
    if rows and (match := _SEPARATOR_LINE.fullmatch(rows[0])):
        declared, rows = match[1], rows[1:]
    found = _find_header(rows, declared, is_header)
    return frozenset(map(column_key, _split(rows[found[0]], found[1]))) if found else frozenset()


def _find_header(rows: Sequence[str], declared: str, is_header: IsHeader) -> tuple[int, str] | None:
    """(position, delimiter) of the first row that is the header, or None. declared: the delimiter, "" if unknown."""
    for position, row in enumerate(rows[:MAX_LEADING_ROWS]):
        for delimiter in declared or sorted(_DELIMITERS, key=row.count, reverse=True):
            if delimiter in row and is_header({column_key(name) for name in _split(row, delimiter)}):
                return position, delimiter
    return None


def _usual_count(rows: Sequence[str], delimiter: str) -> tuple[int, int]:
    """(the number of values that most of the first rows have, how many do); of equally frequent ones, the largest."""
    counts = [len(_split(row, delimiter)) for row in rows[:MAX_LEADING_ROWS]]
    return max(((count, counts.count(count)) for count in counts), key=lambda item: item[::-1], default=(0, 0))


def _rows(text: str) -> Iterator[str]:
    """Yield the rows of a table that have a value; a row with line breaks in quotes is one row."""
    lines = text.split("\n")
    if '"' not in text:
        yield from (line for line in lines if line.strip(_NOTHING))
        return
    position = 0
    while position < len(lines):
        row, position = lines[position], position + 1
        if row.count('"') % 2 and _OPEN_QUOTE.search(row):
            # A quote that is never closed belongs to the value; it does not swallow the rest of the table.
            following = lines[position : position + MAX_JOINED_LINES]
            end = next((n for n, line in enumerate(following, 1) if line.count('"') % 2), 0)
            if end and _CLOSING_QUOTE.match(following[end - 1]):
                row, position = "\n".join([row, *following[:end]]), position + end
        if row.strip(_NOTHING):
            yield row


def _split(line: str, delimiter: str) -> list[str]:
    if '"' not in line and len(line) < _LONGEST_VALUE:
        return [value.strip() for value in line.split(delimiter)]
    try:
        return [value.strip() for value in next(csv.reader([line], delimiter=delimiter), [])]
    except csv.Error:  # a longer value
        return []


def parse_fields(text: str, *, separators: str = ":=,;\t") -> dict[str, str]:
    """Lines "key: value" of a text as a dict from column_key to the value's text; of equal keys the first is kept."""
    fields: dict[str, str] = {}
    for line in text.split("\n"):
        parts = re.split(f"[{re.escape(separators)}]", line.strip(), maxsplit=1)
        if len(parts) == 2 and parts[0].strip():
            fields.setdefault(column_key(parts[0]), parts[1].strip().strip('"').strip())
    return fields
