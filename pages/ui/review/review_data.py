"""The open review for the screens: read once, its current labels updated at each run."""

import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from pages.ui.components.annotation_grid import EXAMPLES
from svp_core.embedding.clusters import ward_groups
from svp_core.errors import LabError
from svp_core.review.batches import QueueFilter, filtered_positions
from svp_core.review.current_labels import CurrentLabels
from svp_core.review.decision_log import history
from svp_core.review.embedding_store import ReviewEmbedding, load_embedding
from svp_core.review.reranking import RerankBaseline, prepare_rerank, rerank
from svp_core.review.store import Review, open_review

MAX_TIME_SHARE = 0.02  # share of the time that may go into recounting
EMPTY_GREY = 175  # grey value where there is no tile

Result = TypeVar("Result")


@st.cache_resource(max_entries=3, show_spinner="Opening the review")
def review_of(review_id: str) -> Review:
    """The Review. Raises LabError where it cannot be opened."""
    return open_review(review_id)


def current_labels_of(review: Review) -> CurrentLabels:
    """Its current labels, with every decision so far."""
    current = _current_labels(review.id, review)
    return current.add(history(review.id, after=current.last_number))


@st.cache_resource(max_entries=3, show_spinner=False)
def _current_labels(review_id: str, _review: Review) -> CurrentLabels:
    del review_id  # only the cache's key
    return _review.current_labels()


@st.cache_resource(max_entries=20, show_spinner=False)
def positions_of(review_id: str, queue_filter: QueueFilter) -> NDArray[np.intp]:
    """batches.filtered_positions: what does not depend on decisions."""
    return filtered_positions(review_of(review_id), queue_filter)


@st.cache_resource(max_entries=3, show_spinner=False)
def typical_tiles(review_id: str) -> NDArray[np.uint8]:
    """Typical tiles of each class, (classes * EXAMPLES, 64, 64) or (..., 3): those with the best label quality."""
    review = review_of(review_id)
    order = np.arange(len(review.table))
    if "score" in review.table:
        order = np.argsort(-review.table["score"].fillna(-1).to_numpy(float), kind="stable")
    pixels = pixels_of(review)
    given, tiles = review.table["given"].to_numpy(), np.full((0, *pixels.shape[1:]), 0, np.uint8)
    for key in review.class_keys:
        examples = pixels[np.sort(order[given[order] == key][:EXAMPLES])]
        empty = np.full((EXAMPLES - len(examples), *pixels.shape[1:]), EMPTY_GREY, np.uint8)
        tiles = np.concatenate([tiles, examples, empty])
    return tiles


@st.cache_resource(max_entries=3, show_spinner=False)
def embedding_of(review_id: str) -> ReviewEmbedding | None:
    """Its embedding, or None."""
    return load_embedding(review_of(review_id))


def map_of(review_id: str) -> NDArray[np.float32]:
    """Its 2-D map, (N, 2); only where there is an embedding."""
    embedding = embedding_of(review_id)
    if embedding is None:
        raise LabError("This review has no map yet; compute it first.")
    return embedding.map_xy


@st.cache_resource(max_entries=1, show_spinner="Preparing the ranking")
def _rerank_baseline(review_id: str) -> RerankBaseline | None:
    """Baseline of this review's queue; None without an embedding or without scores."""
    review, embedding = review_of(review_id), embedding_of(review_id)
    if embedding is None or "score" not in review.table:
        return None
    labels = _class_numbers(review, review.table["given"])
    scores = review.table["score"]
    return prepare_rerank(embedding.coordinates, labels, scores, class_count=len(review.class_keys))


def forget_embedding() -> None:
    """Read the embedding again: a job has made it."""
    embedding_of.clear()
    _rerank_baseline.clear()


def forget_review() -> None:
    """Read reviews again: one was renamed, deleted or restored."""
    review_of.clear()


def ranks_now(review: Review, current: CurrentLabels) -> NDArray[np.intp]:
    """Rank of every particle after the decisions so far, (N,), 0 first; at the start the queue's order."""
    key, count = f"ranks_{review.id}", len(review.table)
    cached = st.session_state.get(key)
    if cached and cached[0] == current.last_number:
        return cached[1]
    baseline, ranks = _rerank_baseline(review.id) if current.decided else None, np.arange(count)
    if baseline:
        labels = _class_numbers(review, [current.label(particle) for particle in current.given])
        ranks[rerank(baseline, labels)] = np.arange(count)
    st.session_state[key] = current.last_number, ranks
    return ranks


def _class_numbers(review: Review, labels: Iterable[str]) -> NDArray[np.int_]:
    """Position of each label in the review's classes, (N,), -1 for none."""
    positions = {key: position for position, key in enumerate(review.class_keys)}
    return np.array([positions.get(label, -1) for label in labels])


@st.cache_resource(max_entries=6, show_spinner="Clustering")
def groups_of(review_id: str, count: int) -> NDArray[np.int_]:
    """Cluster of each particle by Ward's method, (N,), 0 for the largest; only where there is an embedding."""
    embedding = embedding_of(review_id)
    if embedding is None:
        raise LabError("This review has no map yet; compute it first.")
    return ward_groups(embedding.coordinates, count)


def pixels_of(review: Review) -> NDArray[np.uint8]:
    """Its tiles, in colour where it has colour; grey squares for a history imported without images."""
    if review.colour is not None:
        return review.colour
    if review.tiles is not None:
        return review.tiles
    return np.broadcast_to(np.uint8(EMPTY_GREY), (len(review.table), 64, 64))


def recompute_if_stale(key: str, state: Any, compute: Callable[[], Result]) -> Result:
    """compute(), or its last result where that is recent enough: it must not take much of the reviewer's time.

    state: what the result depends on.
    """
    cached = st.session_state.get(key)
    if cached and (cached["state"] == state or time.monotonic() - cached["at"] < cached["took"] / MAX_TIME_SHARE):
        return cached["result"]
    start = time.monotonic()
    result = compute()
    now = time.monotonic()
    st.session_state[key] = {"state": state, "result": result, "at": now, "took": now - start}
    return result
