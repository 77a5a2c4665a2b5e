"""How particles are counted: by which diameter, in which size bins, in which volume.

Volume and dilution are set per classification; diameter and bins hold for all.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from pages.ui.classify.job_state import JobState
from pages.ui.classify.results_data import diameter_columns, measure_name, numeric_column
from svp_core.classification.counted import VOLUME_ENTERED
from svp_core.classification.results import ClassificationResults, border_weights
from svp_core.classification.settings import MAX_BINS
from svp_core.classification.settings import volume_in_files as volume_of_runs
from svp_core.errors import LabError
from svp_core.instruments.metadata import format_volume
from svp_core.particle_classes import SIZE_BINS_UM
from svp_core.stats import counts

CUMULATIVE, SIZE_RANGES = "Cumulative (≥)", "Size ranges"
MAX_EDGE_UM = 10_000


@dataclass(frozen=True)
class Binning:
    """Size bins to count by."""

    size: str | None = None  # column in µm; None: particles of any size
    bins_um: tuple[float, ...] = (0.0,)  # lower edges, ascending
    ranges: bool = False  # from each edge to the next, instead of everything from it on


@dataclass(frozen=True)
class Volume:
    """The liquid in which the counted particles were imaged."""

    ml: float | None  # None: unknown, so counts only
    dilution: float
    source: str  # where the volume comes from; "" where unknown


def choose_binning(results: ClassificationResults, *, with_ranges: bool = True) -> Binning:
    """Draw the choice of diameter and size bins. with_ranges: also of cumulative counts or size ranges."""
    options = diameter_columns(results)
    if not options:
        return Binning()
    size = st.selectbox(
        "Diameter", options, format_func=measure_name, key="count_size", persist_state="session", width=150
    )
    text = st.text_input(
        "Size bins (µm)",
        ", ".join(f"{edge:g}" for edge in SIZE_BINS_UM),
        key="count_bins",
        persist_state="session",
        width=130,
        help="Lower edges, separated by commas",
    )
    ranges = (
        with_ranges
        and st.segmented_control(
            "Counts",
            [CUMULATIVE, SIZE_RANGES],
            default=CUMULATIVE,
            required=True,
            key="count_bands",
            persist_state="session",
            help="Cumulative: all particles of at least this size, as in USP <1788>. Size ranges: up to the next size.",
        )
        == SIZE_RANGES
    )
    return Binning(size, read_bins(text), ranges)


def read_bins(text: str) -> tuple[float, ...]:
    """Lower edges of size bins in µm, ascending, from "2, 5, 10, 25". Raises LabError for an invalid list."""
    parts = [part for part in re.split(r"[,;\s]+", text.strip()) if part]
    try:
        edges = sorted({float(part) for part in parts})
    except ValueError:
        edges = []
    if not edges or len(edges) > MAX_BINS or not all(0 <= edge <= MAX_EDGE_UM for edge in edges):
        raise LabError(
            f"{text.strip()[:80]!r} is not a valid list of sizes; enter 1 to {MAX_BINS} numbers in µm, such as "
            "2, 5, 10, 25."
        )
    return tuple(edges)


def choose_volume(results: ClassificationResults, runs: Sequence[str] = ()) -> Volume:
    """Draw the fields of the volume of these runs (of all where empty); empty fields keep what the files state."""
    stated, state = volume_in_files(results, runs), JobState(results.job_id)
    if results.missing:
        return stated
    entered = st.number_input(
        "Imaged volume (mL)",
        0.0,
        1e6,
        None,
        format="%.5g",
        step=0.01,
        key=state.key("volume"),
        persist_state="session",
        width=150,
        placeholder=format_volume(stated.ml).removesuffix(" mL") if stated.ml else "unknown",
        help="The part of the sample that the camera imaged. Leave empty to use the value of the files.",
    )
    dilution = st.number_input(
        "Dilution",
        0.001,
        1e6,
        1.0,
        format="%g",
        key=state.key("dilution"),
        persist_state="session",
        width=95,
        help="Concentrations are multiplied by it. 1: per mL of the measured liquid.",
    )
    if entered:
        return Volume(entered, dilution, VOLUME_ENTERED)
    return Volume(stated.ml, dilution, stated.source)


def volume_of(results: ClassificationResults) -> Volume:
    """Volume of a whole classification: as entered on its page, otherwise as its files state it."""
    state, stated = JobState(results.job_id), volume_in_files(results)
    source = VOLUME_ENTERED if state.volume else stated.source
    return Volume(state.volume or stated.ml, state.dilution or 1.0, source)


def volume_in_files(results: ClassificationResults, runs: Sequence[str] = ()) -> Volume:
    """Volume that the source's files state for these runs, for all where none are named."""
    if results.missing:  # only part of the volume was analysed, and how much is unknown
        return Volume(None, 1.0, "")
    ml, source = volume_of_runs({"runs": run_facts(results, runs)})
    return Volume(ml, 1.0, source)


def run_facts(results: ClassificationResults, runs: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Facts of these runs in summary.json, of all where none are named."""
    return [run for run in results.summary.get("runs", []) if not runs or run["name"] in runs]


def count_with_size(results: ClassificationResults, shown: NDArray[np.bool_], name: str) -> int:
    """How many of the shown particles have a value of this measure."""
    return int(np.isfinite(numeric_column(results, name)[shown]).sum()) if name in results.columns else 0


def count_particles(
    results: ClassificationResults,
    labels: NDArray[np.str_],
    shown: NDArray[np.bool_],
    binning: Binning,
    volume: Volume,
) -> list[counts.Count]:
    """Counts of the shown particles, unsure ones separately."""
    return counts.count_table(
        labels[shown],
        sizes_of(results, shown, binning),
        class_keys=results.class_keys,
        bins_um=binning.bins_um,
        volume_ml=volume.ml,
        dilution=volume.dilution,
        differential=binning.ranges,
        weights=weights_of(results, shown),
    )


def weights_of(results: ClassificationResults, shown: NDArray[np.bool_]) -> NDArray[np.float64] | None:
    """Border weights of the shown particles; None where every particle of the volume is counted."""
    weights = border_weights(results)
    return None if weights is None else weights[shown]


def sizes_of(results: ClassificationResults, shown: NDArray[np.bool_], binning: Binning) -> NDArray[np.float64]:
    """Sizes of the shown particles in µm; zeros where they are not counted by size."""
    return np.zeros(int(shown.sum())) if binning.size is None else numeric_column(results, binning.size)[shown]
