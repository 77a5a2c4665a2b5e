"""The annotation view of one review: batches of similar particles from the queue; decisions are written to disk."""

import time
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from pages.ui.components.annotation_grid import batch_data, show_annotation_grid, take_events
from pages.ui.review.item_text import add_neighbours, batch_title, items_of
from pages.ui.review.open_tabs import sync_leases
from pages.ui.review.progress_summary import show_progress_summary
from pages.ui.review.review_data import (
    current_labels_of,
    embedding_of,
    pixels_of,
    positions_of,
    ranks_now,
    review_of,
    typical_tiles,
)
from pages.ui.shared.text import escape_markdown
from svp_core.errors import LabError
from svp_core.review.batches import (
    BATCH_SIZE,
    Batch,
    QueueFilter,
    decisions_in,
    decode_position,
    encode_position,
    next_batch,
    resume_batches,
)
from svp_core.review.bookmarks import load_bookmark, save_bookmark
from svp_core.review.current_labels import CurrentLabels
from svp_core.review.decision_log import record
from svp_core.review.leases import release
from svp_core.review.store import Review

PREFETCH = 80  # particles of unfinished batches in the browser, so that the next page is there at once
FINISHED_KEPT = 1  # finished batches that stay in the browser, for an undo
SEARCH_AGAIN_S = 2.0  # between two searches for more particles where none were found
EVENT_FIELDS = (
    "tab",
    "n",
    "reviewer",
    "particle",
    "kind",
    "label",
    "at",
    "from",
    "batch",
    "undoes",
    "purpose",
    "again",
)


@dataclass
class AnnotationState:
    """What one tab is annotating: kept in the session, after a reload or a break restored from the bookmark."""

    review_id: str
    reviewer: str
    holder: str  # of the leases
    queue_filter: QueueFilter
    batches: list[Batch] = field(default_factory=list)  # on the screen and next
    grid_data: dict[str, dict[str, Any]] = field(default_factory=dict)  # batch id -> as the grid takes it
    looked_again: set[str] = field(default_factory=set)  # decided particles that were shown once more
    ranks: NDArray[np.intp] | None = None  # when the last batch was made
    last_search: float = 0.0  # time.monotonic() of the last search that found nothing

    @classmethod
    def restore(cls, review: Review, reviewer: str, holder: str, queue_filter: QueueFilter) -> "AnnotationState":
        """The session's state; a new one after a reload, or when the reviewer or the filter has changed."""
        key = state_key(review.id)
        state: AnnotationState | None = st.session_state.get(key)
        if state and (state.reviewer, state.holder, state.queue_filter) == (reviewer, holder, queue_filter):
            return state
        batches: list[Batch] = []
        if state:
            release(review.id, state.holder)
        elif bookmark := load_bookmark(review.id, reviewer):
            sync_leases(review.id)
            last_filter, batches, _ = decode_position(bookmark)
            is_same = last_filter == queue_filter
            batches = resume_batches(review, batches, reviewer=reviewer, holder=holder) if is_same else []
        state = cls(review.id, reviewer, holder, queue_filter, batches)
        st.session_state[key] = state
        return state

    def turn_pages(self, review: Review, current: CurrentLabels, finished: set[str]) -> int:
        """Remove finished batches and add new ones; returns how many particles are in unfinished ones.

        finished: ids of batches that were finished in the browser.
        """
        before = [batch.id for batch in self.batches]
        done = {batch.id for batch in self.batches if batch.id in finished or self._is_decided(batch, current)}
        waiting = [batch for batch in self.batches if batch.id not in done]
        behind = [batch for batch in self.batches if batch.id in done][-FINISHED_KEPT:]
        while _particle_count(waiting) < PREFETCH and self._may_search(waiting):
            batch = self._next_batch(review, current, waiting)
            if batch is None:
                self.last_search = time.monotonic()
                break
            waiting.append(batch)
        self.batches = [*behind, *waiting]
        if [batch.id for batch in self.batches] != before:
            position = encode_position(self.queue_filter, waiting, self.holder)
            save_bookmark(review.id, self.reviewer, position)
        return _particle_count(waiting)

    def grid_batches(self, review: Review, current: CurrentLabels) -> list[dict[str, Any]]:
        """All batches as the grid takes them; only the decisions on them are looked up again."""
        self.grid_data = {
            batch.id: self.grid_data.get(batch.id) or _grid_batch(review, current, batch) for batch in self.batches
        }
        for batch in self.batches:
            decisions = decisions_in(batch, current, self.reviewer)
            for item in self.grid_data[batch.id]["items"]:
                kind, label = decisions.get(item["id"], ("", ""))
                item["decided"] = {"kind": kind, "label": label} if kind else None
        return list(self.grid_data.values())

    def _is_decided(self, batch: Batch, current: CurrentLabels) -> bool:
        return len(decisions_in(batch, current, self.reviewer)) == len(batch.particles)

    def _may_search(self, waiting: list[Batch]) -> bool:
        return not waiting or time.monotonic() - self.last_search > SEARCH_AGAIN_S

    def _next_batch(self, review: Review, current: CurrentLabels, waiting: list[Batch]) -> Batch | None:
        sync_leases(review.id)
        shown = {particle for batch in waiting for particle in batch.particles}
        positions, ranks = positions_of(review.id, self.queue_filter), ranks_now(review, current)
        batch = next_batch(
            review,
            current,
            self.queue_filter,
            positions[np.argsort(ranks[positions])],
            reviewer=self.reviewer,
            holder=self.holder,
            seen=shown | self.looked_again,
        )
        if batch is None:
            return None
        if batch.again:
            self.looked_again.update(batch.particles)
        elif self.ranks is not None and "queue" in batch.purposes:
            rows = [review.positions[particle] for particle in batch.particles]
            batch = replace(batch, moved_up=int((self.ranks[rows] - ranks[rows] >= BATCH_SIZE).sum()))
        self.ranks = ranks
        return batch


