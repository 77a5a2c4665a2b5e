"""Galleries of classified particles, one per class, ordered by any measure."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from pages.ui.classify.job_state import JobState
from pages.ui.classify.results_data import (
    is_scaled,
    measure_columns,
    measure_name,
    numeric_column,
    pixel_sizes,
    size_columns,
)
from pages.ui.classify.thresholds import all_labels
from pages.ui.components.gallery import show_gallery
from pages.ui.shared.paging import PAGE_SIZE, choose_page
from svp_core.classification.derived_columns import DIAMETER_COLUMNS, SIZE
from svp_core.classification.results import ClassificationResults
from svp_core.display import DASH, class_name, label_text

PREVIEW_ROWS = 3  # of tiles per class, where several classes are shown
PREVIEW_TILES = 96  # enough for these rows in a wide window
PREVIEW_FITS = 36  # tiles that fit into these rows at 1280 px
SOURCE_ORDER = "as_offered"  # stored choice
DIRECTIONS = {"down": "Highest first", "up": "Lowest first"}

KEYS_HELP = "Ctrl-click and the key S also select; Shift-click selects a range; the arrow keys move."

Order = tuple[str, str]  # (column or SOURCE_ORDER, key of DIRECTIONS)


def show_by_class(results: ClassificationResults, labels: NDArray[np.str_], shown: NDArray[np.bool_]) -> None:
    """Draw the galleries of the shown particles; all pages of it where only one class is shown.

    labels: (N,), as assigned. shown: mask (N,).
    """
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        order = choose_order(results)
        st.caption("Click to enlarge; click the corner to select.", help=KEYS_HELP, width="content")
    positions = sort_positions(results, np.flatnonzero(shown), order)
    groups = {label: positions[labels[positions] == label] for label in all_labels(results)}
    groups = {label: group for label, group in groups.items() if len(group)}
    if not groups:
        st.caption("No particles match the filter.")
        return
    for label, group in groups.items():
        st.markdown(f"**{label_text(label)}** · {len(group):,}")
        if len(groups) == 1:
            page = choose_page(len(group), JobState(results.job_id).page_key("tiles"))
            draw_tiles(
                results,
                labels,
                group[page * PAGE_SIZE : (page + 1) * PAGE_SIZE],
                f"tiles_{label}",
                caption_column=order[0],
            )
        else:
            draw_tiles(results, labels, group[:PREVIEW_TILES], f"tiles_{label}", lines=PREVIEW_ROWS)
            if len(group) > PREVIEW_FITS:
                st.caption("Choose this class above to see all of its particles.")


def choose_order(results: ClassificationResults) -> Order:
    """Draw the choice of the order of galleries and table; the caller gives the row for it."""
    state = JobState(results.job_id)
    options = [SOURCE_ORDER, *measure_columns(results)]
    column = st.selectbox(
        "Order by",
        options,
        index=1,
        key=state.key("order"),
        persist_state="session",
        width=260,
        format_func=lambda name: "Source order" if name == SOURCE_ORDER else measure_name(name),
    )
    direction = st.segmented_control(
        "Direction",
        list(DIRECTIONS),
        default="down",
        required=True,
        format_func=DIRECTIONS.__getitem__,
        key=state.key("direction"),
        persist_state="session",
        label_visibility="collapsed",
    )
    return column, direction


def sort_positions(results: ClassificationResults, positions: NDArray[np.intp], order: Order) -> NDArray[np.intp]:
    """These positions of tiles sorted by a column; those without a value last."""
    column, direction = order
    if column == SOURCE_ORDER:
        return positions if direction == "up" else positions[::-1]
    values = numeric_column(results, column)[positions]
    return positions[np.argsort(values if direction == "up" else -values, kind="stable")]


def draw_tiles(
    results: ClassificationResults,
    labels: NDArray[np.str_],
    positions: NDArray[np.intp],
    key: str,
    *,
    caption_column: str | None = None,
    captions: Sequence[str] | None = None,
    **options: Any,
) -> None:
    """Draw a gallery of the particles at these positions, in which particles can be selected.

    caption_column: column whose value is written below each tile. captions: other texts below the tiles. options: of
    show_gallery().
    """
    if caption_column not in (None, SOURCE_ORDER):
        captions = [format_measure(value) for value in numeric_column(results, caption_column)[positions]]
    state, widget = JobState(results.job_id), f"{key}_{results.job_id}"

    def changed():
        here = set(map(int, positions))
        in_gallery = here & set(st.session_state[widget]["picked"] or ())
        state.select({*state.picks} - here | in_gallery, in_gallery=True)

    show_gallery(
        results.tiles[positions],
        key=widget,
        alt=f"Particles, {len(positions):,}",
        words=describe_particles(results, labels, positions),
        captions=captions,
        um_per_px=pixel_sizes(results)[positions],
        picking={"ids": positions, "picked": state.picks, "turn": state.turn, "changed": changed},
        **options,
    )


def describe_particles(
    results: ClassificationResults, labels: NDArray[np.str_], positions: Iterable[int]
) -> list[list[str]]:
    """Lines of text about each of these particles: class and confidence, size, item of the source."""
    positions = np.asarray(positions, int)
    size = size_columns(results)[0] if size_columns(results) else None
    sizes = numeric_column(results, size)[positions] if size else np.full(len(positions), np.nan)
    name, unit = ("Size", "µm") if size == SIZE else ("ECD", "µm" if is_scaled(results) else "px")
    true = [numeric_column(results, column)[positions] for column in DIAMETER_COLUMNS if column in results.columns]
    estimates = np.stack(true, axis=1) if len(true) == len(DIAMETER_COLUMNS) else np.full((len(positions), 3), np.nan)
    lines = []
    for position, diameter, estimate in zip(positions, sizes, estimates, strict=True):
        best = results.class_keys[results.probs[position].argmax()]
        text = f"{class_name(best)}, confidence {results.probs[position].max():.2f}"
        lines.append(
            [
                f"Unsure: {text}" if labels[position] != best else text,
                f"{name} {diameter:.1f} {unit}" if np.isfinite(diameter) else "Size not measurable",
                *_true_diameter(estimate),
                results.table["image"].iat[position],
            ]
        )
    return lines


def _true_diameter(estimate: NDArray[np.float64]) -> list[str]:
    """One line on the estimated true diameter, its low and its high end in µm; none where it is not known."""
    value, low, high = estimate
    return [f"True diameter about {value:.1f} µm ({low:.1f} to {high:.1f})"] if np.isfinite(value) else []


def format_measure(value: float) -> str:
    """A measured value in a few characters."""
    return DASH if not np.isfinite(value) else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
