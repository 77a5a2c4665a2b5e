"""What was decided in a review: by whom, how far they agree, every decision, and what can be taken away."""

from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from pages.ui.review.item_text import label_text
from pages.ui.review.review_data import current_labels_of
from pages.ui.review.review_exports import show_exports
from pages.ui.shared.text import DASH, count_noun, escape_markdown
from svp_core.review.batches import size_column
from svp_core.review.blind_repeats import anchoring_of, blind_repeats
from svp_core.review.decision_log import history, undo
from svp_core.review.progress import progress_by_pair, review_progress, reviewers

PER_PAGE = 100
KINDS = {
    "label": "Label",
    "keep": "Keep",
    "unsure": "Unsure",
    "not_a_particle": "No particle",
    "skip": "Put off",
    "undo": "Undo",
    "draw": "Random draw",
}
PURPOSES = {
    "queue": "Queue",
    "audit": "Random check",
    "settle": "Settled",
    "repeat": "Hidden repeat",
    "second": "Second reviewer",
    "late": "Second opinion",
    "map": "Map",
}


def show_history(review, reviewer):
    """Everything about the past of the review."""
    standing = current_labels_of(review)
    if not standing.last:
        st.caption("Nothing is decided yet.")
    else:
        _show_people(standing)
        _show_pairs(review, standing)
        _show_agreement(review, standing)
        _show_decisions(review, standing, reviewer)
    show_exports(review, standing)


def _show_people(standing):
    rows = []
    for name in reviewers(standing):
        counts = review_progress(standing, name)
        rows.append(
            {
                "Reviewer": name,
                "Reviewed": counts.reviewed,
                "Changed": counts.changed,
                "Kept": counts.kept,
                "Unsure": counts.unsure,
                "No particle": counts.not_a_particle,
                "Hit rate": interval(counts.hit_rate),
                "Seconds each": DASH if counts.seconds is None else f"{counts.seconds:.1f}",
            }
        )
    st.subheader("Who did how much")
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        key="history_people",
        column_config={
            "Seconds each": st.column_config.TextColumn(help="Median, pauses left out"),
            "Hit rate": st.column_config.TextColumn(help="Changed or no particle, of the last 100"),
        },
    )


def _show_pairs(review, standing):
    if "suggested" not in review.table:
        return
    pairs = progress_by_pair(standing, review.table["suggested"])
    if not len(pairs):
        return
    st.subheader("By suspicion")
    names = {
        "given": "Label",
        "suggested": "Suggestion",
        "count": "Particles",
        "reviewed": "Reviewed",
        "changed": "Changed",
        "kept": "Kept",
        "unsure": "Unsure",
        "not_a_particle": "No particle",
    }
    shown = pairs.assign(given=pairs["given"].map(label_text), suggested=pairs["suggested"].map(label_text))
    st.dataframe(shown.rename(columns=names), hide_index=True, key="history_pairs")


def _show_agreement(review, standing):
    column = size_column(review.table)
    sizes = None
    if column == "ecd_um":
        sizes = dict(zip(review.table["particle"], review.table[column].astype(float), strict=True))
    looks, pull = blind_repeats(standing, sizes), anchoring_of(standing)
    st.subheader("Agreement")
    if not looks:
        st.caption(
            "Some particles come back without the first answer being shown: to the same reviewer after 50 decisions, "
            "and to a second one. What they show stands here then."
        )
    rows = [row for look in looks for row in _look_rows(look)]
    if rows:
        st.dataframe(pd.DataFrame(rows), hide_index=True, key="history_agreement")
        st.caption("Cohen's kappa: 1 complete, 0 as by chance; low where one class is nearly all there is.")
    open_ones = len(standing.disagreements())
    if open_ones:
        st.markdown(
            f"{count_noun(open_ones, 'particle')} with two answers: settle them under Decide, Show: Two answers."
        )
    if pull:
        st.markdown(
            f"The suggestion is followed in {interval(pull.shown)} where it is seen and in {interval(pull.hidden)} "
            f"where it is hidden (n = {pull.shown.n:,} and {pull.hidden.n:,})."
        )


def _look_rows(look):
    who = f"{look.first}, again" if look.first == look.second else f"{look.first} and {look.second}"
    yield _agreement_row(who, "All", look.every)
    for low, high, found in look.by_size:
        if found:
            size = "Unknown" if low is None else f"≥ {low:g} µm" if high == float("inf") else f"{low:g} to {high:g} µm"
            yield _agreement_row(who, size, found)


def _agreement_row(who, size, found):
    kappa = found.kappa
    words = f"{kappa.value:.2f} ({kappa.low:.2f} to {kappa.high:.2f})" if kappa else DASH
    return {"Reviewers": who, "Size": size, "n": found.n, "Same answer": interval(found.same), "Cohen's kappa": words}


def _show_decisions(review, standing, reviewer):
    # Beside the title: at the right end the table's own buttons would come to lie upon it.
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        st.subheader(f"{count_noun(standing.last, 'decision')}", width="content")
        if reviewer and st.button(
            "Undo my last", key="history_undo", help="With all that was decided together with it"
        ):
            outcomes = undo(review, standing, reviewer)
            words = next((outcome.words for outcome in outcomes if outcome.words), "")
            st.toast(escape_markdown(words or f"{count_noun(len(outcomes), 'decision')} undone"))
            current_labels_of(review)
    pages = -(-standing.last // PER_PAGE)
    page = st.pagination(pages, key="history_page") if pages > 1 else 1
    end = standing.last - (page - 1) * PER_PAGE
    rows = [d for d in history(review.id, after=max(0, end - PER_PAGE)) if d.number <= end]
    st.dataframe(
        pd.DataFrame([_decision_row(decision) for decision in reversed(rows)]),
        hide_index=True,
        key="history_rows",
        column_config={"When": st.column_config.DatetimeColumn(format="D MMM, HH:mm:ss")},
    )


def _decision_row(decision):
    return {
        "No.": decision.number,
        "When": datetime.fromtimestamp(decision.server_time, UTC).astimezone(),
        "Reviewer": decision.reviewer,
        "Particle": decision.particle,
        "Decision": KINDS.get(decision.kind, decision.kind),
        "From": label_text(decision.from_label),
        "To": label_text(decision.to_label),
        "As": PURPOSES.get(decision.purpose, decision.purpose),
    }


def interval(estimate):
    """A share with its interval, "26 % (18 to 35)"; a dash for none."""
    if estimate is None:
        return DASH
    return f"{100 * estimate.value:.0f} % ({100 * estimate.low:.0f} to {100 * estimate.high:.0f})"
