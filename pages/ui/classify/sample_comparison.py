"""Side-by-side comparison of samples, runs of one source or other classifications, with the same filter and bins."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from pages.ui.classify.class_galleries import draw_tiles
from pages.ui.classify.counting import (
    Volume,
    choose_binning,
    count_particles,
    count_with_size,
    volume_in_files,
    volume_of,
)
from pages.ui.classify.counts_html import comparison_html
from pages.ui.classify.counts_view import warn_without_sizes
from pages.ui.classify.distribution_chart import draw_distributions
from pages.ui.classify.filters import Filter, apply_filter
from pages.ui.classify.job_state import JobState
from pages.ui.classify.results_data import (
    load_results,
    measure_columns,
    measure_name,
    numeric_column,
    pixel_sizes,
    runs_of,
)
from pages.ui.classify.thresholds import all_labels, assign_labels
from pages.ui.shared.chart_style import QUIET
from pages.ui.shared.times import format_timestamp
from svp_core.classification.results import ClassificationResults
from svp_core.display import escape_markdown, join_names, label_text
from svp_core.instruments.records import unique_name
from svp_core.tasks.stored_classifications import read_summary
from svp_core.workspace import jobs

MAX_SAMPLES = 4  # so that each has room
TILES = 40  # per sample
TILE_ROWS = 5


@dataclass(frozen=True, eq=False)
class Sample:
    """The filtered particles of one run, or of one classification."""

    name: str
    results: ClassificationResults
    labels: NDArray[np.str_]  # (N,)
    shown: NDArray[np.bool_]  # mask (N,)
    volume: Volume

    def lacks(self, name: str) -> bool:
        """Whether there are particles, but none of them has a value of this measure."""
        return bool(self.shown.any()) and not count_with_size(self.results, self.shown, name)


def show_comparison(
    results: ClassificationResults, labels: NDArray[np.str_], active: Filter, thresholds: Mapping[str, float]
) -> None:
    """Draw the choice of samples, then counts, distributions and tiles of all of them."""
    samples = _limit(results, _choose_samples(results, labels, active, thresholds))
    if len(samples) < 2:
        st.caption("Choose another finished classification above, or classify a folder with several runs.")
        return
    models = {sample.results.summary["weights"] for sample in samples}
    if len(models) > 1:
        names = ", ".join(sorted(models))
        st.caption(
            escape_markdown(f"Classified with different models ({names}): differences may be due to the models.")
        )
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        binning = choose_binning(results)
    per_ml = all(sample.volume.ml for sample in samples)
    tables = {
        # Without sizes nothing is known about any bin, which is not 0.
        sample.name: []
        if binning.size and sample.lacks(binning.size)
        else count_particles(sample.results, sample.labels, sample.shown, binning, sample.volume)
        for sample in samples
    }
    unit = "Particles per mL" if per_ml else "Particles (counts, because not every volume is known)"
    st.markdown(f"**{unit}**, with 95 % Poisson intervals")
    st.html(comparison_html(tables, per_ml=per_ml))
    for sample in samples:
        warn_without_sizes(sample.results, sample.shown, binning.size, sample=sample.name)
    _show_distributions(results, samples)
    _show_tiles(results, samples)


def _limit(results, samples):
    """At most MAX_SAMPLES of the samples, by choice; by default one of every classification before a second one."""
    if len(samples) <= MAX_SAMPLES:
        return samples
    names = [sample.name for sample in samples]
    rank = [sum(other.results is sample.results for other in samples[:k]) for k, sample in enumerate(samples)]
    first = sorted(range(len(samples)), key=lambda k: (rank[k], k))[:MAX_SAMPLES]
    chosen = st.multiselect(
        f"Shown, at most {MAX_SAMPLES}",
        names,
        [names[k] for k in sorted(first)],
        max_selections=MAX_SAMPLES,
        key=f"{results.job_id}_shown_{'|'.join(names)}",
        persist_state="session",
        width=520,
    )
    not_shown = [name for name in names if name not in chosen]
    st.caption(escape_markdown(f"Not shown: {join_names(not_shown)}."))
    return [sample for sample in samples if sample.name in chosen]


def _choose_samples(results, labels, active, thresholds):
    others = {
        job.id: f"{_title(job)}, {format_timestamp(job.created)}"
        for job in jobs.recent(50)
        if job.kind == "classify" and job.state == "done" and job.id != results.job_id
    }
    chosen = st.multiselect(
        "Compare with",
        list(others),
        format_func=others.__getitem__,
        max_selections=MAX_SAMPLES - 1,
        key=JobState(results.job_id).key("beside"),
        persist_state="session",
        placeholder="Another classification",
        width=520,
    )
    samples: list[Sample] = _samples_of(results, labels, active)
    for job_id in chosen:
        other = load_results(job_id, folded=results.is_folded)
        if other is None:
            continue
        if other.class_keys != results.class_keys:
            st.caption(
                escape_markdown(f"{others[job_id]} has other classes and cannot be compared with these results.")
            )
            continue
        # A filter by run uses the names of these results' runs; those of the other one differ.
        samples += _samples_of(other, assign_labels(other, thresholds), replace(active, runs=()), others[job_id])
    taken: set[str] = set()
    return [replace(sample, name=unique_name(sample.name, taken)) for sample in samples]


def _title(job):
    return read_summary(job.id).get("title") or job.config["source"].rstrip("/").rsplit("/", 1)[-1]


def _samples_of(results, labels, active, name=None):
    """Samples of a classification, one per run where it has several. name: None for the open one."""
    shown, runs = apply_filter(results, labels, active), runs_of(results)
    if len(runs) < 2:
        return [Sample(name or "This classification", results, labels, shown, volume_of(results))]
    run_of_particle = results.table["run"].to_numpy()
    return [
        Sample(
            f"{run} ({name})" if name else run,
            results,
            labels,
            shown & (run_of_particle == run),
            volume_in_files(results, (run,)),
        )
        for run in runs
        if not active.runs or run in active.runs
    ]


def _show_distributions(results, samples: Sequence[Sample]):
    options = [name for name in measure_columns(results) if all(name in sample.results.columns for sample in samples)]
    name = st.selectbox(
        "Distribution of",
        options,
        index=min(1, len(options) - 1),
        format_func=measure_name,
        key="beside_measure",
        width=260,
    )
    if without := [sample.name for sample in samples if sample.lacks(name)]:
        st.caption(escape_markdown(f"No particle of {join_names(without)} has {measure_name(name)}."))
    elif name.endswith("_px") and len(_pixel_sizes(samples)) > 1:
        st.caption("The samples have different pixel sizes: compare shapes, not sizes.")
    values = {sample.name: numeric_column(sample.results, name)[sample.shown] for sample in samples}
    st.plotly_chart(
        draw_distributions(values, measure_name(name)),
        config=QUIET,
        key="beside_chart",
        alt=f"Distribution of {measure_name(name)} in each sample",
    )


def _pixel_sizes(samples):
    """Distinct µm per pixel among the shown particles; 0 where unknown."""
    return {
        scale for sample in samples for scale in np.unique(np.nan_to_num(pixel_sizes(sample.results)[sample.shown]))
    }


def _show_tiles(results, samples: Sequence[Sample]):
    options = all_labels(results)
    if st.session_state.get("beside_label") not in options:  # a class that is folded away, or of other results
        st.session_state.pop("beside_label", None)
    label = st.segmented_control(
        "Particles", options, default=options[0], required=True, format_func=label_text, key="beside_label"
    )
    for index, (sample, column) in enumerate(zip(samples, st.columns(len(samples), gap="medium"), strict=True)):
        with column:
            positions = np.flatnonzero(sample.shown & (sample.labels == label))
            st.markdown(f"**{escape_markdown(sample.name)}** · {len(positions):,}")
            draw_tiles(sample.results, sample.labels, positions[:TILES], f"tiles_beside_{index}", lines=TILE_ROWS)
            if not len(positions):
                st.caption("None.")
