"""Extract of a model card for a report: its introduction and its section on intended use."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

INTENDED_USE = ("intended use", "what it is for")  # how the section's heading begins; the latter in older cards


@dataclass(frozen=True)
class Span:
    """A piece of text; style: "text", "bold" or "code"."""

    style: str
    text: str


@dataclass(frozen=True)
class CardBlock:
    """A heading, paragraph, list or verbatim block; kind: "heading", "paragraph", "list" or "verbatim"."""

    kind: str
    lines: list[list[Span]]  # of a list its items, otherwise one


def card_extract(card: str) -> list[CardBlock]:
    """The card's text before its first section, and the section on its intended use."""
    if not card.strip():
        return [CardBlock("paragraph", [[Span("text", "The model has no card.")]])]
    sections = re.split(r"^## +(.+)$", card, flags=re.MULTILINE)
    title, _, introduction = sections[0].strip().partition("\n")
    blocks = [_heading(f"From the model's card: {title.lstrip('# ')}"), *_blocks(introduction)]
    for heading, body in zip(sections[1::2], sections[2::2], strict=True):
        if heading.casefold().startswith(INTENDED_USE):
            blocks += [_heading(heading.strip()), *_blocks(body)]
    return blocks


def _heading(text: str) -> CardBlock:
    return CardBlock("heading", [[Span("text", text)]])


def _blocks(markdown: str) -> Iterator[CardBlock]:
    """Blocks of the little Markdown that cards use: paragraphs, lists, bold, code; anything else as it stands."""
    for block in re.split(r"\n\s*\n", markdown.strip()):
        lines = block.splitlines()
        if lines and lines[0].startswith("- "):
            yield CardBlock("list", [_spans(item) for item in re.split(r"^- ", block, flags=re.MULTILINE)[1:]])
        elif lines and lines[0].startswith("|"):
            yield CardBlock("verbatim", [[Span("text", block)]])
        elif block:
            yield CardBlock("paragraph", [_spans(block)])


def _spans(text: str) -> list[Span]:
    spans = []
    for part in re.split(r"(\*\*.+?\*\*|`.+?`|\[.+?\]\(.+?\))", re.sub(r"\s+", " ", text.strip())):
        if part.startswith("**"):
            spans.append(Span("bold", part[2:-2]))
        elif part.startswith("`"):
            spans.append(Span("code", part[1:-1]))
        elif part.startswith("["):
            spans.append(Span("text", part[1 : part.index("](")]))  # a link's text: a report has no links
        elif part:
            spans.append(Span("text", part))
    return spans
