"""What a chosen source is and what seems wrong with it, at once: notes, questions, first particles, cautions."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import streamlit as st

from pages.ui.components.gallery import show_gallery
from pages.ui.shared.source_reading import read_first, read_summary
from svp_core.display import escape_markdown
from svp_core.errors import LabError
from svp_core.instruments.metadata import Question, SourceSummary

MAX_BUTTONS = 4  # options of a question beside each other
PREVIEW_TILES = 24  # particles read before anything starts, to see whether they are cut out well


def detect(path: Path, choices: Mapping[str, str] | None = None) -> SourceSummary:
    """As read_summary, remembered until what is at the path changes. Raises LabError."""
    return _detect(str(path), _modified(path), tuple((choices or {}).items()))


def ask_questions(questions: Sequence[Question]) -> dict[str, str]:
    """Draw the questions; {key: chosen option}."""
    return {question.key: _ask(question) for question in questions}


def show_first_particles(source: SourceSummary, path: Path, choices: Mapping[str, str]) -> str:
    """Draw cautions and the first particles, or why there are none.

    Returns the reason why no item can be read, "" where some may be.
    """
    if not source.readable:
        return "Nothing to read: it contains no image and no run."
    try:
        look = _first_look(str(path), _modified(path), tuple(choices.items()))
    except LabError as error:
        st.caption(escape_markdown(error))
        return str(error)
    _show_cautions((*source.cautions, *look.cautions))
    if look.tiles:
        show_gallery(
            np.stack([tile for _, tile in look.tiles]),
            key="first_look",
            alt="First particles",
            lines=1,
            words=[[name] for name, _ in look.tiles],
        )
    if look.tiles or not look.reason:
        return ""
    st.caption(escape_markdown(unreadable_items(source.count, look.reason)))
    return "No item can be read." if source.count <= PREVIEW_TILES else ""


def unreadable_items(count: int, reason: str) -> str:
    """One sentence for a source of so many items, where the first ones cannot be read."""
    if count == 1:
        return f"It cannot be read: {reason}."
    if count <= PREVIEW_TILES:
        return f"None of the {count} items can be read. The first: {reason}."
    return f"The first {PREVIEW_TILES} items cannot be read. The first: {reason}."


@st.cache_data(max_entries=8, ttl=120, show_spinner="Reading the source")
def _detect(path, modified, choices):
    return read_summary(path, dict(choices))


@st.cache_data(max_entries=8, ttl=120, show_spinner=False)
def _first_look(path, modified, choices):
    """As read_first."""
    return read_first(path, dict(choices), keep=PREVIEW_TILES)


def _modified(path):
    return path.stat().st_mtime_ns if path.exists() else 0


def _ask(question: Question):
    if len(question.options) > MAX_BUTTONS:
        return st.selectbox(
            question.text, question.options, question.options.index(question.default), key=f"choice_{question.key}"
        )
    return st.segmented_control(
        question.text, question.options, default=question.default, required=True, key=f"choice_{question.key}"
    )


def _show_cautions(cautions):
    """What seems wrong with the source, in one box."""
    if cautions:
        st.warning("\n".join(f"- {escape_markdown(caution)}" for caution in cautions))
