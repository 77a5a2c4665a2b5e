"""Offer of thresholds that promise a share of right names on instruments like the one of these results."""

from collections.abc import Callable, Sequence

import streamlit as st

from svp_core.classification.promises import promises_for
from svp_core.classification.results import ClassificationResults
from svp_core.display import class_name, escape_markdown, format_percent, join_names
from svp_core.stats.calibration import PROMISE, Promise


def offer_promised_thresholds(
    results: ClassificationResults, set_thresholds: Callable[[dict[str, float]], None]
) -> None:
    """Draw the promised threshold of each class and a button that sets them; nothing without a matched reference.

    set_thresholds(class key -> threshold) is called when it is pressed.
    """
    promises = _promises((results.job_id, results.version, results.class_keys), results)
    if not promises:
        return
    st.divider()
    st.caption(escape_markdown(describe_promises(promises)))
    if kept := {one.class_key: one.threshold for one in promises if one.threshold is not None}:
        st.button("Use these thresholds", key="use_promised", on_click=set_thresholds, args=(kept,))


def describe_promises(promises: Sequence[Promise]) -> str:
    """The promised thresholds in words."""
    kept = [one for one in promises if one.threshold is not None]
    without = join_names([class_name(one.class_key).lower() for one in promises if one.threshold is None])
    text = ""
    if kept:
        each = [
            f"{class_name(one.class_key).lower()} {one.threshold:.2f} (still names {format_percent(one.kept)} of it)"
            for one in kept
        ]
        text = (
            f"At these thresholds, at least {100 * PROMISE:.0f} % of the particles named by a class belong to it, on "
            f"simulated instruments like this one, at this sample's sizes and mixture: {join_names(each)}."
        )
    if without:
        text += f" No threshold promises that for {without}."
    return text.strip()


@st.cache_data(max_entries=20, show_spinner=False)
def _promises(key, _results):
    return promises_for(_results)
