"""HTML of a report: every text is escaped unless it is Html already; figures as a reader takes them in."""

import re
from html import escape

from svp_core.display import class_marker, class_name, class_paint
from svp_core.stats.counts import ALL

_NARROW = 48  # letters that stand well in half a page's width
_VOID = ("img", "br", "meta")
_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


class Html(str):
    """Text that is HTML already."""


def tag(name, /, *content, **attributes):
    """Html of an element. content: Html, or texts and numbers, which are escaped. class_ and for_ lose their "_"."""
    told = "".join(f' {key.rstrip("_").replace("_", "-")}="{_escaped(value)}"' for key, value in attributes.items())
    if name in _VOID:
        return Html(f"<{name}{told}>")
    return Html(f"<{name}{told}>{join(*content)}</{name}>")


def join(*content):
    """Html of pieces one after the other; lists are taken apart, None is nothing."""
    found = []
    for piece in content:
        if isinstance(piece, list | tuple):
            found.append(join(*piece))
        elif piece is not None:
            found.append(piece if isinstance(piece, Html) else _escaped(piece))
    return Html("".join(found))


def _escaped(text):
    # What no HTML file may hold stands as the mark of an unreadable letter.
    return escape(_NO_TEXT.sub("\N{REPLACEMENT CHARACTER}", str(text)))


def paragraphs(text):
    """A text as somebody typed it: an empty line parts paragraphs, a line end stays one."""
    parts = [part.strip("\n") for part in re.split(r"\n\s*\n", text.replace("\r\n", "\n").replace("\r", "\n"))]
    lines = [[join(tag("br") if at else None, line) for at, line in enumerate(part.split("\n"))] for part in parts]
    return join(*(tag("p", *part) for part, text in zip(lines, parts, strict=True) if text.strip()))


def table(heads, groups, *, caption=None, class_="", texts=(0,)):
    """Html of a table whose head stands again on every printed page.

    groups: lists of rows that are not parted by a page; a row is a list of cells. texts: columns that are no numbers.
    """

    def cells(row, name, **more):
        return [tag(name, cell, class_="text" if at in texts else "number", **more) for at, cell in enumerate(row)]

    return tag(
        "table",
        tag("caption", caption) if caption else None,
        tag("thead", tag("tr", cells(heads, "th", scope="col"))),
        *(tag("tbody", *(tag("tr", cells(row, "td")) for row in group)) for group in groups if group),
        class_=class_,
    )


def definition_list(pairs):
    """Html of a list of (what, value), two beside each other where short; None and empty ones are left out."""
    told = [
        tag("div", tag("dt", what), tag("dd", value), class_="wide" if len(str(value)) > _NARROW else "narrow")
        for what, value in pairs
        if value not in (None, "")
    ]
    return tag("dl", *told) if told else Html("")


def as_css_text(text):
    """A text as a string in a style sheet: whatever could end it is written by its number."""
    clean = _NO_TEXT.sub("\N{REPLACEMENT CHARACTER}", text)
    return '"' + "".join(c if (c.isalnum() and c.isascii()) or c in " .-,:" else f"\\{ord(c):x} " for c in clean) + '"'


def class_cell(key):
    """Html of a class's marker and name."""
    if key == ALL:
        return tag("b", "All")
    drawn = tag("path", d=Html(f"M5 5{class_marker(key)}"), **class_paint(key))
    return join(tag("svg", drawn, viewBox="0 0 10 10", class_="marker", aria_hidden="true"), " ", class_name(key))
