"""Figures of a validation on the screen: sentences first, then tables by size, class and confidence."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from pages.ui.shared.text import DASH, escape_markdown
from svp_core.display import class_name, join_names
from svp_core.validation.wording import percent, range_text, summary_sentences

TABLE_HELP = {
    "size": "Drawn of those in the classifications; told: class told by eye. Within a range all weigh the same.",
    "class": "Right: of those named so, the share that is so (predictive value). Found: of those that are so, the "
    "share named so.",
    "confidence": "A calibrated classifier is right as often as its confidence says.",
}


def show_figures(record: Mapping[str, Any], *, key: str) -> None:
    """Draw the figures of a stored result."""
    figures = record["figures"]
    for sentence in summary_sentences(record):
        st.markdown(escape_markdown(sentence))
    tables = {
        "size": [
            {
                "Size": range_text(row),
                "Drawn": row["drawn"],
                "Of": row["population"],
                "Told": _n(row["accuracy"]),
                "Right": percent(row["accuracy"]),
            }
            for row in figures["by_size"]
        ],
        "class": [
            {
                "Class": class_name(row["class"]),
                "Named so": _n(row["ppv"]),
                "Right": percent(row["ppv"]),
                "Are so": _n(row["found"]),
                "Found": percent(row["found"]),
            }
            for row in figures["by_class"]
        ],
        "confidence": [
            {
                "Confidence": f"{row['low']:.2f} to {row['high']:.2f}",
                "Mean": f"{100 * row['confidence']:.0f} %",
                "Particles": _n(row["right"]),
                "Right": percent(row["right"]) if row["right"] else DASH,
            }
            for row in figures["calibration"]
        ],
    }
    left, right = st.columns(2, gap="medium")
    for place, name in ((left, "size"), (right, "confidence"), (st.container(gap="xsmall"), "class")):
        with place:
            st.markdown(f"**By {name}**", help=TABLE_HELP[name])
            st.dataframe(pd.DataFrame(tables[name]), hide_index=True, key=f"{key}_{name}", height="content")
    st.caption(escape_markdown(f"Labelled by {join_names(record['reviewers'])}. Intervals: 95 %."))


def _n(estimate: Mapping[str, Any] | None) -> int:
    return estimate["n"] if estimate else 0
