"""The one filter of the results: galleries, table, plots and counts all show what passes it."""

from dataclasses import dataclass, field

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from pages.ui.classify.job_state import JobState
from pages.ui.classify.results_data import (
    EDGE,
    measure_columns,
    measure_name,
    numeric_column,
    numeric_columns,
    runs_of,
    size_columns,
)
from pages.ui.classify.thresholds import all_labels
from svp_core.classification.filters import Region, find_similar, inside_region, within_range
from svp_core.classification.folded_classes import fold_key
from svp_core.classification.results import ClassificationResults
from svp_core.display import count_noun, escape_markdown, label_text

SIMILARITY_COLUMNS = ("aspect_ratio", "circularity", "contrast")  # what makes particles alike, beside their size
PANEL_PX = 430  # height of a long pop-over, which scrolls: it fits a window of 800 px below the header of the results
MAX_SHORT_RANGES, MAX_SHORT_RUNS = 3, 6


@dataclass(frozen=True)
class Filter:
    """Which particles are shown; all of them where everything is empty."""

    labels: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    ranges: dict[str, tuple[float | None, float | None]] = field(default_factory=dict)  # column -> (low, high)
    region: Region | None = None  # selected in a plot
    whole_only: bool = False  # without particles touching the image border

    @property
    def empty(self) -> bool:
        """Whether all particles pass."""
        return self == Filter()


def apply_filter(results: ClassificationResults, labels: NDArray[np.str_], active: Filter) -> NDArray[np.bool_]:
    """Mask (N,) of the particles that pass. labels: (N,), as assigned.

    A column that these results do not have lets nothing pass.
    """
    mask = np.ones(len(results.table), bool)
    if active.labels:
        mask &= np.isin(labels, active.labels)
    if active.runs:
        mask &= results.table["run"].isin(active.runs).to_numpy()
    if active.whole_only:
        mask &= (results.table[EDGE] != "yes").to_numpy()
    needed = {*active.ranges, *((active.region.x, active.region.y) if active.region else ())}
    if needed - set(results.columns):
        return np.zeros(len(mask), bool)
    if active.ranges:
        mask &= within_range(numeric_columns(results, active.ranges), active.ranges)
    if active.region:
        mask &= inside_region(numeric_columns(results, (active.region.x, active.region.y)), active.region)
    return mask


def choose_labels(results: ClassificationResults) -> list[str]:
    """Draw pills of the classes and "Unsure"; the chosen ones. Of a chosen class that is folded, its one class is."""
    options, state = all_labels(results), JobState(results.job_id)
    chosen = list(state.labels or ())
    seen = dict.fromkeys(fold_key(label) if results.is_folded else label for label in chosen)
    if (kept := [label for label in seen if label in options]) != chosen:
        state.labels = kept
    return st.pills(
        "Class",
        options,
        selection_mode="multi",
        format_func=label_text,
        key=state.key("labels"),
        persist_state="session",
    )


def choose_filter(results: ClassificationResults, labels: list[str]) -> Filter:
    """Draw the pop-over of the filter and read it. labels: the classes chosen by choose_labels()."""
    state, runs = JobState(results.job_id), runs_of(results)
    state.set_default("ranges", ["confidence", *size_columns(results)[:1]])
    is_long = len(state.ranges) > MAX_SHORT_RANGES or len(runs) > MAX_SHORT_RUNS
    with (
        st.popover("Filter", help="Ranges of any measure, runs, particles at the image border"),
        st.container(height=PANEL_PX if is_long else "content", border=False, key="filter_panel"),
    ):
        chosen_runs = ()
        if len(runs) > 1:
            chosen_runs = st.pills("Run", runs, selection_mode="multi", key=state.key("runs"), persist_state="session")
        whole = EDGE in results.columns and st.toggle(
            "Exclude particles touching the image border", key=state.key("whole"), persist_state="session"
        )
        columns = st.multiselect(
            "Ranges of",
            measure_columns(results),
            format_func=measure_name,
            key=state.key("ranges"),
            persist_state="session",
            width=420,
        )
        ranges = {name: ends for name in columns if (ends := _choose_range(results, name)) != (None, None)}
    return Filter(tuple(labels), tuple(chosen_runs), ranges, state.region, bool(whole))


def show_filter(results: ClassificationResults, active: Filter, shown: int) -> None:
    """One line: how many particles are shown and by which filter; how many are selected and what to do with them."""
    total, state = len(results.table), JobState(results.job_id)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="filter_line"):
        if active.empty:
            every = "All " if total > 1 else ""
            st.markdown(f"{every}**{count_noun(total, 'particle')}**", width="content")
        else:
            parts = [f"**{shown:,} of {count_noun(total, 'particle')}**", *map(escape_markdown, _conditions(active))]
            st.markdown(" · ".join(parts), width="content")
            st.button("Clear filter", key="filter_clear", type="tertiary", on_click=state.clear_filter)
        if state.picks:
            st.markdown(f"**{len(state.picks):,} selected**", width="content")
            st.button(
                "Find similar",
                key="like_picked",
                on_click=filter_similar,
                args=(results,),
                help="Filter by the range of size and shape of the selected particles, a tenth wider; the ranges can "
                "be changed under Filter.",
            )
            st.button("Clear selection", key="pick_none", type="tertiary", on_click=state.select, args=([],))


def filter_similar(results: ClassificationResults) -> None:
    """Filter by ranges of size and shape that contain the selected particles."""
    state = JobState(results.job_id)
    columns = [name for name in (*size_columns(results)[:1], *SIMILARITY_COLUMNS) if name in results.columns]
    for name, ends in find_similar(numeric_columns(results, columns), state.picks, columns).items():
        state.set_range(name, *(float(f"{end:.3g}") for end in _widened(*ends)))


def _widened(low, high):
    # Three digits are enough to read, but rounding to them must not exclude the outermost selected particles.
    return low - abs(low) * 0.005, high + abs(high) * 0.005


def _choose_range(results, name):
    values = numeric_column(results, name)
    values = values[np.isfinite(values)]
    extremes = (f"{values.min():.4g}", f"{values.max():.4g}") if len(values) else ("no values", "no values")
    ends = []
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        for end, placeholder, label in (("from", extremes[0], measure_name(name)), ("to", extremes[1], "to")):
            value = st.number_input(
                label,
                value=None,
                key=JobState(results.job_id).range_key(name, end),
                persist_state="session",
                placeholder=placeholder,
                format="%.4g",
                step=_step(values),
                width=190,
            )
            ends.append(value)
    return tuple(ends)


def _step(values):
    """Step of the number fields for this range of values: 1, 0.1, 0.01, ..."""
    spread = float(np.ptp(values)) if len(values) else 1.0
    return float(10.0 ** np.floor(np.log10(spread / 20))) if spread > 0 else 1.0


def _conditions(active):
    """What the filter demands, one text per condition."""
    conditions = [", ".join(map(label_text, active.labels))] if active.labels else []
    if active.runs:
        conditions.append(", ".join(active.runs))
    for name, (low, high) in active.ranges.items():
        ends = f"≥ {low:g}" if high is None else f"≤ {high:g}" if low is None else f"{low:g} to {high:g}"
        conditions.append(f"{measure_name(name)} {ends}")
    if active.region:
        conditions.append("lasso selection")
    return [*conditions, "not touching the border"] if active.whole_only else conditions
