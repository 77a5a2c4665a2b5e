"""The one filter of the results: table, gallery, plots and counts all show what it lets through.

What is set is kept for each classification by itself, under keys that begin with its id.
"""

from dataclasses import dataclass, field

import numpy as np
import streamlit as st

from pages.ui.classify.results_data import (
    label_text,
    measure_columns,
    measure_name,
    numeric_column,
    numeric_columns,
    size_columns,
)
from pages.ui.classify.thresholds import labels_in_order
from pages.ui.shared.text import count_noun, escape_markdown
from svp_core.classification.filters import Region, find_similar, inside_region, within_range

SIMILARITY = ("aspect_ratio", "circularity", "contrast")  # besides the size: what makes particles alike


@dataclass(frozen=True)
class Filter:
    """What particles are shown; everything empty: all of them."""

    labels: tuple = ()
    runs: tuple = ()
    ranges: dict = field(default_factory=dict)  # column -> (low, high), None where open
    region: Region | None = None  # drawn in a plot
    whole_only: bool = False  # leave out what touches the edge of its picture

    @property
    def empty(self):
        """Whether it lets everything through."""
        return self == Filter()


def apply_filter(found, labels, chosen):
    """Which particles a Filter lets through: bool (N,). labels: str (N,), how each is called.

    A column that this classification does not have lets nothing through.
    """
    kept = np.ones(len(found.table), bool)
    if chosen.labels:
        kept &= np.isin(labels, chosen.labels)
    if chosen.runs:
        kept &= found.table["run"].isin(chosen.runs).to_numpy()
    if chosen.whole_only:
        kept &= (found.table["touches_edge"] != "yes").to_numpy()
    asked = {*chosen.ranges, *((chosen.region.x, chosen.region.y) if chosen.region else ())}
    if asked - set(found.columns):
        return np.zeros(len(kept), bool)
    if chosen.ranges:
        kept &= within_range(numeric_columns(found, chosen.ranges), chosen.ranges)
    if chosen.region:
        kept &= inside_region(numeric_columns(found, (chosen.region.x, chosen.region.y)), chosen.region)
    return kept


def choose_labels(found):
    """Pills of the classes, and "Unsure"."""
    return st.pills(
        "Class",
        labels_in_order(found.class_keys),
        selection_mode="multi",
        format_func=label_text,
        key=f"{found.job_id}_labels",
        persist_state="session",
    )


def choose_filter(found, labels):
    """The Filter as it is set; draws the popover in which it is. labels: those chosen by choose_labels."""
    job = found.job_id
    with st.popover("Filter", help="Ranges of any measure, runs, whole particles only"):
        runs = runs_of(found)
        if len(runs) > 1:
            runs = st.pills("Run", runs, selection_mode="multi", key=f"{job}_runs", persist_state="session")
        else:
            runs = ()
        whole = "touches_edge" in found.columns and st.toggle(
            "Leave out particles cut by the edge", key=f"{job}_whole", persist_state="session"
        )
        options = measure_columns(found)
        st.session_state.setdefault(f"{job}_ranges", ["confidence", *size_columns(found)[:1]])
        wanted = st.multiselect(
            "Ranges of", options, format_func=measure_name, key=f"{job}_ranges", persist_state="session", width=420
        )
        ranges = {name: ends for name in wanted if (ends := _ask_range(found, name)) != (None, None)}
    return Filter(tuple(labels), tuple(runs), ranges, st.session_state.get(f"{job}_region"), bool(whole))


def show_filter(found, chosen, shown):
    """In a line: how many are shown, why not the others, how to have all again; what is selected, and those like it."""
    total = len(found.table)
    picked = selection(found)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="filter_line"):
        if chosen.empty:
            st.markdown(f"All **{count_noun(total, 'particle')}**")
        else:
            said = " · ".join(
                [f"**{shown:,} of {count_noun(total, 'particle')}**", *map(escape_markdown, _said(chosen))]
            )
            st.markdown(said, width="content")
            st.button("Show all", key="filter_clear", type="tertiary", on_click=clear, args=(found,))
        if picked:
            st.markdown(f"**{len(picked):,} selected**", width="content")
            st.button(
                "Show those like them",
                key="like_picked",
                on_click=show_similar,
                args=(found, picked),
                help="Ranges from the smallest to the largest value of those selected, a tenth wider; they can be "
                "changed under Filter.",
            )
            st.button("Select none", key="pick_none", type="tertiary", on_click=set_selection, args=(found, []))
    return picked


