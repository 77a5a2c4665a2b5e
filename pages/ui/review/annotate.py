"""The desk of one review: pages of look-alikes come from the queue, what is decided on them goes to disk."""

import time
from dataclasses import replace

import numpy as np
import streamlit as st

from pages.ui.components.annotation_grid import batch_of, show_annotation_grid, take_events
from pages.ui.review.item_text import batch_title, items_of, with_neighbours
from pages.ui.review.progress_summary import show_progress_summary
from pages.ui.review.review_data import (
    current_labels_of,
    embedding_of,
    examples,
    keep_open,
    pixels_of,
    positions,
    ranks_now,
    review_of,
)
from pages.ui.shared.text import escape_markdown
from svp_core.errors import LabError
from svp_core.review.batches import BATCH_SIZE, decided_on, decode_position, encode_position, next_batch, resume_batch
from svp_core.review.bookmarks import bookmark_of, put_bookmark
from svp_core.review.decision_log import record
from svp_core.review.leases import lease, release

AHEAD = 80  # particles in the browser on pages that are not finished, so that the next one is there at once
BEHIND = 1  # finished ones that stay there, for an undo
RENEW_S = 20.0  # between two signs that what is on the desk is still being worked on
LOOK_S = 2.0  # between two looks for more where there was nothing


@st.fragment
def show_annotation(review_id, reviewer, holder, wanted):
    """Figures, then the desk with what is wanted."""
    try:
        review = review_of(review_id)
        _show(review, current_labels_of(review), reviewer, holder, wanted)
    except LabError as error:
        st.error(escape_markdown(error))


def _show(review, standing, reviewer, holder, wanted):
    key, desk = f"desk_{review.id}", _desk(review, reviewer, holder, wanted)
    figures = st.container()
    try:
        left = take_events(key, lambda events: _save(review, standing, events))
    except LabError as error:
        left = set()
        st.error(escape_markdown(f"{error} What you decide is kept in this browser and sent again."))
    waiting = _turn_pages(review, standing, desk, left, reviewer=reviewer, holder=holder, wanted=wanted)
    _renew(review, desk, reviewer, holder)
    with figures:
        show_progress_summary(review, standing, reviewer)
    show_annotation_grid(
        [_batch(review, standing, desk, page, reviewer) for page in desk["pages"]],
        key=key,
        review=review.id,
        reviewer=reviewer,
        class_keys=review.class_keys,
        more=waiting >= AHEAD,
        examples=examples(review.id),
    )


def _desk(review, reviewer, holder, wanted):
    """What is on the desk: kept in the session, after a reload or a break taken up from the bookmark."""
    name, asked = f"desk_{review.id}_pages", (reviewer, holder, wanted)
    desk = st.session_state.get(name)
    if desk is None or desk["asked"] != asked:
        place = bookmark_of(review.id, reviewer)
        before, pages, _ = decode_position(place) if place and desk is None else (None, [], "")
        if desk:
            release(review.id, desk["asked"][1])
        pages = resume_batch(review, pages, reviewer=reviewer, holder=holder) if before == wanted else []
        desk = {
            "asked": asked,
            "pages": pages,
            "batches": {},
            "seen": set(),
            "renewed": 0.0,
            "looked": 0.0,
            "ranks": None,
        }
        st.session_state[name] = desk
    return desk


def _save(review, standing, events):
    """Write what was decided; returns particle -> words to show on it."""
    names = ("tab", "n", "reviewer", "particle", "kind", "label", "at", "from", "batch", "undoes", "purpose", "again")
    sent = [
        {name: event[name] for name in names if name in event}
        | ({"evidence": {"shown": bool(event["shown"])}} if "shown" in event else {})
        for event in events
    ]
    outcomes = record(review, sent)
    current_labels_of(review)
    for event, outcome in zip(sent, outcomes, strict=True):
        if event["kind"] == "undo" and not event["particle"]:
            st.toast(escape_markdown(outcome.words or f"Undone: {outcome.particle}. It comes back to be decided."))
    return {outcome.particle: outcome.words for outcome in outcomes}


def _turn_pages(review, standing, desk, left, *, reviewer, holder, wanted):
    """Take finished pages off the desk and put new ones on it; returns how many particles are on unfinished ones."""
    finished = {
        page.id
        for page in desk["pages"]
        if page.id in left or len(decided_on(page, standing, reviewer)) == len(page.particles)
    }
    waiting = [page for page in desk["pages"] if page.id not in finished]
    behind = [page for page in desk["pages"] if page.id in finished][-BEHIND:]
    before = [page.id for page in desk["pages"]]
    while _on(waiting) < AHEAD and (not waiting or time.monotonic() - desk["looked"] > LOOK_S):
        here = {particle for page in waiting for particle in page.particles}
        asked, ranks = positions(review.id, wanted), ranks_now(review, standing)
        page = next_batch(
            review,
            standing,
            wanted,
            asked[np.argsort(ranks[asked])],
            reviewer=reviewer,
            holder=holder,
            seen=here | desk["seen"],
        )
        if page is None:
            desk["looked"] = time.monotonic()
            break
        if page.again:
            desk["seen"].update(page.particles)
        if desk["ranks"] is not None and "queue" in page.purposes and not page.again:
            places = [review.place[particle] for particle in page.particles]
            moved = int((desk["ranks"][places] - ranks[places] >= BATCH_SIZE).sum())
            page = replace(page, moved_up=moved)
        desk["ranks"] = ranks
        waiting.append(page)
    desk["pages"] = [*behind, *waiting]
    if [page.id for page in desk["pages"]] != before:
        put_bookmark(review.id, reviewer, encode_position(wanted, waiting, holder))
    return _on(waiting)


def _on(pages):
    """How many particles are on these pages."""
    return sum(len(page.particles) for page in pages)


def _renew(review, desk, reviewer, holder):
    if time.monotonic() - desk["renewed"] > RENEW_S:
        desk["renewed"] = time.monotonic()
        keep_open(holder)
        lease(review.id, [], 0, holder=holder, reviewer=reviewer)


def _batch(review, standing, desk, page, reviewer):
    """The page as the desk takes it; only what was decided on it is looked up anew."""
    batch = desk["batches"].get(page.id)
    if batch is None:
        places = [review.place[particle] for particle in page.particles]
        tiles = pixels_of(review)[places]
        items, around = items_of(review, standing, page), None
        if likeness := embedding_of(review.id):
            beside = with_neighbours(review, standing, items, places, likeness)
            around = pixels_of(review)[beside] if len(beside) else None
        batch = batch_of(page.id, batch_title(page), items, tiles, around=around)
        desk["batches"] = {one.id: desk["batches"][one.id] for one in desk["pages"] if one.id in desk["batches"]}
        desk["batches"][page.id] = batch
    decided = decided_on(page, standing, reviewer)
    for item in batch["items"]:
        kind, label = decided.get(item["id"], ("", ""))
        item["decided"] = {"kind": kind, "label": label} if kind else None
    return batch
