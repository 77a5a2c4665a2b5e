"""The map of a review: similar particles lie near each other and are labelled together, by lasso or by cluster."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from pages.ui.components.embedding_map import show_embedding_map
from pages.ui.review.label_selection import forget_selection, label_selected
from pages.ui.review.map_points import MAX_POINTS, map_points, tile_sheet
from pages.ui.review.review_data import current_labels_of, embedding_of, forget_embedding, groups_of, map_of
from pages.ui.shared.job_status import show_progress
from svp_core.classification.filters import Region, inside_region
from svp_core.display import label_text
from svp_core.label_errors import SUSPECT
from svp_core.review.store import Review
from svp_core.tasks.embed_review import EmbedReviewRequest
from svp_core.tasks.job_kinds import start
from svp_core.workspace import jobs

LABEL, SUGGESTION = "Label", "Suggestion"
LASSO, CLUSTERS = "Lasso", "Clusters"
CLUSTER_COUNTS = (10, 20, 40)
LASSO_HELP = "Draw around particles with the lasso or the box to label them together; nearby particles look alike."
ALT = "Map of the particles; nearby particles look alike"


def show_map(review: Review, reviewer: str) -> None:
    """The map, or the button that computes it."""
    if embedding_of(review.id) is None:
        _offer_map(review)
    else:
        _show_map(review, reviewer)


def _offer_map(review: Review) -> None:
    """The job that computes the map."""
    if review.tiles is None:
        st.caption("This history was imported without images, so there is no map.")
        return
    key = f"map_{review.id}_job"
    if key not in st.session_state:
        config = EmbedReviewRequest(review.id).to_config()
        running = (job.id for job in jobs.active() if job.kind == "likeness" and job.config == config)
        st.session_state[key] = next(running, None)
    if job_id := st.session_state[key]:
        job = jobs.get(job_id)
        if job.state == "done":
            forget_embedding()
            st.session_state.pop(key)
            st.rerun()
        show_progress(job)
        if job.active:
            return
    st.markdown("The map places similar particles near each other.")
    if st.button("Compute the map", key="map_make", type="primary"):
        st.session_state[key], _ = start(EmbedReviewRequest(review.id))
        st.rerun()


@st.fragment
def _show_map(review: Review, reviewer: str) -> None:
    current = current_labels_of(review)
    labels = np.array([current.label(particle) for particle in current.given], object)
    is_open = np.array([current.is_open(particle) for particle in current.given])
    suspects = is_open & _suspects(review)
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        mode = _choose("Select by", (LASSO, CLUSTERS), f"map_{review.id}_by")
        colour = LABEL
        if "suggested" in review.table:
            colour = _choose("Colour by", (LABEL, SUGGESTION), f"map_{review.id}_colour")
        only_open = st.toggle("Unreviewed only", True, key=f"map_{review.id}_open", persist_state="session")
    among = is_open if only_open else np.ones(len(labels), bool)
    if not among.any():
        st.caption("Every particle is reviewed; switch “Unreviewed only” off to see them.")
    shown = labels
    if colour == SUGGESTION:
        suggested = review.table["suggested"].to_numpy(object)
        shown = np.where(is_open & (suggested != ""), suggested, labels)
    if mode == LASSO:
        selected = _select_by_lasso(review, shown, suspects, among)
    else:
        selected = _select_cluster(review, shown, suspects, is_open, among)
    if selected is not None:
        label_selected(review, reviewer, current, labels, np.flatnonzero(selected & among), only_open=only_open)


def _choose(label: str, options: Sequence[Any], key: str, default: int = 0) -> Any:
    return st.segmented_control(
        label,
        options,
        default=options[default],
        required=True,
        key=key,
        persist_state="session",
        label_visibility="collapsed",
    )


def _suspects(review: Review) -> NDArray[np.bool_]:
    """Particles whose label is more likely wrong than right according to the queue: (N,)."""
    table = review.table
    if "score" not in table or "suggested" not in table:
        return np.zeros(len(table), bool)
    doubtful = (table["score"] < SUSPECT) & (table["suggested"] != "") & (table["suggested"] != table["given"])
    return doubtful.to_numpy()


def _draw_map(review: Review, labels, suspects, among, *, key: str, chosen=None, outline=None, on_outline=None) -> None:
    points = map_points(labels, suspects, among=among, chosen=chosen)
    show_embedding_map(
        review.id,
        map_of(review.id),
        points.codes,
        suspects,
        points.looks,
        key=key,
        alt=ALT,
        sheet=tile_sheet(review.id),
        outline=outline,
        on_outline=on_outline,
    )


def _select_by_lasso(
    review: Review,
    labels: NDArray[np.object_],
    suspects: NDArray[np.bool_],
    among: NDArray[np.bool_],
) -> NDArray[np.bool_] | None:
    """Particles inside the drawn outline: (N,), None without one."""
    key = outline_key(review.id)

    def on_outline(region: Region | None) -> None:
        st.session_state[key] = region
        forget_selection(review.id)

    outline = st.session_state.get(key)
    _draw_map(review, labels, suspects, among, key=f"map_{review.id}_chart", outline=outline, on_outline=on_outline)
    if (count := int(among.sum())) > MAX_POINTS:
        st.caption(f"{MAX_POINTS:,} of {count:,} particles are drawn; a selection includes all of them.")
    if outline is None:
        st.caption(LASSO_HELP)
        return None
    map_xy = map_of(review.id)
    return inside_region({"x": map_xy[:, 0], "y": map_xy[:, 1]}, outline)


def outline_key(review_id: str) -> str:
    """Key of the drawn outline in the session."""
    return f"map_{review_id}_outline"


def _select_cluster(
    review: Review,
    labels: NDArray[np.object_],
    suspects: NDArray[np.bool_],
    is_open: NDArray[np.bool_],
    among: NDArray[np.bool_],
) -> NDArray[np.bool_] | None:
    """Particles of the cluster chosen in the table: (N,), None without one."""
    count = _choose("Clusters", CLUSTER_COUNTS, f"map_{review.id}_count", default=1)
    clusters = groups_of(review.id, count)
    left, right = st.columns(2)
    with left:
        event = st.dataframe(
            pd.DataFrame([_cluster_row(clusters == k, labels, suspects, is_open) for k in range(clusters.max() + 1)]),
            hide_index=True,
            height=460,
            key=f"map_{review.id}_groups_{count}",
            on_select=lambda: forget_selection(review.id),
            selection_mode="single-row",
        )
    picked = event["selection"]["rows"]
    chosen = clusters == picked[0] if picked else None
    with right:
        _draw_map(review, labels, suspects, among, key=f"map_{review.id}_chart_groups", chosen=chosen)
    if not picked:
        st.caption("Choose a cluster in the table to see it and to label it as a whole.")
    return chosen


def _cluster_row(
    rows: NDArray[np.bool_],
    labels: NDArray[np.object_],
    suspects: NDArray[np.bool_],
    is_open: NDArray[np.bool_],
) -> dict[str, Any]:
    """Line of the table for one cluster, with its three most frequent labels."""
    names, counts = np.unique(labels[rows].astype(str), return_counts=True)
    most_frequent = np.argsort(-counts, kind="stable")[:3]
    shares = [f"{label_text(str(names[k]))} {100 * counts[k] / rows.sum():.0f} %" for k in most_frequent]
    return {
        "Particles": int(rows.sum()),
        "Suspect": int((rows & suspects).sum()),
        "Unreviewed": int((rows & is_open).sum()),
        "Labels": ", ".join(shares),
    }
