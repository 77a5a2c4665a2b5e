"""A finished classification as the views use it: read once and cached; its columns and their names.

Row k of the table belongs to tile k: both hold the items that could be read, in the order of the source.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from svp_core.classification import results as core_results
from svp_core.classification.counted import ECD_PX
from svp_core.classification.derived_columns import DERIVED_COLUMNS, DERIVED_MEASURES, DIAMETER, SIZE
from svp_core.classification.folded_classes import can_be_folded, fold_results
from svp_core.classification.results import ClassificationResults, is_in_um, measure_label, read_results_folder
from svp_core.classification.results_csv import INSTRUMENT, column_names, read_results, store_results
from svp_core.classification.size_comparison import COMPARED_COLUMNS
from svp_core.errors import LabError
from svp_core.morphology import MEASURES
from svp_core.workspace import jobs

EDGE = "touches_edge"
MAX_COLUMNS = 40  # kept as arrays; of ten million particles each takes 80 MB


def load_results(job_id: str, *, folded: bool = False) -> ClassificationResults | None:
    """Results of a job that has ended; None where it left none. Raises LabError where they are damaged.

    folded: with glass flakes, fibres and others as one class, where the results have them.
    """
    table = jobs.job_folder(job_id) / "results.csv"
    if not table.is_file() or not (table.parent / "summary.json").is_file():
        return None
    versions = table.stat().st_mtime_ns, (table.parent / "summary.json").stat().st_mtime_ns
    results = _read(job_id, *versions)
    return _fold(job_id, *versions, results) if folded and can_be_folded(results.class_keys) else results


@st.cache_resource(max_entries=4, show_spinner=False)
def _read(job_id, table_version, summary_version):
    folder = jobs.job_folder(job_id)
    try:
        names = column_names(folder / "results.csv")
        if _has_columns(folder / "results.csv"):
            columns = dict.fromkeys(("given", EDGE, ECD_PX, *COMPARED_COLUMNS))  # others when they are needed
        else:
            # All at once: parsing the lines takes the time, not the number of columns.
            columns = dict.fromkeys(("given", EDGE, "confidence", *MEASURES, *DERIVED_COLUMNS))
        return read_results_folder(folder, [name for name in columns if name in names])
    except LabError as error:
        # A page shows no path of the server.
        raise LabError(str(error).replace(str(folder), "The folder of this classification")) from None


@st.cache_resource(max_entries=4, show_spinner=False)
def _fold(job_id, table_version, summary_version, _results):
    return fold_results(_results)


def _has_columns(path):
    """Whether columns can be read one by one: of a large results.csv, with its column store."""
    try:
        return store_results(path)
    except LabError:
        return False  # the folder cannot be written


def numeric_column(results: ClassificationResults, name: str) -> NDArray[np.float64]:
    """Values of a column of results.csv (N,), one per tile; NaN where empty or not a number."""
    return _numeric_column(cache_name(results, name), name, results)


def numeric_columns(results: ClassificationResults, names: Iterable[str]) -> dict[str, NDArray[np.float64]]:
    """Column name -> values, as svp_core.classification.filters takes a table."""
    return {name: numeric_column(results, name) for name in names}


@st.cache_resource(max_entries=MAX_COLUMNS, show_spinner=False)
def _numeric_column(key, name, _results):
    if name in _results.table:
        return core_results.numeric_column(_results, name)
    column = pd.Series(read_results(_results.folder / "results.csv", [name])[name].to_numpy())
    return np.asarray(pd.to_numeric(column, errors="coerce"), float)[_results.rows]


def cache_name(results: ClassificationResults, column: str) -> str:
    """Name of a column's values in caches: other values have another name, as confidences of folded classes do."""
    folded = "folded/" if results.is_folded else ""
    return f"{results.job_id}/{results.version}/{folded}{column}"


def measure_columns(results: ClassificationResults) -> list[str]:
    """Columns with one number per particle: confidence, sizes of record, our measures, then the instrument's own."""
    derived = [name for name in DERIVED_MEASURES if _has_values(results, name)]
    own = [name for name in ("confidence", *MEASURES) if name in results.columns and name != EDGE]
    own = [name for name in own if is_scaled(results) or not name.endswith(("_um", "_um2"))]
    own[1:1] = derived
    return [*own, *(name for name in results.columns if name.startswith(INSTRUMENT))]


def is_scaled(results: ClassificationResults) -> bool:
    """Whether the pixel size of at least some particles is known."""
    return "um_per_px" in results.table and bool(results.table["um_per_px"].notna().any())


def pixel_sizes(results: ClassificationResults) -> NDArray[np.float64]:
    """µm per pixel of each particle (N,), NaN where unknown."""
    if "um_per_px" not in results.columns:
        return np.full(len(results.table), np.nan)
    return numeric_column(results, "um_per_px")


def size_columns(results: ClassificationResults) -> list[str]:
    """Names of our size columns, that of record first: in µm where the scale is known, otherwise in pixels."""
    unit = "um" if is_scaled(results) else "px"
    stems = ("ecd", "esd", "feret_max", "feret_min")
    record = [name for name in (SIZE, DIAMETER) if _has_values(results, name)]
    return [*record, *(name for stem in stems if (name := f"{stem}_{unit}") in results.columns)]


def _has_values(results: ClassificationResults, name: str) -> bool:
    return name in results.columns and bool(np.isfinite(numeric_column(results, name)).any())


def diameter_columns(results: ClassificationResults) -> list[str]:
    """Names of the columns in µm by which particles can be counted: ours, then the instrument's diameters."""
    instrument = [name for name in core_results.diameter_columns(results.columns) if name.startswith(INSTRUMENT)]
    return [*(name for name in size_columns(results) if is_in_um(name)), *instrument]


def measure_name(name: str) -> str:
    """Name of a column on a screen, with its unit: "ECD (µm)"."""
    if name == "confidence":
        return "Confidence"
    return f"{name.removeprefix(INSTRUMENT)} · instrument" if name.startswith(INSTRUMENT) else measure_label(name)


def runs_of(results: ClassificationResults) -> list[str]:
    """Names of the runs of this classification."""
    return list(results.table["run"].dropna().unique()) if "run" in results.table else []
