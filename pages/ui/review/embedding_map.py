"""The map of a review: particles in the plane of their likeness, to be named by drawing round them or by the group."""

import time
from uuid import uuid4

import numpy as np
import pandas as pd
import streamlit as st

from pages.ui.components.gallery import show_gallery
from pages.ui.review.embedding_map_chart import MAX_POINTS, draw_map
from pages.ui.review.item_text import label_text
from pages.ui.review.review_data import current_labels_of, embedding_of, forget_embedding, groups_of, pixels_of
from pages.ui.shared.job_status import show_progress
from pages.ui.shared.text import count_noun, escape_markdown
from svp_core.classification.filters import Region, bounding_box, inside_region
from svp_core.errors import LabError
from svp_core.label_errors import SUSPECT
from svp_core.review.decision_log import record, undo
from svp_core.tasks.embed_review import EmbedReviewRequest
from svp_core.tasks.job_kinds import start
from svp_core.workspace import jobs

SHOWN = 500  # tiles in the grid
FEW_CLASSES = 9  # that get a button each
LABEL, SUGGESTION = "Label", "Suggestion"
DRAWN, GROUPS = "Drawn round", "Groups of look-alikes"
GROUP_COUNTS = (10, 20, 40)
ALL, PICKED, BUT_PICKED = "All", "Only the selected", "All but the selected"
TOOLS = {"displaylogo": False, "modeBarButtonsToRemove": ["toImage", "autoScale2d"]}


def show_map(review, reviewer):
    """The map, or the way to one."""
    if embedding_of(review.id) is None:
        _offer(review)
    else:
        _map(review, reviewer)


def _offer(review):
    """The job that makes the map."""
    if review.tiles is None:
        st.caption("This history came without images, so there is no map.")
        return
    kept = f"map_{review.id}_job"
    if kept not in st.session_state:
        config = EmbedReviewRequest(review.id).to_config()
        busy = (job.id for job in jobs.active() if job.kind == "likeness" and job.config == config)
        st.session_state[kept] = next(busy, None)
    if job_id := st.session_state[kept]:
        job = jobs.get(job_id)
        if job.state == "done":
            forget_embedding()
            st.session_state.pop(kept)
            st.rerun()
        show_progress(job)
        if job.active:
            return
    st.markdown("The map puts particles that look alike side by side.")
    if st.button("Make the map", key="map_make", type="primary"):
        st.session_state[kept], _ = start(EmbedReviewRequest(review.id))
        st.rerun()


@st.fragment
def _map(review, reviewer):
    standing = current_labels_of(review)
    labels = np.array([standing.label(particle) for particle in standing.given], object)
    is_open = np.array([standing.is_open(particle) for particle in standing.given])
    suspects = is_open & _doubted(review)
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        by = st.segmented_control(
            "Choose",
            (DRAWN, GROUPS),
            default=DRAWN,
            required=True,
            key=f"map_{review.id}_by",
            persist_state="session",
            label_visibility="collapsed",
        )
        colour = LABEL
        if "suggested" in review.table:
            colour = st.segmented_control(
                "Colour",
                (LABEL, SUGGESTION),
                default=LABEL,
                required=True,
                key=f"map_{review.id}_colour",
                persist_state="session",
                label_visibility="collapsed",
            )
        only_open = st.toggle("Undecided only", True, key=f"map_{review.id}_open", persist_state="session")
    among = is_open if only_open else np.ones(len(labels), bool)
    if not among.any():
        st.caption("Every particle is decided; switch “Undecided only” off to see them.")
    shown_as = labels
    if colour == SUGGESTION:
        suggested = review.table["suggested"].to_numpy(object)
        shown_as = np.where(is_open & (suggested != ""), suggested, labels)
    if by == DRAWN:
        chosen = _draw_round(review, shown_as, suspects, among)
    else:
        chosen = _choose_group(review, shown_as, suspects, is_open, among)
    if chosen is not None:
        _name(review, reviewer, standing, labels, np.flatnonzero(chosen & among), only_open)


def _doubted(review):
    """Particles whose label is more likely wrong than right, as the queue says: bool (N,)."""
    table = review.table
    if "score" not in table or "suggested" not in table:
        return np.zeros(len(table), bool)
    doubted = (table["score"] < SUSPECT) & (table["suggested"] != "") & (table["suggested"] != table["given"])
    return doubted.to_numpy()


def _draw_round(review, labels, suspects, among):
    """Particles that were drawn round: bool (N,), None where nothing was."""
    plane, kept = embedding_of(review.id).plane, f"map_{review.id}_outline"
    key = f"map_{review.id}_chart"

    def select():
        drawn = st.session_state[key]["selection"]
        outlines = [Region("x", "y", tuple(lasso["x"]), tuple(lasso["y"])) for lasso in drawn["lasso"]]
        outlines += [bounding_box("x", "y", ends["x"], ends["y"]) for ends in drawn["box"]]
        st.session_state[kept] = outlines[-1] if outlines else None
        _forget_picks(review)

    st.plotly_chart(
        draw_map(plane, labels, suspects, among=among),
        key=key,
        on_select=select,
        config=TOOLS,
        selection_mode=("lasso", "box"),
        alt="Particles in the plane of their likeness",
    )
    if (count := int(among.sum())) > MAX_POINTS:
        st.caption(f"{MAX_POINTS:,} of {count:,} are drawn; what is drawn round counts for all of them.")
    outline = st.session_state.get(kept)
    if outline is None:
        st.caption("Draw round particles with the lasso or the box to name them together. Near means alike.")
        return None
    return inside_region({"x": plane[:, 0], "y": plane[:, 1]}, outline)


