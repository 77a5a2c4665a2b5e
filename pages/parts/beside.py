"""Two or more samples side by side, runs of one source or other jobs: the same filter, calls and bins for all."""

from dataclasses import dataclass

import numpy as np
import streamlit as st

from pages.parts.by_class import draw
from pages.parts.calls import call, labels_in_order
from pages.parts.charts import QUIET
from pages.parts.classified import Classified, classified, label_name, measure_name, measures_of, scaled
from pages.parts.count_tables import beside_html
from pages.parts.counted import choose_counting, count, volume_in_files, volume_of
from pages.parts.filtering import let_through, runs_of
from pages.parts.measure_charts import draw_beside
from pages.parts.words import moment, plain
from svp_core.workspace import jobs

MOST = 4  # samples, so that each still has room
TILES = 40  # of each sample


@dataclass(frozen=True, eq=False)
class Sample:
    """The shown particles of one run, or of one classification."""

    name: str
    found: Classified
    labels: np.ndarray  # str (N,)
    shown: np.ndarray  # bool (N,)
    volume: object  # counted.Volume


def show_beside(found, labels, chosen, thresholds):
    """Choose the others; counts, distributions and tiles of all of them."""
    samples = _choose_samples(found, labels, chosen, thresholds)
    if len(samples) < 2:
        st.caption("Choose another finished classification above, or classify a folder with several runs.")
        return
    models = {sample.found.summary["weights"] for sample in samples}
    if len(models) > 1:
        names = ", ".join(sorted(models))
        st.caption(plain(f"These were named by different models ({names}): differences may be theirs."))
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        size, bins, bands = choose_counting(found)
    per_ml = all(sample.volume.ml for sample in samples)
    tables = {
        sample.name: count(sample.found, sample.labels, sample.shown, size, bins, bands, sample.volume)
        for sample in samples
        if size is None or size in sample.found.columns
    }
    unit = "Particles per mL" if per_ml else "Particles (not every volume is known, so these are counts)"
    st.markdown(f"**{unit}**, with 95 % intervals of the counting")
    st.html(beside_html(tables, per_ml=per_ml))
    _show_distributions(found, samples)
    _show_tiles(found, samples)


def _choose_samples(found, labels, chosen, thresholds):
    others = {
        job.id: f"{job.config['source'].rstrip('/').rsplit('/', 1)[-1]}, {moment(job.created)}"
        for job in jobs.recent(50)
        if job.kind == "classify" and job.state == "done" and job.id != found.job_id
    }
    picked = st.multiselect(
        "Beside", list(others), format_func=others.get, max_selections=MOST - 1, key=f"{found.job_id}_beside",
        persist_state="session", placeholder="Another classification", width=520,
    )  # fmt: skip
    samples = _samples_of(found, labels, chosen, "This one")
    for job_id in picked:
        other = classified(job_id)
        if other is None:
            continue
        if other.class_keys != found.class_keys:
            st.caption(plain(f"{others[job_id]} was named with other classes and cannot stand beside this."))
            continue
        samples += _samples_of(other, call(other, thresholds), chosen, others[job_id])
    return samples[:MOST]


def _samples_of(found, labels, chosen, name):
    shown, runs = let_through(found, labels, chosen), runs_of(found)
    if len(runs) < 2:
        return [Sample(name, found, labels, shown, volume_of(found))]
    of_run = found.table["run"].to_numpy()
    return [
        Sample(run, found, labels, shown & (of_run == run), volume_in_files(found, (run,)))
        for run in runs
        if not chosen.runs or run in chosen.runs
    ]


def _show_distributions(found, samples):
    options = [name for name in measures_of(found) if all(name in sample.found.columns for sample in samples)]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        name = st.selectbox(
            "Distribution of", options, index=min(1, len(options) - 1), format_func=measure_name,
            key="beside_measure", width=260,
        )  # fmt: skip
    if name and not name.startswith("confidence") and len({scaled(sample.found) for sample in samples}) > 1:
        st.caption("One of them has no pixel size: compare shapes, not sizes.")
    st.plotly_chart(
        draw_beside({sample.name: (sample.found, sample.shown) for sample in samples}, name), config=QUIET,
        key="beside_chart", alt=f"Distribution of {measure_name(name)} in each",
    )  # fmt: skip


def _show_tiles(found, samples):
    options = labels_in_order(found.class_keys)
    label = st.segmented_control(
        "Particles", options, default=options[0], required=True, format_func=label_name, key="beside_label"
    )
    for sample, column in zip(samples, st.columns(len(samples), gap="medium"), strict=True):
        with column:
            positions = np.flatnonzero(sample.shown & (sample.labels == label))
            st.markdown(f"**{plain(sample.name)}** · {len(positions):,}")
            at = samples.index(sample)
            draw(sample.found, sample.labels, positions[:TILES], f"tiles_beside_{at}", lines=5)
            if not len(positions):
                st.caption("None.")
