"""Long tables into a workbook: rows are written as Excel's own XML, a tenth of the time that openpyxl takes for them.

openpyxl makes the workbook with an empty sheet that has its head only; the rows are put behind that head.
"""

import re
import zipfile

CHUNK = 2_000  # rows
_DAY = (1980, 1, 1, 0, 0, 0)  # of every part, so that the same table gives the same file
_END = b"</sheetData>"
# openpyxl writes the moment of saving, whatever the workbook says.
_SAVED = re.compile(rb"(<dcterms:(created|modified)[^>]*>)[^<]*")
# What XML may not hold, and what Excel would read as a letter's number.
_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]|_x[0-9A-Fa-f]{4}_")


def clean(text):
    """Text as a workbook can hold it: what it may not becomes the mark of an unreadable letter."""
    return _NO_TEXT.sub(lambda found: found[0].replace("_", "-") if found[0][0] == "_" else "�", text)


def fill(made, path, part, table):
    """Copy a workbook with the rows of a table put into one of its sheets, behind the rows that are there.

    made: a workbook, as a path or file; path: the new one. part: of the sheet in it, "xl/worksheets/sheet1.xml", whose
    one row is the head. table: DataFrame; numbers become numbers, anything else text, what is missing an empty cell.
    """
    with zipfile.ZipFile(made) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as book:
        for name in source.namelist():
            info = zipfile.ZipInfo(name, _DAY)
            info.compress_type = zipfile.ZIP_DEFLATED
            with book.open(info, "w", force_zip64=name == part) as file:
                if name != part:
                    file.write(_SAVED.sub(rb"\g<1>1980-01-01T00:00:00Z", source.read(name)))
                    continue
                before, _, after = source.read(name).partition(_END)
                file.write(before)
                for start in range(0, len(table), CHUNK):
                    file.write(_rows(table.iloc[start : start + CHUNK], start + 2).encode())
                file.write(_END + after)


def _rows(table, first):
    """XML of these rows; `first` is the number of the first one in the sheet, from 1."""
    numbers = [str(number) for number in range(first, first + len(table))]
    columns = [_column(table.iloc[:, at], letters(at + 1), numbers) for at in range(table.shape[1])]
    begin = [f'<row r="{number}">' for number in numbers]
    return "".join(map("".join, zip(begin, *columns, ["</row>"] * len(numbers), strict=True)))


def _column(values, letter, numbers):
    """XML of one column's cells, a text a row."""
    told = values.tolist()
    if values.dtype.kind in "fiu":
        return [
            f'<c r="{letter}{row}"><v>{value!r}</v></c>' if value - value == 0 else ""
            for value, row in zip(told, numbers, strict=True)
        ]
    return [
        f'<c r="{letter}{row}" t="inlineStr"><is><t xml:space="preserve">{_escaped(value)}</t></is></c>'
        if isinstance(value, str)
        else ""
        for value, row in zip(told, numbers, strict=True)
    ]


def _escaped(text):
    return clean(text)[:32_767].replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def letters(number):
    """What a sheet calls its n-th column, from 1: "A", "Z", "AA"."""
    found = ""
    while number:
        number, last = divmod(number - 1, 26)
        found = chr(65 + last) + found
    return found
