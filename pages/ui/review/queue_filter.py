"""What is to be gone through: the filters above the desk, as they were at the last visit."""

import math

import streamlit as st

from pages.ui.review.item_text import pair_text
from pages.ui.review.progress_summary import tolerated
from pages.ui.review.review_data import review_of
from pages.ui.shared.text import count_noun, escape_markdown
from svp_core.review.batches import QueueFilter, decode_position, size_column
from svp_core.review.bookmarks import bookmark_of
from svp_core.review.progress import reviewers
from svp_core.review.random_audit import DRAWS, last_audit, start_audit
from svp_core.review.remaining_errors import describe_remaining

NAMES = {
    "open": "To decide",
    "changed": "Changed",
    "kept": "Kept",
    "unsure": "Unsure",
    "not_a_particle": "No particle",
    "skipped": "Put off by me",
    "audit": "Random check",
    "disagreements": "Two answers",
}
DECIDED = ("changed", "kept", "unsure", "not_a_particle")
MAX_PAIRS = 300  # to choose from; the largest


def choose_queue_filter(review, standing, reviewer):
    """The Wanted that the widgets stand for."""
    before, facts, decided_by = _before(review, reviewer), _facts(review.id), ""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        what = st.selectbox(
            "Show",
            list(NAMES),
            index=list(NAMES).index(before.what),
            format_func=NAMES.get,
            key=_key(review, reviewer, "what"),
            persist_state="session",
            width=170,
            label_visibility="collapsed",
        )
        if what in DECIDED:
            decided_by = st.selectbox(
                "By",
                ["", *reviewers(standing)],
                format_func=lambda name: f"by {name}" if name else "by anybody",
                key=_key(review, reviewer, "by"),
                width=170,
                label_visibility="collapsed",
            )
        with st.popover("Filter"):
            pairs, runs, size, score = _narrow(review, reviewer, before, facts)
        wanted = QueueFilter(what, tuple(pairs), tuple(runs), size, score, decided_by)
        if words := _in_words(wanted, facts):
            st.caption(escape_markdown(words))
        if what == "audit":
            _draw(review, standing, reviewer)
    return wanted


def _narrow(review, reviewer, before, facts):
    """(pairs, runs, size, score) as Wanted has them."""
    runs, size, score = (), None, None
    pairs = st.multiselect(
        "Label → suggestion" if "suggested" in review.table else "Label",
        list(facts["pairs"]),
        [pair for pair in before.pairs if pair in facts["pairs"]],
        format_func=lambda pair: f"{pair_text(pair)} ({facts['pairs'][pair]:,})",
        placeholder="All",
        key=_key(review, reviewer, "pairs"),
        persist_state="session",
        width=420,
    )
    if len(facts["runs"]) > 1:
        runs = st.multiselect(
            "Run",
            facts["runs"],
            [run for run in before.runs if run in facts["runs"]],
            placeholder="All",
            key=_key(review, reviewer, "runs"),
            persist_state="session",
        )
    if facts["size"]:
        size = st.slider(
            f"ECD ({facts['unit']})",
            *facts["size"],
            before.size or facts["size"],
            key=_key(review, reviewer, "size"),
            persist_state="session",
        )
        size = None if size == facts["size"] else size
    if facts["scored"]:
        score = st.slider(
            "Label quality at most",
            0.0,
            1.0,
            1.0 if before.score is None else before.score,
            0.01,
            key=_key(review, reviewer, "score"),
            persist_state="session",
            help="0: surely labelled wrong, 1: fine.",
        )
        score = None if score == 1.0 else score
    return pairs, runs, size, score


def _in_words(wanted, facts):
    """What narrows the queue, in a line."""
    words = [pair_text(pair) for pair in wanted.pairs] + list(wanted.runs)
    if wanted.size:
        words.append(f"{wanted.size[0]:.1f} to {wanted.size[1]:.1f} {facts['unit']}")
    if wanted.score is not None:
        words.append(f"label quality up to {wanted.score:.2f}")
    return "Only " + ", ".join(words) if words else ""


def _draw(review, standing, reviewer):
    audit = last_audit(standing)
    st.number_input(
        "Wrong labels one can live with",
        0,
        len(review.table),
        tolerated(review),
        key=f"{review.id}_tolerated",
        persist_state="session",
        width=190,
    )
    if st.button(
        f"Draw {min(DRAWS, len(review.table))} at random",
        key="audit_draw",
        type="secondary" if audit and audit.to_do else "primary",
    ):
        start_audit(review, standing, reviewer)  # raises LabError, which the page shows
        st.rerun()
    if audit:
        to_do = f"{count_noun(len(audit.to_do), 'particle')} of the last draw to do." if audit.to_do else ""
        st.caption(
            escape_markdown(" ".join(filter(None, [to_do, audit.remaining and describe_remaining(audit.remaining)])))
        )


@st.cache_resource(max_entries=3, show_spinner=False)
def _facts(review_id):
    """What there is to choose from: pairs with their counts, runs, size range, whether there are scores."""
    table = review_of(review_id).table
    suggested = table.get("suggested", "")
    pairs = table[["given"]].assign(suggested=suggested).value_counts().head(MAX_PAIRS)
    sizes = table[size_column(table)].dropna() if size_column(table) else ()
    # In tenths, and outwards: a slider shows what it means, and nothing falls off its ends.
    size = (math.floor(10 * sizes.min()) / 10, math.ceil(10 * sizes.max()) / 10) if len(sizes) else None
    return {
        "pairs": {pair: int(count) for pair, count in pairs.items()},
        "runs": sorted(run for run in table["run"].unique() if run) if "run" in table else [],
        "size": size if size and size[0] < size[1] else None,
        "unit": "µm" if size_column(table) == "ecd_um" else "px",
        "scored": "score" in table and bool(table["score"].notna().any()),
    }


def _before(review, reviewer):
    """The Wanted of the last visit; the same for the whole session, since widgets begin with it."""
    name = _key(review, reviewer, "before")
    if name not in st.session_state:
        place = bookmark_of(review.id, reviewer)
        before = decode_position(place)[0] if place else QueueFilter()
        st.session_state[name] = before if before.what in NAMES else QueueFilter()
    return st.session_state[name]


def _key(review, reviewer, name):
    return f"{review.id}_{reviewer}_{name}"
