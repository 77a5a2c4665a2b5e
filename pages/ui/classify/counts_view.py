"""Counts of the shown particles by class and size: raw, corrected for confusion, per mL, with intervals."""

from collections.abc import Mapping

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from pages.ui.classify.confidence_table import show_confidence_table
from pages.ui.classify.counting import (
    Binning,
    Volume,
    choose_binning,
    choose_volume,
    count_particles,
    count_with_size,
    run_facts,
    sizes_of,
    weights_of,
)
from pages.ui.classify.counts_html import count_html, ppv_html
from pages.ui.classify.filters import Filter
from pages.ui.classify.results_data import is_scaled, measure_name, numeric_column, runs_of
from pages.ui.classify.thresholds import unlike_level
from pages.ui.shared.text import without_names
from svp_core.classification.correction_basis import correction_basis
from svp_core.classification.counted import ECD_PX, reference_for_counts
from svp_core.classification.derived_columns import SIZE, SIZE_RULE
from svp_core.classification.folded_classes import mixture_sentence
from svp_core.classification.results import ClassificationResults, scale_warning_of
from svp_core.classification.settings import CountSettings, runs_without_volume
from svp_core.classification.size_comparison import COMPARED_COLUMNS, ECD_UM, SizeComparison, compare_sizes
from svp_core.classification.strangers import withheld_reason
from svp_core.display import count_noun, escape_markdown, join_names
from svp_core.instruments.metadata import format_volume
from svp_core.particle_classes import UNLIKE
from svp_core.report.count_tables import small_size_notes
from svp_core.stats import counts
from svp_core.stats.predictive_values import predictive_values

PER_ML, COUNTS = "Per mL", "Counts"
MAX_DILUTIONS = 3  # runs whose stated dilution is mentioned


def show_counts(
    results: ClassificationResults,
    labels: NDArray[np.str_],
    shown: NDArray[np.bool_],
    active: Filter,
    thresholds: Mapping[str, float],
) -> None:
    """Draw tables of counts, corrected counts and predictive values of the particles that pass the filter."""
    st.markdown("**Counts by class and size**")
    if comparison := compare_sizes_of(results, shown):
        st.caption(escape_markdown(comparison.sentence))
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        binning = choose_binning(results)
        volume = choose_volume(results, active.runs)
    if warning := scale_warning_of(results):
        st.warning(escape_markdown(warning))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        per_ml = volume.ml is not None and _choose_unit() == PER_ML
        st.caption(escape_markdown(_describe_volume(results, volume, active.runs)))
    if not active.empty:
        st.caption("Counts include filtered particles only.")
    if binning.size and shown.any() and not count_with_size(results, shown, binning.size):
        name = measure_name(binning.size)
        st.caption(escape_markdown(f"None of the filtered particles has {name}: they are counted without sizes."))
        binning = Binning()
    diameter = measure_name(binning.size) if binning.size else "any size"
    unit = "Particles per mL" if per_ml else "Particles"
    raw = count_particles(results, labels, shown, binning, volume)
    if active.labels:  # the other classes were filtered out, which is not the same as none found
        raw = [entry for entry in raw if entry.class_key in (*active.labels, counts.ALL)]
    _show_table(f"{unit} by {diameter}, as classified, with 95 % Poisson intervals", raw, per_ml)
    st.caption("These intervals are of counting alone: particles that are named wrongly are not in them.")
    if binning.size:
        for note in small_size_notes(CountSettings(bins_um=binning.bins_um, diameter=binning.size)):
            st.caption(escape_markdown(note))
    warn_without_sizes(results, shown, binning.size)
    if not is_scaled(results):
        st.caption("Without a pixel size there are no size bins; classify again and enter the µm per pixel.")
    _show_corrected(results, labels, shown, active, thresholds, binning, volume, f"{unit} by {diameter}", per_ml)


def compare_sizes_of(results: ClassificationResults, shown: NDArray[np.bool_]) -> SizeComparison | None:
    """Size of record beside the outline's diameter for the shown particles; None where they have no size of record."""
    if not set(COMPARED_COLUMNS) <= set(results.table) or not count_with_size(results, shown, SIZE):
        return None
    rules = results.table[SIZE_RULE][shown].tolist()
    return compare_sizes(numeric_column(results, SIZE)[shown], rules, numeric_column(results, ECD_UM)[shown])


def warn_without_sizes(
    results: ClassificationResults, shown: NDArray[np.bool_], size: str | None, *, sample: str = ""
) -> None:
    """Say how many of the shown particles have no size and so are in no bin. sample: whose they are."""
    if not size or not (missing := int(shown.sum()) - count_with_size(results, shown, size)):
        return
    has, is_ = ("has", "is") if missing == 1 else ("have", "are")
    of_sample = f" of {sample}" if sample else ""
    text = f"{missing:,} of the filtered particles{of_sample} {has} no {measure_name(size)} and {is_} in no bin."
    st.caption(escape_markdown(text))


