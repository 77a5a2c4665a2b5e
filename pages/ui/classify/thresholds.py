"""From when on a particle counts as named: one slider for all classes, one of its own for each."""

import streamlit as st

from pages.ui.shared.text import class_name
from svp_core.classification.settings import CONFIDENCE_THRESHOLD
from svp_core.stats.counts import UNSURE, apply_thresholds


def choose_thresholds(class_keys):
    """Class key -> smallest confidence with which a particle is called so. Below it, it is unsure."""
    below = st.slider(
        "Unsure below a confidence of",
        0.0,
        0.99,
        CONFIDENCE_THRESHOLD,
        0.01,
        key="unsure_below",
        bind="query-params",
        persist_state="session",
        width=230,
        help="Particles whose class is less probable than this are listed as unsure; they are in no class's count.",
    )
    with st.popover("By class", help="A class may ask for more confidence, or be content with less."):
        own = {key: _own(key, below) for key in class_keys}
    return {key: below if value is None else value for key, value in own.items()}


def _own(key, below):
    name, value = f"own_threshold_{key}", f"threshold_{key}"
    if not st.toggle(f"{class_name(key)} by its own", key=name, persist_state="session"):
        return None
    st.session_state.setdefault(value, below)
    return st.slider(
        class_name(key),
        0.0,
        0.99,
        step=0.01,
        key=value,
        persist_state="session",
        width=260,
        label_visibility="collapsed",
    )


def assign_labels(found, thresholds):
    """How each particle is called: str (N,), a class key or "unsure"."""
    return apply_thresholds(found.probs, found.class_keys, thresholds=thresholds).astype(
        str
    )  # compared faster than objects


def labels_in_order(class_keys):
    """Every label there can be, in the order in which screens show them."""
    return [*class_keys, UNSURE]
