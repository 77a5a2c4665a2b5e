"""Two or more samples side by side, runs of one source or other jobs: the same filter, calls and bins for all."""

from dataclasses import dataclass, replace

import numpy as np
import streamlit as st

from pages.ui.classify.class_galleries import draw
from pages.ui.classify.counts_html import comparison_html
from pages.ui.classify.counts_view import (
    choose_counting,
    count,
    has_sizes,
    volume_in_files,
    volume_of,
    warn_without_sizes,
)
from pages.ui.classify.distribution_chart import draw_distributions
from pages.ui.classify.filters import apply_filter, runs_of
from pages.ui.classify.results_data import (
    ResultsView,
    label_text,
    load_results,
    measure_columns,
    measure_name,
    numeric_column,
)
from pages.ui.classify.thresholds import assign_labels, labels_in_order
from pages.ui.shared.chart_style import QUIET
from pages.ui.shared.text import escape_markdown, format_time
from svp_core.display import join_names
from svp_core.instruments.records import unique_name
from svp_core.workspace import jobs

MAX_SAMPLES = 4  # samples, so that each still has room
TILES = 40  # of each sample


@dataclass(frozen=True, eq=False)
class Sample:
    """The shown particles of one run, or of one classification."""

    name: str
    found: ResultsView
    labels: np.ndarray  # str (N,)
    shown: np.ndarray  # bool (N,)
    volume: object  # counted.Volume

    def without(self, name):
        """Whether there are shown particles, and none of them has a value of this measure."""
        return bool(self.shown.any()) and not has_sizes(self.found, self.shown, name)


def show_comparison(found, labels, chosen, thresholds):
    """Choose the others; counts, distributions and tiles of all of them."""
    samples = _at_most(found, _choose_samples(found, labels, chosen, thresholds))
    if len(samples) < 2:
        st.caption("Choose another finished classification above, or classify a folder with several runs.")
        return
    models = {sample.found.summary["weights"] for sample in samples}
    if len(models) > 1:
        names = ", ".join(sorted(models))
        st.caption(escape_markdown(f"These were named by different models ({names}): differences may be theirs."))
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        size, bins, bands = choose_counting(found)
    per_ml = all(sample.volume.ml for sample in samples)
    tables = {
        sample.name: []  # nothing is known in any bin, which is no 0
        if size and sample.without(size)
        else count(sample.found, sample.labels, sample.shown, size, bins, bands, sample.volume)
        for sample in samples
    }
    unit = "Particles per mL" if per_ml else "Particles (not every volume is known, so these are counts)"
    st.markdown(f"**{unit}**, with 95 % intervals of the counting")
    st.html(comparison_html(tables, per_ml=per_ml))
    for sample in samples:
        warn_without_sizes(sample.found, sample.shown, size, of=f" of {sample.name}")
    _show_distributions(found, samples)
    _show_tiles(found, samples)


def _at_most(found, samples):
    """Those of the samples that the person wants to see: MOST, of every classification one before a second."""
    if len(samples) <= MAX_SAMPLES:
        return samples
    names = [sample.name for sample in samples]
    before = [sum(other.found is sample.found for other in samples[:at]) for at, sample in enumerate(samples)]
    first = sorted(range(len(samples)), key=lambda at: (before[at], at))[:MAX_SAMPLES]
    wanted = st.multiselect(
        f"Shown, at most {MAX_SAMPLES}",
        names,
        [names[at] for at in sorted(first)],
        max_selections=MAX_SAMPLES,
        key=f"{found.job_id}_shown_{'|'.join(names)}",
        persist_state="session",
        width=520,
    )
    left_out = [name for name in names if name not in wanted]
    st.caption(escape_markdown(f"Left out: {join_names(left_out)}. Choose under Shown which stand side by side."))
    return [sample for sample in samples if sample.name in wanted]


def _choose_samples(found, labels, chosen, thresholds):
    others = {
        job.id: f"{job.config['source'].rstrip('/').rsplit('/', 1)[-1]}, {format_time(job.created)}"
        for job in jobs.recent(50)
        if job.kind == "classify" and job.state == "done" and job.id != found.job_id
    }
    picked = st.multiselect(
        "Beside",
        list(others),
        format_func=others.get,
        max_selections=MAX_SAMPLES - 1,
        key=f"{found.job_id}_beside",
        persist_state="session",
        placeholder="Another classification",
        width=520,
    )
    samples, taken = _samples_of(found, labels, chosen), set()
    for job_id in picked:
        other = load_results(job_id)
        if other is None:
            continue
        if other.class_keys != found.class_keys:
            st.caption(escape_markdown(f"{others[job_id]} was named with other classes and cannot stand beside this."))
            continue
        # Runs are chosen by name, and its own are called otherwise.
        samples += _samples_of(other, assign_labels(other, thresholds), replace(chosen, runs=()), others[job_id])
    return [replace(sample, name=unique_name(sample.name, taken)) for sample in samples]


def _samples_of(found, labels, chosen, name=None):
    """Samples of a classification, a run each where it has several. name: which one it is; None: the one on screen."""
    shown, runs = apply_filter(found, labels, chosen), runs_of(found)
    if len(runs) < 2:
        return [Sample(name or "This one", found, labels, shown, volume_of(found))]
    of_run = found.table["run"].to_numpy()
    return [
        Sample(
            f"{run} ({name})" if name else run, found, labels, shown & (of_run == run), volume_in_files(found, (run,))
        )
        for run in runs
        if not chosen.runs or run in chosen.runs
    ]


def _show_distributions(found, samples):
    options = [name for name in measure_columns(found) if all(name in sample.found.columns for sample in samples)]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        name = st.selectbox(
            "Distribution of",
            options,
            index=min(1, len(options) - 1),
            format_func=measure_name,
            key="beside_measure",
            width=260,
        )
    if without := [sample.name for sample in samples if sample.without(name)]:
        st.caption(
            escape_markdown(f"Of {join_names(without)} no particle has {measure_name(name)}, so nothing is drawn.")
        )
    elif name.endswith("_px") and len(_pixel_sizes(samples)) > 1:
        st.caption("Their pixels are not of one size: compare shapes, not sizes.")
    st.plotly_chart(
        draw_distributions({sample.name: (sample.found, sample.shown) for sample in samples}, name),
        config=QUIET,
        key="beside_chart",
        alt=f"Distribution of {measure_name(name)} in each",
    )


def _pixel_sizes(samples):
    """µm per pixel that occur among the shown particles; 0 where it is not known."""
    return {
        scale
        for sample in samples
        if "um_per_px" in sample.found.columns
        for scale in np.unique(np.nan_to_num(numeric_column(sample.found, "um_per_px")[sample.shown]))
    }


def _show_tiles(found, samples):
    options = labels_in_order(found.class_keys)
    label = st.segmented_control(
        "Particles", options, default=options[0], required=True, format_func=label_text, key="beside_label"
    )
    for sample, column in zip(samples, st.columns(len(samples), gap="medium"), strict=True):
        with column:
            positions = np.flatnonzero(sample.shown & (sample.labels == label))
            st.markdown(f"**{escape_markdown(sample.name)}** · {len(positions):,}")
            at = samples.index(sample)
            draw(sample.found, sample.labels, positions[:TILES], f"tiles_beside_{at}", lines=5)
            if not len(positions):
                st.caption("None.")
