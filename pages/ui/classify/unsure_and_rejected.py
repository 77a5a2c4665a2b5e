"""Low-confidence particles, least confident first, and items that could not be read."""

from collections.abc import Mapping

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from pages.ui.classify.class_galleries import draw_tiles
from pages.ui.classify.job_state import JobState
from pages.ui.components.histograms import bin_index, counts_by_group, histogram_panel, show_histograms
from pages.ui.shared.paging import choose_page
from svp_core.classification.results import ClassificationResults
from svp_core.display import class_name, count_noun
from svp_core.stats.counts import UNSURE
from svp_core.tasks.job_kinds import JOB_KINDS

PAGE_SIZE = 200
REASONS_PAGE_SIZE = 1000
BARS = 33  # of a histogram of confidence
PANEL_PX = 126
TILE_PX = 112


def show_unsure(
    results: ClassificationResults,
    labels: NDArray[np.str_],
    shown: NDArray[np.bool_],
    thresholds: Mapping[str, float],
) -> None:
    """Draw the confidence of the shown particles by class, then the tiles of the unsure ones."""
    _show_confidence(results, shown, thresholds)
    positions = np.flatnonzero(shown & (labels == UNSURE))
    confidence = results.probs.max(1)
    positions = positions[np.argsort(confidence[positions], kind="stable")]
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(
            f"**{count_noun(len(positions), 'unsure particle')}** of {int(shown.sum()):,}, least confident first"
        )
        st.page_link(JOB_KINDS["suspect"].page, label="Open in Review", query_params={"of": results.job_id})
    page = choose_page(len(positions), JobState(results.job_id).page_key("unsure"), page_size=PAGE_SIZE)
    positions = positions[page * PAGE_SIZE : (page + 1) * PAGE_SIZE]
    best = results.probs[positions].argmax(1)
    pairs = zip(best, confidence[positions], strict=True)
    captions = [f"{class_name(results.class_keys[k])} {p:.2f}" for k, p in pairs]
    draw_tiles(results, labels, positions, "tiles_unsure", captions=captions, show_px=TILE_PX)


def _show_confidence(results, shown, thresholds):
    """One histogram per class, below each other, with the threshold as a dotted line."""
    best, confidence = results.probs[shown].argmax(1), results.probs[shown].max(1)
    edges = np.linspace(np.floor(20 / max(len(results.class_keys), 1)) / 20, 1, BARS + 1)
    index, last = bin_index(confidence, edges), len(results.class_keys) - 1
    panels = []
    for row, key in enumerate(results.class_keys):
        mask = best == row
        panels.append(
            histogram_panel(
                key,
                edges,
                counts_by_group(index, {key: mask}, BARS),
                heading=f"{class_name(key)} (n = {mask.sum():,})",
                title="Confidence" if row == last else None,
                mark=thresholds[key],
            )
        )
    show_histograms(panels, key=f"confidence_{results.job_id}", alt="Confidence by class", across=1, height=PANEL_PX)


def show_rejected(results: ClassificationResults) -> None:
    """Draw the table of the items that could not be read, each with its reason."""
    if not len(results.rejected):
        st.caption("All items could be read.")
        return
    page = choose_page(
        len(results.rejected), JobState(results.job_id).page_key("rejected"), page_size=REASONS_PAGE_SIZE
    )
    st.dataframe(
        results.rejected[page * REASONS_PAGE_SIZE : (page + 1) * REASONS_PAGE_SIZE],
        hide_index=True,
        key="rejected_table",
        alt="Rejected items",
        column_config={
            "image": st.column_config.TextColumn("Item"),
            "reason": st.column_config.TextColumn("Reason", width="large"),
        },
    )
