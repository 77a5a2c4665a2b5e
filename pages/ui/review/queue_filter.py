"""Filter above the grid: which particles to review, initially as at the last visit."""

import math
from dataclasses import dataclass

import numpy as np
import streamlit as st

from pages.ui.review.item_text import pair_text
from pages.ui.review.progress_summary import tolerated_count
from pages.ui.review.review_data import review_of
from pages.ui.shared.text import count_noun, escape_markdown
from svp_core.review.batches import QueueFilter, decode_position, size_column
from svp_core.review.bookmarks import load_bookmark
from svp_core.review.current_labels import CurrentLabels
from svp_core.review.progress import reviewers
from svp_core.review.random_audit import DRAWS, last_audit, start_audit
from svp_core.review.remaining_errors import describe_remaining
from svp_core.review.store import Review

WHAT_NAMES = {
    "open": "To review",
    "changed": "Changed",
    "kept": "Kept",
    "unsure": "Unsure",
    "not_a_particle": "Not a particle",
    "skipped": "Skipped by me",
    "audit": "Random check",
    "disagreements": "Two different answers",
}
DECIDED = ("changed", "kept", "unsure", "not_a_particle")
MAX_PAIRS = 300  # pairs of labels to choose from; the most frequent
FIELD_PX = 420  # width of the widgets in the pop-over


@dataclass(frozen=True)
class QueueFacts:
    """What there is to choose from in a queue."""

    pairs: dict[tuple[str, str], int]  # (given, suggested) -> particles, the most frequent first
    runs: list[str]
    size: tuple[float, float] | None  # (smallest, largest); None without sizes, or where all are equal
    unit: str  # of the size
    has_scores: bool


def choose_queue_filter(review: Review, current: CurrentLabels, reviewer: str) -> QueueFilter:
    """Draw the filter's widgets; returns the QueueFilter."""
    last, facts, decided_by = _last_filter(review, reviewer), _facts(review.id), ""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        what = st.selectbox(
            "Show",
            list(WHAT_NAMES),
            index=list(WHAT_NAMES).index(last.what),
            format_func=WHAT_NAMES.__getitem__,
            key=_key(review, reviewer, "what"),
            persist_state="session",
            width=190,
            label_visibility="collapsed",
        )
        if what in DECIDED:
            decided_by = st.selectbox(
                "Reviewer",
                ["", *reviewers(current)],
                format_func=lambda name: f"by {name}" if name else "by any reviewer",
                key=_key(review, reviewer, "by"),
                width=190,
                label_visibility="collapsed",
            )
        with st.popover("Filter"):
            narrowed = _choose_narrowing(review, reviewer, last, facts)
        queue_filter = QueueFilter(what, *narrowed, decided_by)
        if text := _filter_text(queue_filter, facts):
            st.caption(escape_markdown(text))
        if what == "audit":
            _show_audit(review, current, reviewer)
    return queue_filter


def _choose_narrowing(
    review: Review, reviewer: str, last: QueueFilter, facts: QueueFacts
) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...], tuple[float, float] | None, float | None]:
    """(pairs, runs, size, score) of the QueueFilter."""
    runs, size, score = [], None, None
    pairs = st.multiselect(
        "Label → suggestion" if "suggested" in review.table else "Label",
        list(facts.pairs),
        [pair for pair in last.pairs if pair in facts.pairs],
        format_func=lambda pair: f"{pair_text(pair)} ({facts.pairs[pair]:,})",
        placeholder="All",
        key=_key(review, reviewer, "pairs"),
        persist_state="session",
        width=FIELD_PX,
    )
    if len(facts.runs) > 1:
        runs = st.multiselect(
            "Run",
            facts.runs,
            [run for run in last.runs if run in facts.runs],
            placeholder="All",
            key=_key(review, reviewer, "runs"),
            persist_state="session",
            width=FIELD_PX,
        )
    if facts.size:
        size = st.slider(
            f"ECD ({facts.unit})",
            *facts.size,
            last.size or facts.size,
            key=_key(review, reviewer, "size"),
            persist_state="session",
            width=FIELD_PX,
        )
        size = None if size == facts.size else size
    if facts.has_scores:
        score = st.slider(
            "Label quality at most",
            0.0,
            1.0,
            1.0 if last.score is None else last.score,
            0.01,
            key=_key(review, reviewer, "score"),
            persist_state="session",
            help="0: surely wrong, 1: surely right.",
            width=FIELD_PX,
        )
        score = None if score == 1.0 else score
    return tuple(pairs), tuple(runs), size, score


def _filter_text(queue_filter: QueueFilter, facts: QueueFacts) -> str:
    """What narrows the queue, in one line."""
    parts = [pair_text(pair) for pair in queue_filter.pairs] + list(queue_filter.runs)
    if queue_filter.size:
        parts.append(f"{queue_filter.size[0]:.1f} to {queue_filter.size[1]:.1f} {facts.unit}")
    if queue_filter.score is not None:
        parts.append(f"label quality up to {queue_filter.score:.2f}")
    return "Only " + ", ".join(parts) if parts else ""


def _show_audit(review: Review, current: CurrentLabels, reviewer: str) -> None:
    audit = last_audit(current)
    st.number_input(
        "Acceptable wrong labels",
        0,
        len(review.table),
        tolerated_count(review),
        key=f"{review.id}_tolerated",
        persist_state="session",
        width=190,
    )
    if st.button(
        f"Draw {min(DRAWS, len(review.table))} at random",
        key="audit_draw",
        type="secondary" if audit and audit.open_particles else "primary",
    ):
        start_audit(review, current, reviewer)  # raises LabError, which the page shows
        st.rerun()
    if audit:
        left = count_noun(len(audit.open_particles), "particle")
        sentences = [f"{left} of the last draw left to review."] if audit.open_particles else []
        sentences += [describe_remaining(audit.remaining)] if audit.remaining else []
        st.caption(escape_markdown(" ".join(sentences)))


@st.cache_resource(max_entries=3, show_spinner=False)
def _facts(review_id: str) -> QueueFacts:
    table = review_of(review_id).table
    suggested = table.get("suggested", "")
    pairs = table[["given"]].assign(suggested=suggested).value_counts().head(MAX_PAIRS)
    column = size_column(table)
    sizes = table[column].dropna().to_numpy(float) if column else np.empty(0)
    # In tenths, rounded outwards: a slider shows what it means, and no particle falls off its ends.
    size = (math.floor(10 * sizes.min()) / 10, math.ceil(10 * sizes.max()) / 10) if len(sizes) else None
    return QueueFacts(
        {(str(given), str(other)): int(count) for (given, other), count in zip(pairs.index, pairs, strict=True)},
        sorted(run for run in table["run"].unique() if run) if "run" in table else [],
        size if size and size[0] < size[1] else None,
        "µm" if column == "ecd_um" else "px",
        "score" in table and bool(table["score"].notna().any()),
    )


def _last_filter(review: Review, reviewer: str) -> QueueFilter:
    """Filter of the last visit; constant during a session, since widgets start with it."""
    key = _key(review, reviewer, "before")
    if key not in st.session_state:
        bookmark = load_bookmark(review.id, reviewer)
        last = decode_position(bookmark)[0] if bookmark else QueueFilter()
        st.session_state[key] = last if last.what in WHAT_NAMES else QueueFilter()
    return st.session_state[key]


def _key(review: Review, reviewer: str, name: str) -> str:
    return f"{review.id}_{reviewer}_{name}"
