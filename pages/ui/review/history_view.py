"""History of a review: reviewers, agreement, every decision, and the exports."""

from collections.abc import Iterator
from typing import Any

import pandas as pd
import streamlit as st

from pages.ui.review.closing_view import show_closing
from pages.ui.review.review_data import current_labels_of
from pages.ui.review.review_exports import show_exports
from pages.ui.shared.text import DASH, count_noun, escape_markdown
from pages.ui.shared.times import local_time
from svp_core.display import label_text
from svp_core.review.batches import size_column
from svp_core.review.blind_repeats import BlindRepeat, anchoring_of, blind_repeats
from svp_core.review.current_labels import CurrentLabels, Decision
from svp_core.review.decision_log import history, undo
from svp_core.review.progress import progress_by_pair, review_progress, reviewers
from svp_core.review.store import Review
from svp_core.stats.agreement import Agreement
from svp_core.stats.intervals import Estimate

ROWS_PER_PAGE = 100
KIND_NAMES = {
    "label": "Label",
    "keep": "Keep",
    "unsure": "Unsure",
    "not_a_particle": "Not a particle",
    "skip": "Skip",
    "undo": "Undo",
    "draw": "Random draw",
}
PURPOSE_NAMES = {
    "queue": "Queue",
    "audit": "Random check",
    "settle": "Settled",
    "repeat": "Hidden repeat",
    "second": "Second reviewer",
    "late": "Second opinion",
    "map": "Map",
}
SECONDS, WRONG_LABELS = "Seconds per decision", "Wrong labels"


def show_history(review: Review, reviewer: str) -> None:
    """Reviewers, suggested changes, agreement, decisions, exports."""
    current = current_labels_of(review)
    if not current.last_number:
        st.caption("There are no decisions yet.")
    else:
        _show_reviewers(current)
        _show_pairs(review, current)
        _show_agreement(review, current)
        _show_decisions(review, current, reviewer)
        show_closing(review)
    show_exports(review, current)


def _show_reviewers(current: CurrentLabels) -> None:
    rows = []
    for name in reviewers(current):
        progress = review_progress(current, name)
        rows.append(
            {
                "Reviewer": name,
                "Reviewed": progress.reviewed,
                "Changed": progress.changed,
                "Kept": progress.kept,
                "Unsure": progress.unsure,
                "Not a particle": progress.not_a_particle,
                WRONG_LABELS: percent_interval(progress.hit_rate),
                SECONDS: DASH if progress.seconds is None else f"{progress.seconds:.1f}",
            }
        )
    st.subheader("Reviewers")
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        key="history_people",
        column_config={
            SECONDS: st.column_config.TextColumn(
                help="Median. One key for n particles after t seconds counts as t/n each; pauses are left out."
            ),
            WRONG_LABELS: st.column_config.TextColumn(
                help="Changed or not a particle, among the last 100 labels reviewed; 95 % interval"
            ),
        },
    )


def _show_pairs(review: Review, current: CurrentLabels) -> None:
    if "suggested" not in review.table:
        return
    pairs = progress_by_pair(current, review.table["suggested"].tolist())
    if not len(pairs):
        return
    st.subheader("By suggested change")
    names = {
        "given": "Label",
        "suggested": "Suggestion",
        "count": "Particles",
        "reviewed": "Reviewed",
        "changed": "Changed",
        "kept": "Kept",
        "unsure": "Unsure",
        "not_a_particle": "Not a particle",
    }
    shown = pairs.assign(given=pairs["given"].map(label_text), suggested=pairs["suggested"].map(label_text))
    st.dataframe(shown.rename(columns=names), hide_index=True, key="history_pairs")


