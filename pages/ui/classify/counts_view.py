"""How many of which class and size, in the shown particles: raw, corrected for confusion, per mL, and how sure.

What is typed in for one classification (volume, dilution) is kept for it by itself; bins and diameter hold for all.
"""

import re
from dataclasses import dataclass

import numpy as np
import streamlit as st

from pages.ui.classify.counts_html import count_html, ppv_html
from pages.ui.classify.filters import runs_of
from pages.ui.classify.results_data import diameter_columns, is_scaled, measure_name, numeric_column
from pages.ui.shared.text import count_noun, escape_markdown, without_names
from svp_core.classification.counted import ECD_PX, VOLUME_ENTERED, confusion_reference_for
from svp_core.classification.results import scale_warning_of
from svp_core.classification.settings import MAX_BINS, CountSettings, runs_without_volume
from svp_core.classification.settings import volume_in_files as volume_of_runs
from svp_core.display import join_names
from svp_core.errors import LabError
from svp_core.instruments.metadata import format_volume
from svp_core.particle_classes import SIZE_BINS_UM
from svp_core.report.count_tables import small_size_notes
from svp_core.stats import counts


@dataclass(frozen=True)
class Volume:
    """The liquid that the counted particles were seen in."""

    ml: float | None  # None: unknown, so there are counts only
    dilution: float
    source: str  # where it comes from, in words; "" where unknown


def choose_counting(found, *, bands=True):
    """(size column or None, bins in µm, whether in bands): how to count; draws its widgets. bands: whether to ask."""
    options = diameter_columns(found)
    size = bins = None
    if options:
        size = st.selectbox(
            "Diameter", options, format_func=measure_name, key="count_size", persist_state="session", width=190
        )
        text = st.text_input(
            "Sizes from (µm)",
            ", ".join(f"{edge:g}" for edge in SIZE_BINS_UM),
            key="count_bins",
            persist_state="session",
            width=130,
            help="Lower edges, parted by commas",
        )
        bins = read_bins(text)
    bands = (
        bands
        and bool(options)
        and st.segmented_control(
            "Bins",
            ["From", "Between"],
            default="From",
            required=True,
            key="count_bands",
            persist_state="session",
            help="From: all particles of at least this size, as USP <1788> counts. Between: up to the next size.",
        )
        == "Between"
    )
    return size, bins or (0.0,), bands


def read_bins(text):
    """Lower edges of size bins in µm, ascending, from "2, 5, 10, 25". Raises LabError for what cannot be bins."""
    parts = [part for part in re.split(r"[,;\s]+", text.strip()) if part]
    try:
        edges = sorted({float(part) for part in parts})
    except ValueError:
        edges = []
    if not edges or len(edges) > MAX_BINS or not all(0 <= edge <= 10_000 for edge in edges):
        raise LabError(f"{text.strip()[:80]!r} are no size bins; give 1 to {MAX_BINS} numbers of µm like 2, 5, 10, 25.")
    return tuple(edges)


def choose_volume(found, runs=()):
    """The Volume of these runs (all, where none are chosen) as their files say, or as the person types in."""
    known, job = volume_in_files(found, runs), found.job_id
    if found.missing:
        return known
    given = st.number_input(
        "Volume imaged (mL)",
        0.0,
        1e6,
        None,
        format="%.5g",
        step=0.01,
        key=f"{job}_volume",
        persist_state="session",
        width=165,
        placeholder=format_volume(known.ml).removesuffix(" mL") if known.ml else "unknown",
        help="Of what went through the cell, the part that the camera saw. Leave empty to keep what the files say.",
    )
    dilution = st.number_input(
        "Dilution",
        0.001,
        1e6,
        1.0,
        format="%g",
        key=f"{job}_dilution",
        persist_state="session",
        width=95,
        help="Per mL is multiplied by it. 1: per mL of what was measured.",
    )
    if given:
        return Volume(given, dilution, VOLUME_ENTERED)
    return Volume(known.ml, dilution, known.source)


def volume_of(found):
    """The Volume of a whole classification: as typed in on its page, else as its files say."""
    given, dilution = (st.session_state.get(f"{found.job_id}_{name}") for name in ("volume", "dilution"))
    known = volume_in_files(found)
    return Volume(given or known.ml, dilution or 1.0, VOLUME_ENTERED if given else known.source)


def volume_in_files(found, runs=()):
    """The Volume that a source's own files give for these runs, all of them where none are named."""
    if found.missing:  # of a volume that was looked through in part only, nobody knows how much
        return Volume(None, 1.0, "")
    ml, source = volume_of_runs({"runs": _facts(found, runs)})
    return Volume(ml, 1.0, source)


def _facts(found, runs):
    """Facts of these runs, of all where none are named."""
    return [run for run in found.summary.get("runs", []) if not runs or run["name"] in runs]


def has_sizes(found, shown, name):
    """How many of the shown particles have a value of this measure."""
    return int(np.isfinite(numeric_column(found, name)[shown]).sum()) if name in found.columns else 0


def warn_without_sizes(found, shown, size, *, of=""):
    """Say how many of the shown particles have no size by which they could be counted. of: whose they are."""
    if size and (without := int(shown.sum()) - has_sizes(found, shown, size)):
        have = "has" if without == 1 else "have"
        st.caption(
            escape_markdown(
                f"{without:,} of the shown particles{of} {have} no {measure_name(size)} and "
                f"{'is' if without == 1 else 'are'} in no bin."
            )
        )


