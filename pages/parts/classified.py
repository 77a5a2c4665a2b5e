"""A finished classification as the screens work with it: table, tiles, probabilities, read once and kept in memory.

Row k of the table belongs to tile k: both hold the items that could be read, in the order in which they were offered.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from pages.parts.words import class_name
from svp_core.counts import UNSURE
from svp_core.errors import LabError
from svp_core.morphology import MEASURES
from svp_core.results import INSTRUMENT, column_names, read_results
from svp_core.workspace import jobs
from svp_core.workspace.tilefile import read_tiles

_KEPT = ("image", "given", "run", "touches_edge", "um_per_px")


@dataclass(frozen=True, eq=False)
class Classified:
    """What one "classify" job has left, so far as screens need it at once."""

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
    tiles: np.ndarray  # uint8 (N, 64, 64)
    colour: np.ndarray | None  # uint8 (N, 64, 64, 3) where the source is in colour
    columns: tuple  # all names in results.csv

    @property
    def pictures(self):
        """The tiles to look at: in colour where there are such."""
        return self.tiles if self.colour is None else self.colour


def summary_of(job_id):
    """summary.json of a job, {} before it is there."""
    path = jobs.job_folder(job_id) / "summary.json"
    return json.loads(path.read_text("utf-8")) if path.is_file() else {}


def classified(job_id):
    """The Classified of a job that has ended; None where it has left no results."""
    table = jobs.job_folder(job_id) / "results.csv"
    if not table.is_file() or not (table.parent / "summary.json").is_file():
        return None
    return _read(job_id, table.stat().st_mtime_ns)


@st.cache_resource(max_entries=4, show_spinner=False)
def _read(job_id, changed):
    folder = jobs.job_folder(job_id)
    names = tuple(column_names(folder / "results.csv"))
    keys = tuple(name.removeprefix("p_") for name in names if name.startswith("p_"))
    kept = [name for name in _KEPT if name in names]
    measured = [name for name in ("confidence", *MEASURES) if name in names and name != "touches_edge"]
    # Read once: the time goes into taking the lines apart, not into how many columns are kept.
    wanted = [*kept, *measured, *(f"p_{key}" for key in keys), "status", "reason"]
    whole = read_results(folder / "results.csv", wanted)
    ok = (whole["status"] == "ok").to_numpy()
    named = whole[ok].reset_index(drop=True)
    tiles, colour = read_tiles(folder / "tiles.npy"), None
    if (folder / "colour.npy").is_file():
        colour = np.load(folder / "colour.npy", mmap_mode="r", allow_pickle=False)
    if len(tiles) < len(named):
        raise LabError(f"The tiles of {len(named) - len(tiles):,} particles are missing; classify this source again.")
    return Classified(
        job_id=job_id, folder=folder, changed=changed, summary=summary_of(job_id), class_keys=keys,
        table=named[kept], rows=np.flatnonzero(ok), measured={name: _as_float(named[name]) for name in measured},
        probs=named[[f"p_{key}" for key in keys]].to_numpy(np.float32),
        rejected=whole.loc[~ok, ["image", "reason"]].reset_index(drop=True), tiles=tiles, colour=colour, columns=names,
    )  # fmt: skip


def numbers(found, name):
    """Values of a column of results.csv, float (N,), a value a tile; nan where there is none or no number."""
    return found.measured[name] if name in found.measured else _numbers(found.job_id, found.changed, name)


def numbers_of(found, names):
    """Column name -> values, as the functions of svp_core.filters take a table."""
    return {name: numbers(found, name) for name in names}


@st.cache_resource(max_entries=100, show_spinner=False)
def _numbers(job_id, changed, name):
    found = _read(job_id, changed)
    return _as_float(read_results(found.folder / "results.csv", [name])[name])[found.rows]


def _as_float(values):
    return pd.to_numeric(values, errors="coerce").to_numpy(float)


def measures_of(found):
    """Names of the columns that hold a number a particle: confidence, our measures, then the instrument's own."""
    ours = [name for name in MEASURES if name in found.columns and name != "touches_edge"]
    if not scaled(found):
        ours = [name for name in ours if not _in_um(name)]
    return ["confidence", *ours, *(name for name in found.columns if name.startswith(INSTRUMENT))]


def scaled(found):
    """Whether sizes are known in µm, of some particles at least."""
    return bool(found.table["um_per_px"].notna().any())


def sizes_of(found):
    """Names of the columns that can serve as a particle's size, the usual one first: in µm where the scale is known."""
    stems = ("ecd", "esd", "feret_max", "feret_min")
    unit = "um" if scaled(found) else "px"
    return [name for stem in stems if (name := f"{stem}_{unit}") in found.columns]


def measure_name(name):
    """What a column is called on a screen, with its unit: "ECD (µm)"."""
    if name == "confidence":
        return "Confidence"
    if name.startswith(INSTRUMENT):
        return f"{name.removeprefix(INSTRUMENT)} (instrument)"
    measure = MEASURES[name]
    return f"{measure.words} ({measure.unit})" if measure.unit else measure.words


def label_name(label):
    """A class as the lab says it, and "Unsure"."""
    return "Unsure" if label == UNSURE else class_name(label)


def _in_um(name):
    return name.endswith(("_um", "_um2"))
