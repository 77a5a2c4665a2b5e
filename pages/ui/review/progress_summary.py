"""How far a review has come, in a line, and whether going on is worth it."""

import streamlit as st

from pages.ui.review.review_data import rerun_every
from pages.ui.shared.text import escape_markdown, format_time
from svp_core.review.progress import review_progress
from svp_core.review.random_audit import last_audit
from svp_core.review.remaining_errors import stop_hint

TOLERATED = 0.01  # share of all labels that may stay wrong, unless said otherwise


def show_progress_summary(review, standing, reviewer):
    """Everybody's progress, the last save, and what the hits and the last audit say about what is left."""
    name, bound = f"figures_{review.id}", tolerated(review)
    counts, hint = rerun_every(name, (standing.last, bound), lambda: _counted(standing, bound))
    figures = [
        f"**{counts.reviewed:,}** of {len(review.table):,} reviewed",
        f"**{counts.changed:,}** changed",
        f"**{counts.kept:,}** kept",
        f"**{counts.unsure:,}** unsure",
    ]
    if counts.not_a_particle:
        figures.append(f"**{counts.not_a_particle:,}** no particle")
    if rate := counts.hit_rate:
        figures.append(
            f"hit rate **{100 * rate.value:.0f} %** ({100 * rate.low:.0f}–{100 * rate.high:.0f}) of the last {rate.n}"
        )
    if counts.last_time:
        figures.append(f"last saved {format_time(counts.last_time)}")
    with st.container(key="figures", gap="xsmall"):
        st.markdown(" · ".join(figures))
        if counts.reviewed:
            st.caption(escape_markdown(hint))


def tolerated(review):
    """How many wrong labels the person can live with."""
    return st.session_state.get(f"{review.id}_tolerated") or max(1, round(TOLERATED * len(review.table)))


def _counted(standing, bound):
    audit = last_audit(standing)
    rows = sorted(
        (decision.number, standing.state(particle) in ("changed", "not_a_particle"))
        for particle, decision in list(standing.decided.items())
        if decision.purpose == "queue"
    )
    hint = stop_hint([hit for _, hit in rows], audit.remaining if audit else None, tolerated=bound)
    return review_progress(standing), hint.message
