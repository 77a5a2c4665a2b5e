"""A finished search for unusual particles: verdict, the list with pictures, p-values, teaching, exports."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray
from plotly.graph_objects import Figure

from pages.ui.components.gallery import show_gallery
from pages.ui.novelty.judged_sample import JudgedSample
from pages.ui.novelty.rebuilt_view import show_rebuilt, show_roc
from pages.ui.shared.chart_style import QUIET, REFERENCE
from pages.ui.shared.nearest_known import show_nearest_known
from pages.ui.shared.paging import PAGE_SIZE, choose_page
from pages.ui.shared.teaching import show_teaching
from svp_core.classification.results import read_results_folder
from svp_core.display import count_noun, escape_markdown, format_percent
from svp_core.novelty.calibration import LEVEL
from svp_core.novelty.listing import FALSE_SHARE
from svp_core.tasks.novelty_table import read_table
from svp_core.tasks.novelty_verdict import NO_P, STRANGERS
from svp_core.workspace import jobs
from svp_core.workspace.jobs import Job

TILE_PX = 96
COMPARED = 12  # of the list, beside the normal particles nearest to them
BINS = 20  # of the histogram of p-values: 5 % each
ALIKE, SURELY_ALIKE, UNLIKE, LISTED, ALL = "alike", "surely alike", "unlike", "listed", "all"
BY_TAUGHT = (
    "The likest to the confirmed strangers first, by taught p: the share of known particles, in this sample's mixture "
    "of classes, that resemble them as much."
)
BY_P = "The most unusual first, by p: the share of known particles of the named class that are as unusual."
BY_SCORE = "The most unusual first, by score; no p-value holds for this sample."


def show(job: Job) -> None:
    """Everything of a finished search."""
    sample = _load(job)
    verdict = sample.results.summary["verdict"]
    _show_verdict(verdict)
    left, right = st.columns([3, 1], gap="large")
    with left:
        _show_list(job, sample, has_p=verdict["state"] != NO_P)
    with right:
        _show_side(sample, verdict)


def _load(job: Job) -> JudgedSample:
    files = sorted(jobs.job_folder(job.id).iterdir())
    return _read(job.id, tuple(path.stat().st_mtime_ns for path in files if path.suffix in (".csv", ".json", ".npy")))


@st.cache_resource(max_entries=4, show_spinner=False)
def _read(job_id: str, versions: tuple[int, ...]) -> JudgedSample:
    del versions  # they only tell apart, in the cache, versions of the files
    folder = jobs.job_folder(job_id)
    return JudgedSample(read_results_folder(folder), read_table(folder))


def _show_verdict(verdict: Mapping[str, Any]) -> None:
    head, *others = verdict["sentences"]
    box = st.warning if verdict["state"] in (NO_P, STRANGERS) else st.info
    box(f"**{escape_markdown(head)}** {escape_markdown(' '.join(others))}")


def _show_list(job: Job, sample: JudgedSample, *, has_p: bool) -> None:
    masks = {
        ALIKE: sample.alike,
        SURELY_ALIKE: sample.surely_alike,
        UNLIKE: sample.is_yes("unlike"),
        LISTED: sample.is_yes("listed"),
        ALL: np.ones(len(sample.judged), bool),
    }
    texts = {
        ALIKE: "Like them",
        SURELY_ALIKE: "Surely like them",
        UNLIKE: f"p ≤ {LEVEL:g}",
        LISTED: "Surely unusual",
        ALL: "All",
    }
    taught = [ALIKE, *([SURELY_ALIKE] if sample.has_rates else [])] if sample.is_taught else []
    unusual = ([UNLIKE] if taught else [UNLIKE, LISTED]) if has_p else []
    options = [*taught, *unusual, ALL]
    which = st.segmented_control(
        "Particles",
        options,
        default=options[0],
        required=True,
        format_func=lambda name: f"{texts[name]} ({int(masks[name].sum()):,})",
        key=f"novelty_which_{job.id}_{sample.is_taught}",
        help=f"Surely: at most {format_percent(FALSE_SHARE)} of these are expected to be known particles "
        "(Benjamini-Hochberg; the confirmed ones are not counted). Often none is that sure; then the order counts.",
    )
    picks = _picks(job)
    show_teaching(sample.results, picks)
    by_taught = sample.is_taught and which not in (UNLIKE, LISTED)
    ordered = BY_TAUGHT if by_taught else BY_P if has_p else BY_SCORE
    st.caption(f"{ordered} Click to enlarge; click the corner, or the key S, to select.")
    order = sample.by_taught if by_taught else sample.by_unusual
    positions = order[masks[which][order]]
    if not len(positions):
        st.caption("No particle is that unusual." if len(order) else "No particle could be measured.")
        return
    page = choose_page(len(positions), f"novelty_page_{job.id}")
    positions = positions[page * PAGE_SIZE : (page + 1) * PAGE_SIZE]
    captions = sample.captions(positions)
    show_nearest_known(sample.results, positions[:COMPARED], captions)
    show_rebuilt(sample, positions[:COMPARED])
    _draw(job, sample, positions, captions)


def _picks(job: Job) -> list[int]:
    return st.session_state.setdefault(f"novelty_picks_{job.id}", [])


def _draw(job: Job, sample: JudgedSample, positions: NDArray[np.intp], captions: Sequence[str]) -> None:
    widget, names = f"novelty_tiles_{job.id}", list(sample.judged["image"])

    def changed() -> None:
        here = set(map(int, positions))
        picked = here & set(st.session_state[widget]["picked"] or ())
        st.session_state[f"novelty_picks_{job.id}"] = sorted({*_picks(job)} - here | picked)

    scales = np.asarray(pd.to_numeric(sample.results.table["um_per_px"], errors="coerce"), float)
    show_gallery(
        sample.results.tiles[positions],
        key=widget,
        alt=f"Particles, {len(positions):,}",
        words=[[text, str(names[k])] for k, text in zip(positions, captions, strict=True)],
        captions=captions,
        show_px=TILE_PX,
        um_per_px=scales[positions],
        picking={"ids": positions, "picked": _picks(job), "turn": 0, "changed": changed},
    )


def _show_side(sample: JudgedSample, verdict: Mapping[str, Any]) -> None:
    values, title = sample.numbers("novelty_p"), sample.results.summary["title"]
    if np.isfinite(values).any():
        st.markdown("**p-values**")
        alt = "Histogram of p-values; known particles alone would fill all bars alike"
        st.plotly_chart(draw_p_values(values[np.isfinite(values)]), config=QUIET, key="novelty_histogram", alt=alt)
        st.caption("Known particles alone would fill all bars alike (dashed). Strangers pile up at the left.")
    show_roc(sample.results.summary.get("autoencoder"))
    table = sample.table.to_csv(index=False)
    st.download_button("Table (csv)", table, f"novelty {title}.csv", "text/csv", key="novelty_csv")
    facts = {"verdict": verdict, "normal": sample.results.summary.get("normal")}
    facts = json.dumps(facts, indent=2)
    st.download_button("Verdict (json)", facts, f"novelty {title}.json", "application/json", key="novelty_json")
    if len(sample.results.rejected):
        st.caption(f"{count_noun(len(sample.results.rejected), 'item')} could not be read as a particle.")
        st.dataframe(sample.results.rejected, hide_index=True, key="novelty_rejected")


def draw_p_values(values: NDArray[np.floating]) -> Figure:
    """Histogram of p-values with what known particles alone would give."""
    counts, edges = np.histogram(values, BINS, (0, 1))
    colours = ["#BD8118" if edge < LEVEL else "#0E8AA0" for edge in edges[:-1]]
    figure = Figure()
    hover = "p %{x:.2f}: %{y} particles<extra></extra>"
    figure.add_bar(x=edges[:-1] + 0.5 / BINS, y=counts, marker_color=colours, hovertemplate=hover)
    figure.add_hline(y=len(values) / BINS, line={"color": REFERENCE, "dash": "dash"})
    figure.update_layout(height=220, margin={"t": 8, "b": 8, "l": 8, "r": 8}, showlegend=False, bargap=0.05)
    figure.update_xaxes(title_text="p", tickvals=[0, 0.25, 0.5, 0.75, 1])
    figure.update_yaxes(title_text="Particles", rangemode="tozero")
    return figure