def state_key(review_id: str) -> str:
    """Key of the AnnotationState in the session."""
    return f"annotation_{review_id}_state"


def grid_key(review_id: str) -> str:
    """Key of the grid in the session."""
    return f"annotation_{review_id}"


@st.fragment
def show_annotation(review_id: str, reviewer: str, holder: str, queue_filter: QueueFilter) -> None:
    """Draw the progress summary and the grid with the particles that pass the filter."""
    try:
        review = review_of(review_id)
        state = AnnotationState.restore(review, reviewer, holder, queue_filter)
        _show(review, current_labels_of(review), state)
    except LabError as error:
        st.error(escape_markdown(error))


def _show(review: Review, current: CurrentLabels, state: AnnotationState) -> None:
    key, summary = grid_key(review.id), st.container()
    try:
        finished = take_events(key, lambda events: _save_events(review, events))
    except LabError as error:
        finished = set()
        st.error(escape_markdown(f"{error} Your decisions are kept in this browser and sent again."))
    waiting = state.turn_pages(review, current, finished)
    with summary:
        show_progress_summary(review, current)
    show_annotation_grid(
        state.grid_batches(review, current),
        key=key,
        review=review.id,
        reviewer=state.reviewer,
        class_keys=review.class_keys,
        more=waiting >= PREFETCH,
        filter_id=repr(state.queue_filter),
        examples=typical_tiles(review.id),
    )


def _save_events(review: Review, events: list[dict[str, Any]]) -> dict[str, str]:
    """Write what the browser has sent; returns particle -> note to show on its tile."""
    sent = [
        {name: event[name] for name in EVENT_FIELDS if name in event}
        | ({"evidence": {"shown": bool(event["shown"])}} if "shown" in event else {})
        for event in events
    ]
    outcomes = record(review, sent)
    current_labels_of(review)
    for event, outcome in zip(sent, outcomes, strict=True):
        if event["kind"] == "undo" and not event["particle"]:
            message = outcome.message or f"Undone: {outcome.particle}. It will be shown again."
            st.toast(escape_markdown(message))
    return {outcome.particle: outcome.message for outcome in outcomes}


def _grid_batch(review: Review, current: CurrentLabels, batch: Batch) -> dict[str, Any]:
    rows = [review.positions[particle] for particle in batch.particles]
    pixels, items, neighbours = pixels_of(review), items_of(review, current, batch), None
    if embedding := embedding_of(review.id):
        neighbour_rows = add_neighbours(review, current, items, rows, embedding)
        neighbours = pixels[neighbour_rows] if neighbour_rows else None
    return batch_data(batch.id, batch_title(batch), items, pixels[rows], neighbours=neighbours)


def _particle_count(batches: list[Batch]) -> int:
    return sum(len(batch.particles) for batch in batches)
