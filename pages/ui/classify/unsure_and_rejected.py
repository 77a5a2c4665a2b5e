"""What asks for a second look: the unsure ones, least sure first, and what could not be read."""

import numpy as np
import streamlit as st

from pages.ui.classify.class_galleries import choose_page, draw
from pages.ui.components.histograms import panel_of, positions_in, show_histograms, stacked
from pages.ui.shared.text import class_name, count_noun
from svp_core.stats.counts import UNSURE
from svp_core.tasks.job_kinds import find_kind

PER_PAGE = 200
REASONS_PER_PAGE = 1000
BARS = 33  # of a histogram of confidence
PANEL_PX = 126


def show_unsure(found, labels, shown, thresholds):
    """How sure the classifier was of the shown particles, and those of which it was not."""
    _show_confidence(found, shown, thresholds)
    positions = np.flatnonzero(shown & (labels == UNSURE))
    confidence = found.probs.max(1)
    positions = positions[np.argsort(confidence[positions], kind="stable")]
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(f"**{count_noun(len(positions), 'particle')}** of {int(shown.sum()):,} unsure, least sure first")
        st.page_link(find_kind("suspect").page, label="Go through them in Review", query_params={"of": found.job_id})
    page = choose_page(len(positions), f"unsure_page_{found.job_id}", per_page=PER_PAGE)
    positions = positions[page * PER_PAGE : (page + 1) * PER_PAGE]
    best = found.probs[positions].argmax(1)
    captions = [f"{class_name(found.class_keys[k])} {p:.2f}" for k, p in zip(best, confidence[positions], strict=True)]
    draw(found, labels, positions, "tiles_unsure", captions=captions, show_px=112)


def _show_confidence(found, shown, thresholds):
    """A histogram a class, below each other, with the line below which a particle counts as unsure."""
    best, confidence = found.probs[shown].argmax(1), found.probs[shown].max(1)
    edges = np.linspace(np.floor(20 / max(len(found.class_keys), 1)) / 20, 1, BARS + 1)
    places, last = positions_in(confidence, edges), len(found.class_keys) - 1
    panels = []
    for row, key in enumerate(found.class_keys):
        group = best == row
        panels.append(
            panel_of(
                key,
                edges,
                stacked(places, {key: group}, BARS),
                title=f"{class_name(key)} (n = {group.sum():,})",
                words="Confidence" if row == last else None,
                mark=thresholds[key],
            )
        )
    show_histograms(panels, key=f"confidence_{found.job_id}", alt="Confidence by class", across=1, height=PANEL_PX)


def show_rejected(found):
    """What was offered and could not be read, each with its reason."""
    if not len(found.rejected):
        st.caption("Every offered item could be read.")
        return
    page = choose_page(len(found.rejected), f"rejected_page_{found.job_id}", per_page=REASONS_PER_PAGE)
    st.dataframe(
        found.rejected[page * REASONS_PER_PAGE : (page + 1) * REASONS_PER_PAGE],
        hide_index=True,
        key="rejected_table",
        alt="Rejected items",
        column_config={
            "image": st.column_config.TextColumn("Item"),
            "reason": st.column_config.TextColumn("Reason", width="large"),
        },
    )
