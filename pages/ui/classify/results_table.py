"""The table of a classification: the shown particles, a page at a time, with any columns; rows can be selected."""

import numpy as np
import pandas as pd
import streamlit as st

from pages.ui.classify.class_galleries import choose_order, choose_page, in_order_of
from pages.ui.classify.filters import runs_of, set_selection
from pages.ui.classify.results_data import (
    INSTRUMENT,
    label_text,
    measure_columns,
    measure_name,
    numeric_column,
    size_columns,
)
from pages.ui.shared.text import DASH, class_name, without_common_prefix

PER_PAGE = 1000
PREFERRED = ("aspect_ratio", "circularity", "contrast")  # columns to begin with, besides the sizes
DECIMALS = {
    "confidence": "%.2f",
    "aspect_ratio": "%.2f",
    "circularity": "%.2f",
    "circularity_mfi": "%.2f",
    "convexity": "%.2f",
}


def show_table(found, labels, shown):
    """Table of the shown particles, by the order chosen. labels: str (N,). shown: bool (N,)."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        order = choose_order(found)
        columns = _choose_columns(found)
        positions = in_order_of(found, np.flatnonzero(shown), order)
        page = choose_page(len(positions), f"row_page_{found.job_id}", per_page=PER_PAGE)
    positions = positions[page * PER_PAGE : (page + 1) * PER_PAGE]
    # By what is shown: a selection is of lines, and other particles may stand there.
    key = f"rows_{found.job_id}_{abs(hash((positions.tobytes(), tuple(columns))))}"

    def select():
        set_selection(found, [int(positions[line]) for line in st.session_state[key]["selection"]["rows"]])

    st.dataframe(
        _table(found, labels, positions, columns),
        hide_index=True,
        height=560,
        key=key,
        placeholder=DASH,
        alt="Results, one row a particle",
        on_select=select,
        selection_mode="multi-row",
        lazy=False,
        column_config={
            "Image": st.column_config.TextColumn(pinned=True, width="medium"),
            **{measure_name(name): _as_number(name) for name in columns},
        },
    )
    st.caption("Tick rows to select them. Clicking a head sorts this page; the order above sorts all.")


def _choose_columns(found):
    options = measure_columns(found)
    preferred = [*size_columns(found)[:2], *PREFERRED]
    key = f"{found.job_id}_columns"
    st.session_state.setdefault(key, ["confidence", *(name for name in preferred if name in options)])
    with st.popover("Columns"):
        return st.multiselect("Columns", options, format_func=measure_name, key=key, persist_state="session", width=420)


def _table(found, labels, positions, columns):
    rows = found.table.iloc[positions]
    best = np.asarray(found.class_keys, object)[found.probs[positions].argmax(1)] if len(rows) else []
    table = pd.DataFrame({"Image": without_common_prefix(rows["image"])})
    table["Class"] = [label_text(label) for label in labels[positions]]
    table["Most probable"] = [class_name(key) for key in best]
    for name in columns:
        table[measure_name(name)] = numeric_column(found, name)[positions]
    if rows["given"].notna().any():
        table["Given by folder"] = [class_name(key) if isinstance(key, str) else None for key in rows["given"]]
    if len(runs_of(found)) > 1:
        table["Run"] = rows["run"].to_numpy()
    return table


def _as_number(name):
    return st.column_config.NumberColumn(
        format=DECIMALS.get(name, "%.2f" if not name.startswith(INSTRUMENT) else None), alignment="right"
    )
