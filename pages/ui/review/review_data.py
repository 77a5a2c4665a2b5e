"""The open review as the screens work with it: read once, its decisions brought up to date at each look."""

import time
from uuid import uuid4

import numpy as np
import streamlit as st

from pages.ui.components.annotation_grid import EXAMPLES
from pages.ui.shared.url_state import open_as, opened
from svp_core.embedding.clusters import ward_groups
from svp_core.review.batches import decode_position, positions_of
from svp_core.review.bookmarks import bookmark_of
from svp_core.review.decision_log import history
from svp_core.review.embedding_store import load_embedding
from svp_core.review.reranking import prepare_rerank, rerank
from svp_core.review.store import open_review

IN_USE_S = 60.0  # a tab that was not heard of for longer is closed, or its server was
_MOST_TALLIED = 0.02  # share of the time that may go into counting anew


@st.cache_resource(max_entries=3, show_spinner="Opening the review")
def review_of(review_id):
    """The Review. Raises LabError where it cannot be opened."""
    return open_review(review_id)


def current_labels_of(review):
    """Its Standing with every decision there is."""
    found = _standing(review.id, review)
    return found.take(history(review.id, after=found.last))


@st.cache_resource(max_entries=3, show_spinner=False)
def _standing(review_id, _review):
    return _review.standing()


@st.cache_resource(max_entries=20, show_spinner=False)
def positions(review_id, wanted):
    """review_pages.positions_of of what does not depend on decisions."""
    return positions_of(review_of(review_id), wanted)


@st.cache_resource(max_entries=3, show_spinner=False)
def examples(review_id):
    """Typical tiles of each class, uint8 (classes * EXAMPLES, 64, 64): those with the least doubtful labels."""
    review = review_of(review_id)
    order = np.arange(len(review.table))
    if "score" in review.table:
        order = np.argsort(-review.table["score"].fillna(-1).to_numpy(float), kind="stable")
    pixels = pixels_of(review)
    given, found = review.table["given"].to_numpy(), np.full((0, *pixels.shape[1:]), 0, np.uint8)
    for key in review.class_keys:
        some = pixels[np.sort(order[given[order] == key][:EXAMPLES])]
        empty = np.full((EXAMPLES - len(some), *pixels.shape[1:]), 175, np.uint8)
        found = np.concatenate([found, some, empty])
    return found


@st.cache_resource(max_entries=3, show_spinner=False)
def embedding_of(review_id):
    """Its Likeness, or None."""
    return load_embedding(review_of(review_id))


@st.cache_resource(max_entries=1, show_spinner="Looking at what was decided")
def _first_look(review_id):
    """reranking.FirstLook at this review's queue; None where nothing is known of likeness or of scores."""
    review, likeness = review_of(review_id), embedding_of(review_id)
    if likeness is None or "score" not in review.table:
        return None
    labels = _places_of(review, review.table["given"])
    return prepare_rerank(likeness.places, labels, review.table["score"], class_count=len(review.class_keys))


def forget_embedding():
    """Look anew for what is kept of likeness: a job has made it."""
    embedding_of.clear()
    _first_look.clear()


def ranks_now(review, standing):
    """Rank of every particle after what was decided, int (N,), 0 first; the queue's own order to begin with."""
    kept, count = st.session_state.get(f"ranks_{review.id}"), len(review.table)
    if kept and kept[0] == standing.last:
        return kept[1]
    first, ranks = _first_look(review.id) if standing.decided else None, np.arange(count)
    if first:
        labels = _places_of(review, [standing.label(particle) for particle in standing.given])
        ranks[rerank(first, labels)] = np.arange(count)
    st.session_state[f"ranks_{review.id}"] = standing.last, ranks
    return ranks


def _places_of(review, labels):
    """Position of each label in the review's classes, int (N,), -1 for none."""
    place = {key: position for position, key in enumerate(review.class_keys)}
    return np.array([place.get(label, -1) for label in labels])


@st.cache_resource(max_entries=6, show_spinner="Looking for groups")
def groups_of(review_id, count):
    """Group of each particle by Ward's method, int (N,), 0 for the largest; only where there is a Likeness."""
    return ward_groups(embedding_of(review_id).places, count)


def pixels_of(review):
    """Its tiles, in colour where there are any; grey ones for a history that came without."""
    if review.colour is not None:
        return review.colour
    return review.tiles if review.tiles is not None else np.broadcast_to(np.uint8(175), (len(review.table), 64, 64))


def rerun_every(key, state, make):
    """make(), or what it gave last time where that is fresh enough: it must not take much of the time of deciding.

    state: what it depends on.
    """
    kept = st.session_state.get(key)
    if kept and (kept["state"] == state or time.monotonic() - kept["at"] < kept["took"] / _MOST_TALLIED):
        return kept["made"]
    start = time.monotonic()
    made = make()
    now = time.monotonic()
    st.session_state[key] = {"state": state, "made": made, "at": now, "took": now - start}
    return made


def holder_of(review_id, reviewer):
    """Who particles are handed out to: this browser tab, over its reloads, and after a break the one it goes on for."""
    desk = opened("review", "desk")
    if desk is None:
        _, _, last = decode_position(bookmark_of(review_id, reviewer))
        last = last.partition(" ")[0]
        desk = last if last and not _is_open(last) else uuid4().hex[:8]
        open_as("review", desk, "desk")
    _open_desks()[desk] = time.monotonic()
    # Whoever is sent the address is somebody else.
    return f"{desk} {reviewer}"


def keep_open(holder):
    """This tab is in use."""
    _open_desks()[holder.partition(" ")[0]] = time.monotonic()


def _is_open(desk):
    return time.monotonic() - _open_desks().get(desk, -np.inf) < IN_USE_S


@st.cache_resource(show_spinner=False)
def _open_desks():
    """Desk -> when it was last heard of."""
    return {}
