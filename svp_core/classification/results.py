"""A finished classification as its job folder holds it: what the report and the exports are made of.

The folder is that of a "classify" job: results.csv, summary.json, tiles.npy and, where the source is in colour,
colour.npy. Nothing in it is changed here.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from svp_core.classification.results_csv import INSTRUMENT, MEASURES, column_names, read_results
from svp_core.errors import LabError
from svp_core.model_files import read_model_folder, weights_sha256
from svp_core.tile_file import read_colour_tiles, read_tiles
from svp_core.workspace.models import find_model

_NAMED = 4  # pixel sizes in one sentence


@dataclass(frozen=True, eq=False)
class ClassificationResults:
    """What was offered, what of it was named, and what the classifier said."""

    folder: Path
    summary: dict  # summary.json
    columns: tuple[str, ...]  # of results.csv
    class_keys: tuple[str, ...]
    table: pd.DataFrame  # a row a named particle, in the order of tiles; the columns that were asked for
    rows: np.ndarray  # int (N,): their positions in results.csv
    probs: np.ndarray  # float32 (N, K)
    rejected: pd.DataFrame  # image, reason; a row an offered item that could not be read
    tiles: np.ndarray  # uint8 (N, 64, 64), or (N, 64, 64, 3) where the source is in colour

    @property
    def offered(self):
        """How many items were offered, unreadable ones included."""
        return len(self.rows) + len(self.rejected)

    @property
    def missing(self):
        """How many items of the source were not reached, because the classification was stopped before."""
        return max(0, sum(run["count"] for run in self.summary.get("runs", [])) - self.offered)


def read_results_folder(folder, columns=()):
    """The Classified of a job folder. columns: names in results.csv to have in .table besides image, run and um_per_px.

    Raises LabError where a file is missing, damaged, or lacks one of the columns.
    """
    folder = Path(folder)
    summary, names = _summary(folder), column_names(folder / "results.csv")
    keys = tuple(name.removeprefix("p_") for name in names if name.startswith("p_"))
    if not keys:
        raise LabError(f"{folder / 'results.csv'} has no probabilities; classify the source again.")
    kept = [name for name in dict.fromkeys(("image", "run", "um_per_px", *columns)) if name in names or name in columns]
    probabilities = [f"p_{key}" for key in keys]
    whole = read_results(folder / "results.csv", list(dict.fromkeys((*kept, *probabilities, "status", "reason"))))
    ok = (whole["status"] == "ok").to_numpy()
    named = whole[ok].reset_index(drop=True)
    colour = (folder / "colour.npy").is_file()
    tiles = read_colour_tiles(folder / "colour.npy") if colour else read_tiles(folder / "tiles.npy")
    if len(tiles) < len(named):
        raise LabError(f"{folder} lacks the tiles of {len(named) - len(tiles):,} particles; classify the source again.")
    return ClassificationResults(
        folder,
        summary,
        tuple(names),
        keys,
        named[kept],
        np.flatnonzero(ok),
        named[probabilities].to_numpy(np.float32),
        whole.loc[~ok, ["image", "reason"]].reset_index(drop=True),
        tiles[: len(named)],
    )


def model_of(summary):
    """Folder of the model that named the particles of this summary.json. Raises LabError where it is gone."""
    folder = Path(summary.get("weights_folder") or "")
    named_by_path = summary.get("weights_folder") and (folder / "config.json").is_file()
    return folder if named_by_path else find_model(summary.get("weights", ""))


def scale_warning(name, config, scales):
    """A sentence where a classifier is put to pixel sizes that it was not trained at; "" elsewhere.

    name, config: of its run. scales: pixel sizes of the particles in µm.
    """
    trained = config.get("classifier", {}).get("um_per_px")
    outside = sorted(scale for scale in scales if trained and not trained[0] <= scale <= trained[1])
    if not outside:
        return ""
    shown = list(dict.fromkeys(f"{scale:.4g}" for scale in outside))
    at = ", ".join(shown) if len(shown) <= _NAMED else f"{shown[0]} and others up to {shown[-1]}"
    return f"{name} was trained at {trained[0]:g} to {trained[1]:g} µm per pixel; at {at} its names are guesses."


def scale_warning_of(found):
    """The scale_warning of a classification by the pixel sizes of its particles; "" where its model is gone."""
    if "um_per_px" not in found.table:
        return ""
    try:
        run = read_model_folder(model_of(found.summary))
        if found.summary.get("weights_sha256") not in (None, weights_sha256(run.folder)):
            return ""  # of other weights by now, whose scales these are not
    except LabError:
        return ""
    return scale_warning(run.name, run.config, found.table["um_per_px"].dropna().unique())


def numeric_column(found, name):
    """Values of one of the asked columns as float (N,); nan where there is none, or no number."""
    return pd.to_numeric(found.table[name], errors="coerce").to_numpy(float)


def diameter_columns(columns):
    """Names among these columns that can serve as a particle's size: ours first, then the instrument's own."""
    ours = [name for stem in ("ecd", "esd", "feret_max", "feret_min") for name in (f"{stem}_um", f"{stem}_px")]
    theirs = [name for name in columns if name.startswith(INSTRUMENT)]
    return [*(name for name in ours if name in columns), *theirs]


def measure_label(name):
    """What a column is called in tables and reports, with its unit: "ECD (µm)"."""
    if name.startswith(INSTRUMENT):
        return f"{name.removeprefix(INSTRUMENT)}, as the instrument gives it"
    measure = MEASURES[name]
    return f"{measure.title} ({measure.unit})" if measure.unit else measure.title


def is_in_um(name):
    """Whether this diameter is a length in µm: ours says so in its name, the instrument's own are taken to be."""
    return name.endswith("_um") or name.startswith(INSTRUMENT)


def _summary(folder):
    try:
        found = json.loads((folder / "summary.json").read_text("utf-8"))
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict):
        raise LabError(
            f"{str(folder)[:200]} is no classification that was kept: its summary.json is missing or damaged; give the "
            "folder of a classify job."
        )
    return found