def _choose_group(review, labels, suspects, is_open, among):
    """Particles of the group that is chosen: bool (N,), None where none is."""
    count = st.segmented_control(
        "Groups",
        GROUP_COUNTS,
        default=GROUP_COUNTS[1],
        required=True,
        key=f"map_{review.id}_count",
        persist_state="session",
        label_visibility="collapsed",
    )
    groups = groups_of(review.id, count)
    rows = []
    for group in range(groups.max() + 1):
        mine = groups == group
        names, counts = np.unique(labels[mine].astype(str), return_counts=True)
        most = np.argsort(-counts, kind="stable")[:3]
        rows.append(
            {
                "Particles": int(mine.sum()),
                "Suspect": int((mine & suspects).sum()),
                "Labels": ", ".join(f"{label_text(names[k])} {100 * counts[k] / mine.sum():.0f} %" for k in most),
                "Undecided": int((mine & is_open).sum()),
            }
        )
    left, right = st.columns(2)
    with left:
        event = st.dataframe(
            pd.DataFrame(rows),
            hide_index=True,
            height=460,
            key=f"map_{review.id}_groups_{count}",
            on_select=lambda: _forget_picks(review),
            selection_mode="single-row",
        )
    picked = event["selection"]["rows"]
    chosen = groups == picked[0] if picked else None
    with right:
        st.plotly_chart(
            draw_map(embedding_of(review.id).plane, labels, suspects, among=among, chosen=chosen),
            config=TOOLS,
            key=f"map_{review.id}_chart_groups",
            alt="Particles in the plane of their likeness",
        )
    if not picked:
        st.caption("Choose a group in the table to see it and to name it as a whole.")
    return chosen


def _name(review, reviewer, standing, labels, positions, only_open):
    """The grid of these particles, and what they can be called."""
    words = f"**{count_noun(len(positions), 'particle')}**" + (" undecided" if only_open else "")
    st.markdown(words)
    if not len(positions):
        st.caption("Nothing in here is undecided.")
        return
    picked = _grid(review, labels, positions)
    if not reviewer:
        st.caption("Enter your name under Decide to label them.")
        return
    which = ALL
    if picked:
        which = st.segmented_control(
            "Which",
            (PICKED, BUT_PICKED, ALL),
            default=PICKED,
            required=True,
            key=f"map_{review.id}_which",
            label_visibility="collapsed",
        )
    meant = [p for p in positions if which == ALL or (int(p) in picked) == (which == PICKED)]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="map_answers"):
        st.markdown(f"{count_noun(len(meant), 'particle')}:", width="content")
        if len(review.class_keys) <= FEW_CLASSES:
            for key in review.class_keys:
                if st.button(escape_markdown(label_text(key)), key=f"map_label_{key}"):
                    _record(review, reviewer, meant, "label", key)
        else:
            key = st.selectbox(
                "Class",
                review.class_keys,
                format_func=label_text,
                key=f"map_{review.id}_class",
                width=240,
                label_visibility="collapsed",
            )
            if st.button("Label", key="map_label"):
                _record(review, reviewer, meant, "label", key)
        for kind, name in (("keep", "Keep their labels"), ("unsure", "Unsure"), ("not_a_particle", "No particle")):
            if st.button(name, key=f"map_{kind}"):
                _record(review, reviewer, meant, kind, "")
        if st.button("Undo my last", key="map_undo", type="tertiary", help="With all that was decided together"):
            outcomes = undo(review, standing, reviewer)
            st.toast(escape_markdown(f"{count_noun(len(outcomes), 'decision')} undone"))
            st.rerun()


def _grid(review, labels, positions):
    """Tiles of the first of them; returns the positions of those that are selected."""
    kept, key = f"map_{review.id}_picks", f"map_{review.id}_grid"
    seen, picks = positions[:SHOWN], st.session_state.setdefault(kept, {"picked": set(), "turn": 0})

    def changed():
        picks["picked"] = set(st.session_state[key]["picked"] or ())

    names = review.table["particle"].array
    show_gallery(
        pixels_of(review)[seen],
        key=key,
        alt=f"Particles, {len(seen):,}",
        words=[[label_text(labels[p]), names[p]] for p in seen],
        picking={"ids": seen, "picked": picks["picked"], "turn": picks["turn"], "changed": changed},
    )
    if len(positions) > SHOWN:
        st.caption(f"The first {SHOWN:,} of {len(positions):,}; a label goes to all of them.")
    return picks["picked"] & set(map(int, seen))


def _forget_picks(review):
    kept = f"map_{review.id}_picks"
    st.session_state[kept] = {"picked": set(), "turn": st.session_state.get(kept, {"turn": 0})["turn"] + 1}


def _record(review, reviewer, positions, kind, label):
    """Write one decision a particle, all of one batch, and look again."""
    names, batch, now = review.table["particle"].array, uuid4().hex[:12], time.time()
    events = [
        {
            "tab": f"map-{batch}",
            "n": n,
            "particle": names[position],
            "kind": kind,
            "label": label,
            "purpose": "map",
            "reviewer": reviewer,
            "at": now,
            "batch": batch,
            "again": False,
        }
        for n, position in enumerate(positions, 1)
    ]
    try:
        with st.spinner(f"Saving {count_noun(len(events), 'decision')}"):
            outcomes = record(review, events)
    except LabError as error:
        st.error(escape_markdown(error))
        return
    saved = sum(outcome.state == "saved" for outcome in outcomes)
    words = f"{count_noun(saved, 'decision')} saved"
    other = next((outcome.words for outcome in outcomes if outcome.state != "saved" and outcome.words), "")
    if saved < len(outcomes):
        words += f"; {len(outcomes) - saved:,} not as asked. {other}"
    st.toast(escape_markdown(words))
    _forget_picks(review)
    st.rerun()
