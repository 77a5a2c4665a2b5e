"""Labelling a selection of particles together: their tiles, and one click per answer."""

import time
from uuid import uuid4

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from pages.ui.components.annotation_grid import LABEL_NAMES
from pages.ui.components.gallery import show_gallery
from pages.ui.review.review_data import pixels_of
from pages.ui.shared.text import count_noun, escape_markdown
from svp_core.display import label_text
from svp_core.errors import LabError
from svp_core.review.current_labels import CurrentLabels
from svp_core.review.decision_log import record, undo
from svp_core.review.store import Review

MAX_SHOWN = 500  # tiles
MAX_BUTTONS = 9  # classes that get a button each
ALL, PICKED, NOT_PICKED = "All", "Only the selected", "All but the selected"
ANSWERS = (
    ("keep", "Keep labels"),
    ("unsure", LABEL_NAMES["unsure"]),
    ("not_a_particle", LABEL_NAMES["not_a_particle"]),
)


def label_selected(
    review: Review,
    reviewer: str,
    current: CurrentLabels,
    labels: NDArray[np.object_],
    positions: NDArray[np.intp],
    *,
    only_open: bool,
) -> None:
    """Tiles of these particles and the answers for them. labels: (N,), of all particles; positions: of the selected."""
    st.markdown(f"**{count_noun(len(positions), 'particle')}**" + (" unreviewed" if only_open else ""))
    if not len(positions):
        st.caption("No unreviewed particles in this selection.")
        return
    picked = _show_tiles(review, labels, positions)
    if not reviewer:
        st.caption("Enter your name under Decide to label them.")
        return
    which = ALL
    if picked:
        which = st.segmented_control(
            "Which",
            (PICKED, NOT_PICKED, ALL),
            default=PICKED,
            required=True,
            key=f"map_{review.id}_which",
            label_visibility="collapsed",
        )
    targets = [p for p in positions if which == ALL or (int(p) in picked) == (which == PICKED)]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="map_answers"):
        st.markdown(f"{count_noun(len(targets), 'particle')}:", width="content")
        if len(review.class_keys) <= MAX_BUTTONS:
            for key in review.class_keys:
                if st.button(escape_markdown(label_text(key)), key=f"map_label_{key}"):
                    _record(review, reviewer, targets, "label", key)
        for kind, name in ANSWERS:
            if st.button(name, key=f"map_{kind}"):
                _record(review, reviewer, targets, kind, "")
        if st.button(
            "Undo my last decision", key="map_undo", type="tertiary", help="With all decided together with it"
        ):
            outcomes = undo(review, current, reviewer)
            st.toast(escape_markdown(f"{count_noun(len(outcomes), 'decision')} undone"))
            st.rerun()
    if len(review.class_keys) > MAX_BUTTONS:
        # One widget for all: a button per class takes the page too long. A new key clears it after each click.
        turn = st.session_state.get(_selection_key(review.id), {"turn": 0})["turn"]
        key = st.pills("Class", review.class_keys, format_func=label_text, key=f"map_{review.id}_class_{turn}")
        if key:
            _record(review, reviewer, targets, "label", key)


def forget_selection(review_id: str) -> None:
    """Unselect all tiles."""
    key = _selection_key(review_id)
    st.session_state[key] = {"picked": set(), "turn": st.session_state.get(key, {"turn": 0})["turn"] + 1}


def _selection_key(review_id: str) -> str:
    return f"map_{review_id}_picks"


def _show_tiles(review: Review, labels: NDArray[np.object_], positions: NDArray[np.intp]) -> set[int]:
    """Tiles of the first of these particles; returns the positions of the selected ones."""
    key = f"map_{review.id}_grid"
    shown = positions[:MAX_SHOWN]
    selection = st.session_state.setdefault(_selection_key(review.id), {"picked": set(), "turn": 0})

    def changed() -> None:
        selection["picked"] = set(st.session_state[key]["picked"] or ())

    names = review.table["particle"].array
    show_gallery(
        pixels_of(review)[shown],
        key=key,
        alt=f"Particles, {len(shown):,}",
        words=[[label_text(str(labels[position])), names[position]] for position in shown],
        picking={"ids": shown, "picked": selection["picked"], "turn": selection["turn"], "changed": changed},
    )
    if len(positions) > MAX_SHOWN:
        st.caption(f"The first {MAX_SHOWN:,} of {len(positions):,} are shown; a label applies to all of them.")
    return selection["picked"] & set(map(int, shown))


def _record(review: Review, reviewer: str, positions: list[np.intp], kind: str, label: str) -> None:
    """Write one decision per particle, all in one batch, and rerun."""
    names, batch, now = review.table["particle"].array, uuid4().hex[:12], time.time()
    events = [
        {
            "tab": f"map-{batch}",
            "n": n,
            "particle": names[position],
            "kind": kind,
            "label": label,
            "purpose": "map",
            "reviewer": reviewer,
            "at": now,
            "batch": batch,
            "again": False,
        }
        for n, position in enumerate(positions, 1)
    ]
    try:
        with st.spinner(f"Saving {count_noun(len(events), 'decision')}"):
            outcomes = record(review, events)
    except LabError as error:
        st.error(escape_markdown(error))
        return
    saved = sum(outcome.state == "saved" for outcome in outcomes)
    message = f"{count_noun(saved, 'decision')} saved"
    if saved < len(outcomes):
        reasons = (outcome.message for outcome in outcomes if outcome.state != "saved" and outcome.message)
        message += f"; {len(outcomes) - saved:,} not. {next(reasons, '')}"
    st.toast(escape_markdown(message))
    forget_selection(review.id)
    st.rerun()
