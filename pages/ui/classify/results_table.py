"""Table of the shown particles, one page at a time, with any columns; rows can be selected."""

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from pages.ui.classify.class_galleries import choose_order, sort_positions
from pages.ui.classify.job_state import JobState
from pages.ui.classify.results_data import measure_columns, measure_name, numeric_column, runs_of, size_columns
from pages.ui.shared.paging import choose_page
from pages.ui.shared.text import without_common_prefix
from svp_core.classification.results import ClassificationResults
from svp_core.classification.results_csv import INSTRUMENT
from svp_core.display import DASH, class_name, label_text

PAGE_SIZE = 1000
TABLE_PX = 560
DEFAULT_COLUMNS = ("aspect_ratio", "circularity", "contrast")  # beside confidence and the sizes


def show_table(results: ClassificationResults, labels: NDArray[np.str_], shown: NDArray[np.bool_]) -> None:
    """Draw the table. labels: (N,), as assigned. shown: mask (N,)."""
    state = JobState(results.job_id)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        order = choose_order(results)
        columns = _choose_columns(results)
        positions = sort_positions(results, np.flatnonzero(shown), order)
        page = choose_page(len(positions), state.page_key("row"), page_size=PAGE_SIZE)
    positions = positions[page * PAGE_SIZE : (page + 1) * PAGE_SIZE]
    # The key follows the content: Streamlit keeps selected row numbers, and other particles may be in these rows.
    key = f"rows_{results.job_id}_{abs(hash((positions.tobytes(), tuple(columns))))}"

    def select():
        state.select([int(positions[row]) for row in st.session_state[key]["selection"]["rows"]])

    st.dataframe(
        _table(results, labels, positions, columns),
        hide_index=True,
        height=TABLE_PX,
        key=key,
        placeholder=DASH,
        alt="Results, one row per particle",
        on_select=select,
        selection_mode="multi-row",
        lazy=False,
        column_config={
            "Image": st.column_config.TextColumn(pinned=True, width="medium"),
            **{measure_name(name): _number_column(name) for name in columns},
        },
    )
    st.caption("Tick rows to select particles. A column head sorts this page only; Order by sorts all pages.")


def _choose_columns(results):
    options, state = measure_columns(results), JobState(results.job_id)
    defaults = [*size_columns(results)[:2], *DEFAULT_COLUMNS]
    state.set_default("columns", ["confidence", *(name for name in defaults if name in options)])
    with st.popover("Columns"):
        return st.multiselect(
            "Columns",
            options,
            format_func=measure_name,
            key=state.key("columns"),
            persist_state="session",
            width=420,
        )


def _table(results, labels, positions, columns):
    rows = results.table.iloc[positions]
    best = np.asarray(results.class_keys, object)[results.probs[positions].argmax(1)] if len(rows) else []
    table = pd.DataFrame({"Image": without_common_prefix(rows["image"])})
    table["Class"] = [label_text(label) for label in labels[positions]]
    table["Most likely class"] = [class_name(key) for key in best]
    for name in columns:
        table[measure_name(name)] = numeric_column(results, name)[positions]
    if "given" in rows and rows["given"].notna().any():
        table["Class of folder"] = [class_name(key) if isinstance(key, str) else None for key in rows["given"]]
    if len(runs_of(results)) > 1:
        table["Run"] = rows["run"].to_numpy()
    return table


def _number_column(name):
    return st.column_config.NumberColumn(format=None if name.startswith(INSTRUMENT) else "%.2f", alignment="right")