def runs_of(found):
    """Names of the runs in this classification."""
    return list(found.table["run"].dropna().unique()) if "run" in found.table else []


def clear(found):
    """Let everything through again."""
    job = found.job_id
    for name in st.session_state.get(f"{job}_ranges", ()):
        set_range(found, name, None, None)
    for name, value in (("labels", []), ("runs", []), ("whole", False)):
        st.session_state[f"{job}_{name}"] = value
    set_region(found, None)


def set_range(found, name, low, high):
    """Have the filter ask for this range of a column."""
    job = found.job_id
    asked = st.session_state.get(f"{job}_ranges", [])
    st.session_state[f"{job}_ranges"] = [*asked, *([name] if name not in asked else [])]
    st.session_state[f"{job}_{name}_from"], st.session_state[f"{job}_{name}_to"] = low, high


def set_region(found, region):
    """Have the filter ask for what was drawn in a plot; None: no more."""
    st.session_state[f"{found.job_id}_region"] = region


def selection(found):
    """The selected particles, ascending positions of tiles."""
    return st.session_state.get(f"{found.job_id}_picks", [])


def set_selection(found, picked, *, turn=True):
    """Select these. turn: the galleries are to show it; not where it comes from one of them."""
    st.session_state[f"{found.job_id}_picks"] = sorted(picked)
    if turn:
        st.session_state[f"{found.job_id}_turn"] = selection_revision(found) + 1


def selection_revision(found):
    """How often the selection was changed by something else than a gallery."""
    return st.session_state.get(f"{found.job_id}_turn", 0)


def show_similar(found, picked):
    """Ask for ranges of size and shape that hold the selected particles."""
    columns = [name for name in (*size_columns(found)[:1], *SIMILARITY) if name in found.columns]
    for name, ends in find_similar(numeric_columns(found, columns), picked, columns).items():
        set_range(found, name, *(float(f"{end:.3g}") for end in _outwards(*ends)))


def _outwards(low, high):
    # Three digits are enough to read; rounding must not leave out the outermost of those selected.
    return low - abs(low) * 0.005, high + abs(high) * 0.005


def _ask_range(found, name):
    values = numeric_column(found, name)
    values = values[np.isfinite(values)]
    ends = (f"{values.min():.4g}", f"{values.max():.4g}") if len(values) else ("no values", "no values")
    asked = []
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        for end, placeholder, label in (("from", ends[0], measure_name(name)), ("to", ends[1], "to")):
            key = f"{found.job_id}_{name}_{end}"
            value = st.number_input(
                label,
                value=None,
                key=key,
                persist_state="session",
                placeholder=placeholder,
                format="%.4g",
                step=_step(values),
                width=190,
            )
            asked.append(value)
    return tuple(asked)


def _step(values):
    """A step of the number fields that suits the spread of these values: 1, 0.1, 0.01 …"""
    spread = float(np.ptp(values)) if len(values) else 1.0
    return float(10.0 ** np.floor(np.log10(spread / 20))) if spread > 0 else 1.0


def _said(chosen):
    said = [label_text(label) for label in chosen.labels] and [", ".join(map(label_text, chosen.labels))]
    if chosen.runs:
        said.append(", ".join(chosen.runs))
    for name, (low, high) in chosen.ranges.items():
        ends = f"from {low:g}" if high is None else f"to {high:g}" if low is None else f"{low:g} to {high:g}"
        said.append(f"{measure_name(name)} {ends}")
    if chosen.region:
        said.append("drawn in the plot")
    return [*said, "whole particles"] if chosen.whole_only else said
