"""A finished classification as the screens work with it: table, tiles, probabilities, read once and kept in memory.

Row k of the table belongs to tile k: both hold the items that could be read, in the order in which they were offered.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from svp_core.classification.results import is_in_um, measure_label, read_results_folder
from svp_core.classification.results_csv import INSTRUMENT, column_names, read_results
from svp_core.display import label_text as label_text
from svp_core.morphology import MEASURES
from svp_core.workspace import jobs

SIZE_TERMS = ("diameter", "ecd", "esd", "feret", "length", "width")  # in names of the instrument's own sizes
EDGE = "touches_edge"


@dataclass(frozen=True, eq=False)
class ResultsView:
    """What one "classify" job has left, so far as screens need it at once; rows, tiles and so on as in svp_core."""

    job_id: str
    folder: Path
    changed: int  # when its table was written
    summary: dict
    class_keys: tuple
    table: pd.DataFrame  # columns image, given, run, touches_edge and um_per_px, so far as there are; a row a tile
    rows: np.ndarray  # int (N,): their positions in results.csv
    probs: np.ndarray  # float32 (N, K)
    measured: dict  # confidence and our measures, so far as there are: column -> float (N,)
    rejected: pd.DataFrame  # image, reason
    tiles: np.ndarray  # uint8 (N, 64, 64), or (N, 64, 64, 3) where the source is in colour
    columns: tuple  # all names in results.csv
    missing: int  # items of the source that were not reached


def summary_of(job_id):
    """summary.json of a job, {} before it is there."""
    path = jobs.job_folder(job_id) / "summary.json"
    return json.loads(path.read_text("utf-8")) if path.is_file() else {}


def load_results(job_id):
    """The Classified of a job that has ended; None where it has left no results. Raises LabError where damaged."""
    table = jobs.job_folder(job_id) / "results.csv"
    if not table.is_file() or not (table.parent / "summary.json").is_file():
        return None
    return _read(job_id, table.stat().st_mtime_ns)


@st.cache_resource(max_entries=4, show_spinner=False)
def _read(job_id, changed):
    folder = jobs.job_folder(job_id)
    names = column_names(folder / "results.csv")
    measured = [name for name in ("confidence", *MEASURES) if name in names and name != EDGE]
    # All at once: the time goes into taking the lines apart, not into how many columns are kept.
    found = read_results_folder(folder, [*(name for name in ("given", EDGE) if name in names), *measured])
    return ResultsView(
        job_id=job_id,
        folder=folder,
        changed=changed,
        summary=found.summary,
        class_keys=found.class_keys,
        table=found.table.drop(columns=measured),
        rows=found.rows,
        probs=found.probs,
        measured={name: _as_float(found.table[name]) for name in measured},
        rejected=found.rejected,
        tiles=found.tiles,
        columns=found.columns,
        missing=found.missing,
    )


def numeric_column(found, name):
    """Values of a column of results.csv, float (N,), a value a tile; nan where there is none or no number."""
    return found.measured[name] if name in found.measured else _numbers(found.job_id, found.changed, name)


def numeric_columns(found, names):
    """Column name -> values, as the functions of svp_core.classification.filters take a table."""
    return {name: numeric_column(found, name) for name in names}


@st.cache_resource(max_entries=100, show_spinner=False)
def _numbers(job_id, changed, name):
    found = _read(job_id, changed)
    return _as_float(read_results(found.folder / "results.csv", [name])[name])[found.rows]


def _as_float(values):
    return pd.to_numeric(values, errors="coerce").to_numpy(float)


def measure_columns(found):
    """Names of the columns that hold a number a particle: confidence, our measures, then the instrument's own."""
    ours = [name for name in found.measured if is_scaled(found) or not name.endswith(("_um", "_um2"))]
    return [*ours, *(name for name in found.columns if name.startswith(INSTRUMENT))]


def is_scaled(found):
    """Whether sizes are known in µm, of some particles at least."""
    return "um_per_px" in found.table and bool(found.table["um_per_px"].notna().any())


def size_columns(found):
    """Names of our columns that are a particle's size, the usual one first: in µm where the scale is known."""
    unit = "um" if is_scaled(found) else "px"
    stems = ("ecd", "esd", "feret_max", "feret_min")
    return [name for stem in stems if (name := f"{stem}_{unit}") in found.columns]


def diameter_columns(found):
    """Names of the columns in µm by which particles can be counted: ours, then those of the instrument's sizes."""
    theirs = [name for name in found.columns if name.startswith(INSTRUMENT)]
    theirs = [name for name in theirs if any(word in name.casefold() for word in SIZE_TERMS) and "raw" not in name]
    return [*(name for name in size_columns(found) if is_in_um(name)), *theirs]


def measure_name(name):
    """What a column is called on a screen, with its unit: "ECD (µm)"."""
    if name == "confidence":
        return "Confidence"
    return f"{name.removeprefix(INSTRUMENT)} · instrument" if name.startswith(INSTRUMENT) else measure_label(name)
