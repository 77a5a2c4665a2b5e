"""Progress of a review in one line, and whether to continue."""

import streamlit as st

from pages.ui.review.review_data import recompute_if_stale
from pages.ui.shared.text import escape_markdown
from pages.ui.shared.times import format_timestamp
from svp_core.review.current_labels import CurrentLabels
from svp_core.review.progress import ReviewProgress, review_progress, wrong_labels_in_order
from svp_core.review.random_audit import last_audit
from svp_core.review.stopping import StopHint, stop_hint
from svp_core.review.store import Review

TOLERATED_SHARE = 0.01  # default share of labels that may stay wrong
HINT_HELP = (
    "The bound is 1 − 0.05^(1/n) for n labels kept in a row. It holds where the most doubtful labels come first, and "
    "is too optimistic if you stop at the first long run: a random check of the rest needs neither assumption."
)


def show_progress_summary(review: Review, current: CurrentLabels) -> None:
    """All reviewers' progress, the last save, and what the last decisions and the last audit say about the rest."""
    tolerated = tolerated_count(review)
    progress, hint = recompute_if_stale(
        f"summary_{review.id}", (current.last_number, tolerated), lambda: _summarise(current, tolerated)
    )
    figures = [
        f"**{progress.reviewed:,}** of {len(review.table):,} reviewed",
        f"**{progress.changed:,}** changed",
        f"**{progress.kept:,}** kept",
        f"**{progress.unsure:,}** unsure",
    ]
    if progress.not_a_particle:
        figures.append(f"**{progress.not_a_particle:,}** not a particle")
    if rate := progress.hit_rate:
        interval = f"{100 * rate.low:.0f}–{100 * rate.high:.0f}"
        figures.append(f"wrong in the last {rate.n}: **{100 * rate.value:.0f} %** ({interval})")
    saved = f"Last saved {format_timestamp(progress.last_time)}" if progress.last_time else None
    with st.container(key="figures", gap="xsmall"):
        st.markdown(" · ".join(figures), help=saved)
        if progress.reviewed:
            st.caption(escape_markdown(hint.message), help=HINT_HELP)


def tolerated_count(review: Review) -> int:
    """Acceptable number of wrong labels, as entered or by default."""
    entered = st.session_state.get(f"{review.id}_tolerated")
    return max(1, round(TOLERATED_SHARE * len(review.table))) if entered is None else int(entered)


def _summarise(current: CurrentLabels, tolerated: int) -> tuple[ReviewProgress, StopHint]:
    audit = last_audit(current)
    hint = stop_hint(
        wrong_labels_in_order(current),
        audit.remaining if audit else None,
        tolerated=tolerated,
        undecided=len(current.given) - len(current.decided),
    )
    return review_progress(current), hint
