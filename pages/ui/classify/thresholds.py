"""Confidence thresholds: one slider for all classes, and one per class on demand."""

from collections.abc import Mapping

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from pages.ui.classify.promised_thresholds import offer_promised_thresholds
from svp_core.classification.folded_classes import can_be_folded
from svp_core.classification.results import ClassificationResults
from svp_core.classification.settings import CONFIDENCE_THRESHOLD
from svp_core.classification.strangers import has_novelty, mark_unlike
from svp_core.display import class_name
from svp_core.novelty.calibration import LEVEL
from svp_core.particle_classes import OTHER
from svp_core.stats.counts import UNLIKE, UNSURE, apply_thresholds

MAX_THRESHOLD, STEP = 0.99, 0.01
COMMON_KEY = "unsure_below"  # also in the address
UNLIKE_KEY = "mark_unlike"  # also in the address
FOLD_KEY = "fold_others"  # also in the address


def choose_fold(results: ClassificationResults) -> bool:
    """Draw the choice whether glass flakes, fibres and others are seen as one class; False where there are none."""
    return can_be_folded(results.class_keys) and st.toggle(
        "Flakes, fibres and others as one class",
        key=FOLD_KEY,
        bind="query-params",
        persist_state="session",
        help="Particles are named by the sum of their probabilities of these classes, here, in the report and in the "
        "files made here; a CSV has it in its column called, beside the stored names. Thresholds by class and the "
        "filter are those of the classes seen.",
    )


def common_threshold() -> float:
    """The threshold of the slider for all classes."""
    return st.session_state.get(COMMON_KEY, CONFIDENCE_THRESHOLD)


def unlike_level() -> float:
    """The level at which particles are marked as unlike all classes; 0: none is marked."""
    return LEVEL if st.session_state.get(UNLIKE_KEY, True) else 0.0


def choose_thresholds(results: ClassificationResults) -> dict[str, float]:
    """Draw the sliders. Class key -> minimum confidence; a particle below that of its class is unsure."""
    class_keys = results.class_keys
    common = st.slider(
        "Confidence threshold",
        0.0,
        MAX_THRESHOLD,
        CONFIDENCE_THRESHOLD,
        STEP,
        key=COMMON_KEY,
        bind="query-params",
        persist_state="session",
        width=200 if len(class_keys) <= 3 else 150,  # four classes still fit into one line at 1280 px
        help="Particles whose most likely class has a lower probability are unsure and counted in no class.",
    )
    with st.popover("By class", help="Set a different threshold per class."):
        separate = {key: _choose_separate(key, common, _separate_keys(results, key)) for key in class_keys}
        offer_promised_thresholds(results, lambda promised: _set_separate(results, promised))
        if has_novelty(results):
            st.toggle(
                "Mark particles unlike all classes",
                True,
                key=UNLIKE_KEY,
                bind="query-params",
                persist_state="session",
                help=f"Particles more unusual than {100 * (1 - LEVEL):.0f} % of the known ones of their most likely "
                "class are counted in no class.",
            )
    return {key: common if value is None else value for key, value in separate.items()}


def _separate_keys(results, key):
    """Keys of a class's toggle and slider, in the session state and in the address."""
    # "other" is another class once flakes and fibres are part of it: it does not take over the threshold of the others.
    ending = "_folded" if key == OTHER.key and results.is_folded else ""
    return f"own_threshold_{key}{ending}", f"threshold_{key}{ending}"


def _set_separate(results, thresholds):
    for key, threshold in thresholds.items():
        toggle_key, slider_key = _separate_keys(results, key)
        st.session_state[toggle_key], st.session_state[slider_key] = True, threshold


def _choose_separate(key, common, keys):
    toggle_key, slider_key = keys
    label = f"Separate threshold for {class_name(key).lower()}"
    if not st.toggle(label, key=toggle_key, bind="query-params", persist_state="session"):
        return None
    if slider_key not in st.query_params:
        st.session_state.setdefault(slider_key, common)
    return st.slider(
        class_name(key),
        0.0,
        MAX_THRESHOLD,
        step=STEP,
        key=slider_key,
        bind="query-params",
        persist_state="session",
        width=260,
        label_visibility="collapsed",
    )


def assign_labels(results: ClassificationResults, thresholds: Mapping[str, float]) -> NDArray[np.str_]:
    """Label of each particle (N,): a class key, "unsure" or "unlike"."""
    # str arrays are compared faster than arrays of objects.
    labels = apply_thresholds(results.probs, results.class_keys, thresholds=thresholds).astype(str)
    return mark_unlike(labels, results, unlike_level())


def all_labels(results: ClassificationResults) -> list[str]:
    """Every possible label of these results, in the order of the screens."""
    return [*results.class_keys, UNSURE, *([UNLIKE] if has_novelty(results) else [])]