def _choose_unit():
    return st.segmented_control(
        "Unit",
        [PER_ML, COUNTS],
        default=PER_ML,
        required=True,
        key="count_unit",
        persist_state="session",
        label_visibility="collapsed",
    )


def _show_corrected(results, labels, shown, active, thresholds, binning, volume, title, per_ml):
    model = results.summary["weights"], results.summary.get("weights_sha256")
    reference, why_not = _reference(
        (*model, results.job_id, results.version, withheld_reason(results)), results.class_keys, unlike_level(), results
    )
    if reference is None:
        st.caption(escape_markdown(f"Counts are not corrected for confusion between classes. {why_not}"))
        return
    plotted = (active.region.x, active.region.y) if active.region else ()
    if active.labels or "confidence" in active.ranges or "confidence" in plotted:
        st.caption("Corrected counts need all classes and all confidences; remove these from the filter.")
        return
    key = (
        results.job_id,
        results.version,
        results.class_keys,
        tuple(thresholds.items()),
        binning,
        volume,
        shown.tobytes(),
    )
    key = (*key, (labels == UNLIKE).tobytes())  # what was taught and the toggle change these
    sizes_px = numeric_column(results, ECD_PX)[shown] if ECD_PX in results.columns else None
    sizes_um = sizes_of(results, shown, binning)
    table, values = _corrected(
        key,
        labels[shown],
        sizes_um,
        sizes_px,
        weights_of(results, shown),
        reference,
        results.class_keys,
        thresholds,
        binning,
        volume,
    )
    _show_table(f"{title}, corrected for confusion between classes, with 95 % intervals", table, per_ml)
    st.markdown("**Positive predictive value** at the class mixture of this sample")
    st.html(ppv_html(values))
    st.caption(escape_markdown(correction_basis(reference, sizes_px)))
    if results.is_folded:
        st.caption(escape_markdown(mixture_sentence(results.as_stored.class_keys)))
    show_confidence_table(reference)


@st.cache_data(max_entries=40, show_spinner=False)
def _corrected(key, _labels, _sizes_um, _sizes_px, _weights, _reference, _class_keys, _thresholds, _binning, _volume):
    table = counts.corrected_counts(
        _labels,
        _sizes_um,
        sizes_px=_sizes_px,
        reference=_reference,
        thresholds=_thresholds,
        class_keys=_class_keys,
        bins_um=_binning.bins_um,
        volume_ml=_volume.ml,
        dilution=_volume.dilution,
        differential=_binning.ranges,
        weights=_weights,
    )
    values = predictive_values(
        _labels, reference=_reference, thresholds=_thresholds, class_keys=_class_keys, sizes_px=_sizes_px
    )
    return table, values


@st.cache_resource(max_entries=4, ttl=600, show_spinner=False)
def _reference(model, class_keys, level, _results):
    """(ConfusionReference or None, why there is none) of the model that classified these particles."""
    return reference_for_counts(_results, CountSettings(unlike_below=level))


def _show_table(title, table, per_ml):
    st.markdown(f"**{escape_markdown(title)}**")
    st.html(count_html(table, per_ml=per_ml))


def _describe_volume(results: ClassificationResults, volume: Volume, runs):
    """Which volume the concentrations refer to, or why there are none."""
    if results.missing:
        text = f"{count_noun(results.missing, 'item')} of the source were not processed, so there are counts only."
    elif volume.ml is None and (without := runs_without_volume(run_facts(results, runs))):
        text = (
            f"The files of {join_names(without)} do not state the imaged volume; enter that of all runs together for "
            "concentrations, or choose the other runs under Filter."
        )
    elif volume.ml is None:
        text = "The imaged volume is not in the files; enter it for concentrations per mL."
    else:
        source = without_names(volume.source, [run["name"] for run in results.summary.get("runs", [])])
        text = f"Imaged volume {format_volume(volume.ml)} ({source})"
        text += f", dilution {volume.dilution:g}." if volume.dilution != 1 else "."
    diluted = [run for run in results.summary.get("runs", []) if run.get("dilution") not in (None, 1)]
    for run in diluted[:MAX_DILUTIONS]:
        text += f" The files of {run['name']} state a dilution of {run['dilution']:g}; it is not applied automatically."
    if len(runs) != 1 and len(runs_of(results)) > 1:
        text += " Several runs are counted as one sample."
    return text
