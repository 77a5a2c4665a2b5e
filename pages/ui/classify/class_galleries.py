"""Classified particles to look at, class by class, in the order of any measure; a click in a corner selects one."""

import numpy as np
import streamlit as st

from pages.ui.classify.filters import selection, selection_revision, set_selection
from pages.ui.classify.results_data import (
    is_scaled,
    label_text,
    measure_columns,
    measure_name,
    numeric_column,
    size_columns,
)
from pages.ui.classify.thresholds import labels_in_order
from pages.ui.components.gallery import show_gallery
from pages.ui.shared.text import class_name

PER_PAGE = 200
FIRST_LOOK = 3  # lines of tiles of each class where several classes are shown
FIRST_TILES = 96  # enough for them in a wide window
PER_LOOK = 36  # tiles that fit into those lines at 1280 px
SOURCE_ORDER = "as_offered"
DIRECTIONS = {"down": "Highest first", "up": "Lowest first"}


def show_by_class(found, labels, shown):
    """Galleries of the shown particles, one a class; all of it where one class only is shown.

    labels: str (N,), how each is called. shown: bool (N,).
    """
    order = choose_order(found)
    positions = in_order_of(found, np.flatnonzero(shown), order)
    groups = {label: positions[labels[positions] == label] for label in labels_in_order(found.class_keys)}
    groups = {label: group for label, group in groups.items() if len(group)}
    st.caption("A click shows a tile large; a click into its corner, Ctrl-click or the key S selects it.")
    for label, group in groups.items():
        st.markdown(f"**{label_text(label)}** · {len(group):,}")
        if len(groups) == 1:
            page = choose_page(len(group), f"page_{found.job_id}")
            draw(found, labels, group[page * PER_PAGE : (page + 1) * PER_PAGE], f"tiles_{label}", order=order[0])
        else:
            draw(found, labels, group[:FIRST_TILES], f"tiles_{label}", lines=FIRST_LOOK)
            if len(group) > PER_LOOK:
                st.caption("The first of them; choose this class above to see all.")
    if not groups:
        st.caption("No particle is as asked for; widen the filter.")


def choose_order(found):
    """(column or AS_OFFERED, key of DIRECTIONS): how galleries and table are sorted."""
    options = [SOURCE_ORDER, *measure_columns(found)]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        column = st.selectbox(
            "Order by",
            options,
            index=1,
            key=f"{found.job_id}_order",
            persist_state="session",
            width=260,
            format_func=lambda name: "As offered" if name == SOURCE_ORDER else measure_name(name),
        )
        direction = st.segmented_control(
            "Direction",
            list(DIRECTIONS),
            default="down",
            required=True,
            format_func=DIRECTIONS.get,
            key=f"{found.job_id}_direction",
            persist_state="session",
            label_visibility="collapsed",
        )
    return column, direction


def in_order_of(found, positions, order):
    """These positions sorted by a column, those without a value last."""
    column, direction = order
    if column == SOURCE_ORDER:
        return positions if direction == "up" else positions[::-1]
    values = numeric_column(found, column)[positions]
    return positions[np.argsort(values if direction == "up" else -values, kind="stable")]


def choose_page(count, key, *, per_page=PER_PAGE):
    """Number of the page to show, from 0."""
    pages = -(-count // per_page)
    if pages < 2:
        return 0
    if st.session_state.get(key, 1) > pages:
        st.session_state[key] = 1
    return st.pagination(pages, key=key) - 1


def draw(found, labels, positions, key, *, order=None, **how):
    """Gallery of the particles at these positions; those clicked in their corner are selected.

    order: the column whose value stands under each tile; none for no words there. how: as for show_gallery.
    """
    words = caption_for(found, labels, positions)
    if order not in (None, SOURCE_ORDER):
        how["captions"] = [value_text(value) for value in numeric_column(found, order)[positions]]
    widget = f"{key}_{found.job_id}"

    def changed():
        here = set(map(int, positions))
        set_selection(
            found, {*selection(found)} - here | here & set(st.session_state[widget]["picked"] or ()), turn=False
        )

    picking = {"ids": positions, "picked": selection(found), "turn": selection_revision(found), "changed": changed}
    show_gallery(
        found.tiles[positions],
        key=widget,
        alt=f"Particles, {len(positions):,}",
        words=words,
        picking=picking,
        **how,
    )


def caption_for(found, labels, positions):
    """What is said of each of these particles: lines of text."""
    size = size_columns(found)[0] if size_columns(found) else None
    sizes = numeric_column(found, size)[positions] if size else np.full(len(positions), np.nan)
    unit = "µm" if is_scaled(found) else "px"
    lines = []
    for position, diameter in zip(positions, sizes, strict=True):
        best = found.class_keys[found.probs[position].argmax()]
        said = f"{class_name(best)}, confidence {found.probs[position].max():.2f}"
        lines.append(
            [
                f"Unsure: {said}" if labels[position] != best else said,
                f"ECD {diameter:.1f} {unit}" if np.isfinite(diameter) else "Not measurable",
                found.table["image"].iat[position],
            ]
        )
    return lines


def value_text(value):
    """A measure's value in a few characters."""
    return "–" if not np.isfinite(value) else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
