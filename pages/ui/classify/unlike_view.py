"""Particles unlike all classes, the most unusual ones first, and what the verdict on the sample rests on."""

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from pages.ui.classify.class_galleries import draw_tiles
from pages.ui.classify.job_state import JobState
from pages.ui.classify.results_data import numeric_column
from pages.ui.shared.nearest_known import show_nearest_known
from pages.ui.shared.paging import choose_page
from pages.ui.shared.teaching import show_teaching
from svp_core.classification.results import NOVELTY_P, ClassificationResults
from svp_core.classification.strangers import has_novelty, taught_p, verdict_of
from svp_core.display import class_name, count_noun, escape_markdown, format_percent
from svp_core.stats.counts import UNLIKE
from svp_core.tasks.unlike_details import parts_of

PAGE_SIZE = 200
TILE_PX = 112
COMPARED = 12  # of the most unusual, beside the known particles nearest to them


def show_unlike(results: ClassificationResults, labels: NDArray[np.str_], shown: NDArray[np.bool_]) -> None:
    """Draw the verdict, then the tiles of the shown particles that are marked as unlike all classes."""
    if not has_novelty(results):
        reason = (results.summary.get("novelty") or {}).get("reason", "")
        st.caption(escape_markdown(f"These results do not tell which particles are unlike all classes. {reason}"))
        return
    verdict = verdict_of(results)
    assert verdict is not None
    st.caption(
        f"{verdict.marked:,} of {count_noun(verdict.total, 'particle')} of this sample "
        f"({format_percent(verdict.share)}) are more unusual than {format_percent(1 - verdict.level)} of known ones; "
        f"known particles alone would give {format_percent(verdict.level)}.{_known(results)}"
    )
    stored = results.as_stored  # p-values are among the known particles of the classifier's own classes
    show_teaching(stored, JobState(results.job_id).picks)
    p_values, taught = numeric_column(results, NOVELTY_P), taught_p(results)
    positions = np.flatnonzero(shown & (labels == UNLIKE))
    keys = [p_values[positions]] if taught is None else [p_values[positions], taught[positions]]
    positions = positions[np.lexsort(keys)]
    first = "the most unusual first, by p" if taught is None else "the likest to the confirmed ones first, by taught p"
    which = " of those that pass the filter" if not shown.all() else ""
    st.markdown(f"**{count_noun(len(positions), 'particle')}{which} unlike all classes**, {first}")
    if not len(positions):
        return
    page = choose_page(len(positions), JobState(results.job_id).page_key("unlike"), page_size=PAGE_SIZE)
    positions = positions[page * PAGE_SIZE : (page + 1) * PAGE_SIZE]
    best, parts = results.probs[positions].argmax(1), parts_of(stored, positions)
    values = [f"{f'taught p {taught[k]:.3f} · ' if taught is not None else ''}p {p_values[k]:.3f}" for k in positions]
    captions = [f"{text} · {class_name(results.class_keys[b])}?" for text, b in zip(values, best, strict=True)]
    captions = [f"{text} · {part}" for text, part in zip(captions, parts, strict=True)] if parts else captions
    show_nearest_known(stored, positions[:COMPARED], captions)
    draw_tiles(results, labels, positions, "tiles_unlike", captions=captions, show_px=TILE_PX)


def _known(results):
    """Which particles p-values are counted among, and why not the instrument's own, as sentences."""
    novelty = results.summary.get("novelty") or {}
    known = f" Known are {novelty['calibration']}." if novelty.get("calibration") else ""
    return escape_markdown(f"{known} {novelty.get('note', '')}".rstrip())