def count(found, labels, shown, size, bins, bands, volume):
    """Counts of the shown particles, unsure ones by themselves. size: column in µm, None: of any size."""
    sizes = np.zeros(int(shown.sum())) if size is None else numeric_column(found, size)[shown]
    return counts.count_table(
        labels[shown],
        sizes,
        class_keys=found.class_keys,
        bins_um=bins,
        volume_ml=volume.ml,
        dilution=volume.dilution,
        differential=bands,
    )


def show_counts(found, labels, shown, chosen, thresholds):
    """Tables of counts, corrected counts and predictive values of what the filter shows."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        size, bins, bands = choose_counting(found)
        volume = choose_volume(found, chosen.runs)
    per_ml = (
        volume.ml is not None
        and st.segmented_control(
            "Unit",
            ["Per mL", "Counts"],
            default="Per mL",
            required=True,
            key="count_unit",
            persist_state="session",
            label_visibility="collapsed",
        )
        == "Per mL"
    )
    if warning := scale_warning_of(found):
        st.warning(escape_markdown(warning))
    _say_volume(found, volume, chosen.runs)
    if not chosen.empty:
        st.caption("Counted are the particles that the filter shows.")
    if size and shown.any() and not has_sizes(found, shown, size):
        st.caption(
            escape_markdown(f"None of the shown particles has {measure_name(size)}: they are counted without sizes.")
        )
        size, bins, bands = None, (0.0,), False
    diameter = measure_name(size) if size else "any size"
    raw = count(found, labels, shown, size, bins, bands, volume)
    unit = "Particles per mL" if per_ml else "Particles"
    _table(f"{unit} by {diameter}, as named, with 95 % intervals of the counting (Poisson)", raw, per_ml)
    if size:
        for note in small_size_notes(CountSettings(bins_um=bins, diameter=size)):
            st.caption(escape_markdown(note))
    warn_without_sizes(found, shown, size)
    if not is_scaled(found):
        st.caption("Without a pixel size there are no size bins; classify again and give the µm per pixel.")
    _show_corrected(found, labels, shown, chosen, thresholds, (size, bins, bands, volume, per_ml), unit, diameter)


def _show_corrected(found, labels, shown, chosen, thresholds, how, unit, diameter):
    size, bins, bands, volume, per_ml = how
    model = found.summary["weights"], found.summary.get("weights_sha256")
    reference, why_not = _reference(model, found.class_keys, found)
    if reference is None:
        st.caption(escape_markdown(f"Counts are not corrected for confusion between classes. {why_not}"))
        return
    if (
        chosen.labels
        or "confidence" in chosen.ranges
        or (chosen.region and "confidence" in (chosen.region.x, chosen.region.y))
    ):
        st.caption("Corrected counts need particles of every class and confidence: take those out of the filter.")
        return
    sizes = np.zeros(int(shown.sum())) if size is None else numeric_column(found, size)[shown]
    key = (found.job_id, found.changed, tuple(thresholds.items()), size, bins, bands, volume, shown.tobytes())
    in_px = numeric_column(found, ECD_PX)[shown] if ECD_PX in found.columns else None
    table, values = _corrected(
        key, labels[shown], sizes, in_px, reference, found.class_keys, thresholds, bins, bands, volume
    )
    _table(
        f"{unit} by {diameter}, corrected for confusion between classes, with 95 % intervals",
        table,
        per_ml,
    )
    st.markdown("**How often a name is right**, at the mixture of this sample (positive predictive value)")
    st.html(ppv_html(values))
    st.caption(escape_markdown(f"Both are estimated on held-out particles: {reference.description}."))


@st.cache_data(max_entries=40, show_spinner=False)
def _corrected(key, _labels, _sizes, _in_px, _reference, _class_keys, _thresholds, _bins, _bands, _volume):
    table = counts.corrected_counts(
        _labels,
        _sizes,
        sizes_px=_in_px,
        reference=_reference,
        thresholds=_thresholds,
        class_keys=_class_keys,
        bins_um=_bins,
        volume_ml=_volume.ml,
        dilution=_volume.dilution,
        differential=_bands,
    )
    return table, counts.predictive_values(
        _labels, reference=_reference, thresholds=_thresholds, class_keys=_class_keys
    )


@st.cache_resource(max_entries=4, ttl=600, show_spinner=False)
def _reference(model, class_keys, _found):
    """(counts.Reference or None, why there is none) of the model that has named these."""
    return confusion_reference_for(_found)


def _table(title, table, per_ml):
    st.markdown(f"**{title}**")
    st.html(count_html(table, per_ml=per_ml))


def _say_volume(found, volume, runs):
    if found.missing:
        missing = count_noun(found.missing, "item")
        words = f"{missing} of the source were not reached, so there are counts only, none per mL."
    elif volume.ml is None and (lacking := runs_without_volume(_facts(found, runs))):
        words = (
            f"The files of {join_names(lacking)} do not say the volume imaged; type in that of all runs together for "
            "counts per mL, or choose the other runs under Filter."
        )
    elif volume.ml is None:
        words = "The volume imaged is not in the files; type it in for counts per mL."
    else:
        source = without_names(volume.source, [run["name"] for run in found.summary.get("runs", [])])
        words = f"Volume imaged {format_volume(volume.ml)} ({source})"
        words += f", dilution {volume.dilution:g}." if volume.dilution != 1 else "."
    diluted = [run for run in found.summary.get("runs", []) if run.get("dilution") not in (None, 1)]
    for run in diluted[:3]:
        words += f" The files of {run['name']} say a dilution of {run['dilution']:g}; it is not applied by itself."
    if len(runs) != 1 and len(runs_of(found)) > 1:
        words += " Several runs are counted as one sample."
    st.caption(escape_markdown(words))
