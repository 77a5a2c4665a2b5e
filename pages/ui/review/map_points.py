"""Points of the embedding map: which are drawn, with which look, and the tiles shown on hovering."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from pages.ui.components.embedding_map import DIMMED, NOT_DRAWN, PointLook, TileSheet
from pages.ui.components.gallery import encode_sheet, side_by_side
from pages.ui.review.review_data import pixels_of, review_of
from svp_core.display import UNSURE_COLOUR, class_colour, class_marker, label_text
from svp_core.particle_classes import sort_keys
from svp_core.review.current_labels import NOT_A_CLASS

MAX_POINTS = 20_000  # drawn at once, so that the browser stays fast
MIN_PER_LABEL = 100  # points of a rare label that are not thinned out
MAX_PICTURES = 10_000  # particles whose tiles are sent for hovering; about 0.5 kB each
FULL_SIZE_PICTURES = 2_000  # with more particles their tiles are sent at half the resolution
MAX_LOOKS = DIMMED - 1  # labels that can be told apart; further ones share the last look
_CROSS = "m-3-3l6 6m0-6l-6 6"


@dataclass(frozen=True)
class MapPoints:
    """What the map draws of N particles."""

    codes: NDArray[np.uint8]  # (N,): index in looks, with DIMMED added, or NOT_DRAWN
    looks: tuple[PointLook, ...]  # classes, then unlabelled, unsure, not a particle; only those that occur


def map_points(
    labels: NDArray[np.object_],
    suspects: NDArray[np.bool_],
    *,
    among: NDArray[np.bool_],
    chosen: NDArray[np.bool_] | None = None,
) -> MapPoints:
    """Points by label. labels, suspects: (N,).

    among: (N,), only these are drawn and counted. chosen: (N,), the others are dimmed; None: none is.
    """
    rows = np.flatnonzero(among)
    drawn = rows[subsample(labels[rows], suspects[rows])]
    counts = Counter(labels[rows].tolist())
    no_class = [label for label in ("", *NOT_A_CLASS) if label in counts]
    order = [*sort_keys(set(counts) - {*NOT_A_CLASS, ""}), *no_class]
    codes, looks = np.full(len(labels), NOT_DRAWN, np.uint8), [_look(label, counts[label]) for label in order]
    for code, label in enumerate(order):
        codes[drawn[labels[drawn] == label]] = min(code, MAX_LOOKS - 1)
    if len(looks) > MAX_LOOKS:
        others = sum(look.count for look in looks[MAX_LOOKS - 1 :])
        looks[MAX_LOOKS - 1 :] = [PointLook("Other labels", UNSURE_COLOUR, class_marker(""), False, others)]
    if chosen is not None:
        codes[(codes != NOT_DRAWN) & ~chosen] |= DIMMED
    return MapPoints(codes, tuple(looks))


def subsample(labels: NDArray[np.object_], suspects: NDArray[np.bool_], *, most: int = MAX_POINTS) -> NDArray[np.intp]:
    """Positions of about `most` points: suspects first, of every label its share; the same at every call."""
    if len(labels) <= most:
        return np.arange(len(labels))
    rng = np.random.default_rng(0)
    chosen = [rng.permutation(np.flatnonzero(suspects))[: most // 2]]
    room, others = most - len(chosen[0]), int((~suspects).sum())
    for label in np.unique(labels):
        group = np.flatnonzero((labels == label) & ~suspects)
        share = max(MIN_PER_LABEL, int(room * len(group) / max(others, 1)))
        chosen.append(rng.permutation(group)[:share])
    return np.sort(np.concatenate(chosen))


@st.cache_resource(max_entries=2, show_spinner=False)
def tile_sheet(review_id: str) -> TileSheet | None:
    """Tiles of all particles as one image; None without images and with more than MAX_PICTURES."""
    review = review_of(review_id)
    count = len(review.table)
    if review.tiles is None or count > MAX_PICTURES:
        return None
    pixels: NDArray[Any] = np.asarray(pixels_of(review))
    if count > FULL_SIZE_PICTURES:
        height, width, *colour = pixels.shape[1:]
        pixels = pixels.reshape(count, height // 2, 2, width // 2, 2, *colour).mean((2, 4)).astype(np.uint8)
    columns = int(np.ceil(np.sqrt(count)))
    return TileSheet(f"{review_id}/map", encode_sheet(side_by_side(pixels, columns)), columns, pixels.shape[1])


def _look(label: str, count: int) -> PointLook:
    if label == "not_a_particle":
        return PointLook(label_text(label), UNSURE_COLOUR, _CROSS, True, count)
    return PointLook(label_text(label), class_colour(label), class_marker(label), label == "unsure", count)