def _show_agreement(review: Review, current: CurrentLabels) -> None:
    column = size_column(review.table)
    sizes = None
    if column == "ecd_um":
        sizes = dict(zip(review.table["particle"], review.table[column].astype(float), strict=True))
    repeats, anchoring = blind_repeats(current, sizes), anchoring_of(current)
    st.subheader("Agreement")
    if not repeats:
        st.caption(
            "Some particles are shown again without the first answer: to the same reviewer after 50 decisions, and "
            "to a second reviewer. Results will appear here."
        )
    rows = [row for repeat in repeats for row in _repeat_rows(repeat)]
    if rows:
        st.dataframe(pd.DataFrame(rows), hide_index=True, key="history_agreement")
        st.caption("Cohen's kappa: 1 complete agreement, 0 chance; low where one class dominates.")
    disputed = len(current.disagreements())
    if disputed:
        st.markdown(
            f"{count_noun(disputed, 'particle')} with two different answers: settle them under Decide, Show: Two "
            "different answers."
        )
    if anchoring:
        st.markdown(
            f"The suggestion is followed in {percent_interval(anchoring.shown)} where it is shown and in "
            f"{percent_interval(anchoring.hidden)} where it is hidden (n = {anchoring.shown.n:,} and "
            f"{anchoring.hidden.n:,})."
        )


def _repeat_rows(repeat: BlindRepeat) -> Iterator[dict[str, Any]]:
    names = f"{repeat.first}, again" if repeat.first == repeat.second else f"{repeat.first} and {repeat.second}"
    yield _agreement_row(names, "All", repeat.overall)
    for low, high, agreement in repeat.by_size:
        if agreement:
            size = "Unknown" if low is None else f"≥ {low:g} µm" if high == float("inf") else f"{low:g} to {high:g} µm"
            yield _agreement_row(names, size, agreement)


def _agreement_row(names: str, size: str, agreement: Agreement) -> dict[str, Any]:
    kappa = agreement.kappa
    return {
        "Reviewers": names,
        "Size": size,
        "n": agreement.n,
        "Same answer": percent_interval(agreement.same),
        "Cohen's kappa": f"{kappa.value:.2f} ({kappa.low:.2f} to {kappa.high:.2f})" if kappa else DASH,
    }


def _show_decisions(review: Review, current: CurrentLabels, reviewer: str) -> None:
    # Beside the title: at the right end the table's own buttons would cover it.
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        st.subheader(f"{count_noun(current.last_number, 'decision')}", width="content")
        if reviewer and st.button(
            "Undo my last decision", key="history_undo", help="With all decided together with it"
        ):
            outcomes = undo(review, current, reviewer)
            message = next((outcome.message for outcome in outcomes if outcome.message), "")
            st.toast(escape_markdown(message or f"{count_noun(len(outcomes), 'decision')} undone"))
            current_labels_of(review)
    pages = -(-current.last_number // ROWS_PER_PAGE)
    page = st.pagination(pages, key="history_page") if pages > 1 else 1
    end = current.last_number - (page - 1) * ROWS_PER_PAGE
    rows = [row for row in history(review.id, after=max(0, end - ROWS_PER_PAGE)) if row.number <= end]
    time_column = _time_column(rows)
    st.dataframe(
        pd.DataFrame([_decision_row(decision, time_column) for decision in reversed(rows)]),
        hide_index=True,
        key="history_rows",
        column_config={time_column: st.column_config.DatetimeColumn(format="D MMM YYYY, HH:mm:ss")},
    )


def _time_column(rows: list[Decision]) -> str:
    """Head of the column of times, with this machine's time zone."""
    zone = f"{local_time(rows[-1].server_time):%Z}" if rows else ""
    return f"Time ({zone})" if zone else "Time"


def _decision_row(decision: Decision, time_column: str) -> dict[str, Any]:
    return {
        "No.": decision.number,
        time_column: local_time(decision.server_time).replace(tzinfo=None),
        "Reviewer": decision.reviewer,
        "Particle": decision.particle,
        "Decision": KIND_NAMES.get(decision.kind, decision.kind),
        "From": label_text(decision.from_label),
        "To": label_text(decision.to_label),
        "Purpose": PURPOSE_NAMES.get(decision.purpose, decision.purpose),
    }


def percent_interval(estimate: Estimate | None) -> str:
    """A share with its interval, "26 % (18 to 35)"; a dash for none."""
    if estimate is None:
        return DASH
    return f"{100 * estimate.value:.0f} % ({100 * estimate.low:.0f} to {100 * estimate.high:.0f})"
