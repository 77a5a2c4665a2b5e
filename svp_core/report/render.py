"""Render HTML templates: every text is escaped; characters that HTML cannot hold become the replacement character."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from svp_core import display

TEMPLATES = Path(__file__).with_name("templates")
_WIDE = 48  # characters from which on a fact takes the page's whole width
_INVALID = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True)
class Fact:
    """One entry of a definition list."""

    label: str
    value: str

    @property
    def css_class(self) -> str:
        """ "wide" where the value needs the page's whole width."""
        return "wide" if len(self.value) > _WIDE else "narrow"


def facts(pairs: Iterable[tuple[str, object]]) -> list[Fact]:
    """Facts of (label, value) pairs; empty values (None, "") are left out."""
    return [Fact(str(label), str(value)) for label, value in pairs if value not in (None, "")]


def render(template: str, folder: Path = TEMPLATES, **context: Any) -> str:
    """HTML of a template in this folder ("report.html.j2"); the same context gives the same text."""
    return environment(folder).get_template(template).render(context)


@lru_cache
def environment(folder: Path) -> Environment:
    """Jinja environment of a folder of templates, with the product's names of classes and numbers as filters."""
    jinja = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=without_invalid_characters,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    names = (
        "class_name",
        "class_colour",
        "class_marker",
        "class_paint",
        "format_number",
        "format_interval",
        "format_utc",
    )
    jinja.filters |= {name: getattr(display, name) for name in names}
    jinja.filters["paragraphs"] = paragraphs
    return jinja


def without_invalid_characters(value: Any) -> Any:
    """The value as text that HTML can hold; markup and what is not a text stay as they are."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return _INVALID.sub("\N{REPLACEMENT CHARACTER}", value)
    return value


def paragraphs(text: str) -> list[list[str]]:
    """Paragraphs of a text as typed, each a list of lines: blank lines separate paragraphs, line ends are kept."""
    parts = re.split(r"\n\s*\n", text.replace("\r\n", "\n").replace("\r", "\n"))
    return [part.strip("\n").split("\n") for part in parts if part.strip()]


def css_string(text: str) -> Markup:
    """A text as a string of a style sheet: every character that could end it is written as its code point."""
    clean = without_invalid_characters(text)
    escaped = "".join(c if (c.isalnum() and c.isascii()) or c in " .-,:" else f"\\{ord(c):x} " for c in clean)
    return Markup(f'"{escaped}"')
