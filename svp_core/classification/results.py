"""Read a finished classification from its job folder; report, exports and pages are made from it.

The folder is that of a "classify" job: results.csv, summary.json, tiles.npy and, where the source is in colour,
colour.npy. Nothing in it is changed here.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from svp_core.classification.derived_columns import DIAMETER, NUMBERS, SIZE
from svp_core.classification.results_csv import INSTRUMENT, column_names, read_results
from svp_core.errors import LabError
from svp_core.instruments.located import BORDER_WEIGHT
from svp_core.instruments.own_diameter import is_diameter, same_diameter
from svp_core.model_files import read_model_folder, weights_sha256
from svp_core.tile_file import read_colour_tiles, read_tiles
from svp_core.workspace.models import find_model

NOVELTY_P = "novelty_p"  # column with the p-value by which a particle is marked as unlike all classes
WEIGHT = f"{INSTRUMENT}{BORDER_WEIGHT}"  # column with the particles that one stands for, of particles found in frames
_MAX_CAUTIONS = 4  # texts listed in one sentence
_MAX_SCALES = 4  # pixel sizes listed in one sentence


@dataclass(frozen=True, eq=False)
class ClassificationResults:
    """The classified particles of a source, their probabilities and tiles, and the rejected items."""

    folder: Path
    summary: dict[str, Any]  # summary.json
    columns: tuple[str, ...]  # of results.csv
    class_keys: tuple[str, ...]
    table: pd.DataFrame  # one row per classified particle, in the order of tiles; the requested columns
    rows: NDArray[np.intp]  # (N,): their positions in results.csv
    probs: NDArray[np.float32]  # (N, K)
    rejected: pd.DataFrame  # image, reason; one row per item that could not be read
    tiles: NDArray[np.uint8]  # (N, 64, 64), or (N, 64, 64, 3) where the source is in colour
    version: int  # modification time of results.csv in ns: other results have another version
    stored: "ClassificationResults | None" = None  # as results.csv has them, where these are folded (folded_classes)

    @property
    def as_stored(self) -> "ClassificationResults":
        """The results with the classes of results.csv: these themselves where they are not folded."""
        return self if self.stored is None else self.stored

    @property
    def is_folded(self) -> bool:
        """Whether several classes of results.csv are seen as one."""
        return self.stored is not None

    @property
    def job_id(self) -> str:
        """Id of the classify job: the name of its folder."""
        return self.folder.name

    @property
    def offered(self) -> int:
        """Number of processed items of the source, rejected ones included."""
        return len(self.rows) + len(self.rejected)

    @property
    def missing(self) -> int:
        """Number of items of the source that were not processed because the classification was stopped."""
        return max(0, sum(run["count"] for run in self.summary.get("runs", [])) - self.offered)


def read_heading(folder: str | Path) -> tuple[dict[str, Any], tuple[str, ...], tuple[str, ...]]:
    """(summary.json, columns of results.csv, class keys) of a job folder, without reading its rows.

    Raises LabError where a file is missing or damaged, or results.csv has no probabilities.
    """
    folder = Path(folder)
    summary, names = _read_summary(folder), column_names(folder / "results.csv")
    keys = tuple(name.removeprefix("p_") for name in names if name.startswith("p_"))
    if not keys:
        raise LabError(f"{folder / 'results.csv'} has no probabilities; classify the source again.")
    return summary, tuple(names), keys


def read_results_folder(folder: str | Path, columns: Iterable[str] = ()) -> ClassificationResults:
    """Read the classification of a job folder.

    columns: of results.csv, for .table beside image, run, um_per_px and, where they exist, novelty_p and border weight.

    Raises LabError where a file is missing, damaged, or lacks one of the columns.
    """
    folder = Path(folder)
    version = (folder / "results.csv").stat().st_mtime_ns if (folder / "results.csv").is_file() else 0
    columns, (summary, names, keys) = tuple(columns), read_heading(folder)
    selected = [
        name
        for name in dict.fromkeys(("image", "run", "um_per_px", NOVELTY_P, WEIGHT, *columns))
        if name in names or name in columns
    ]
    probabilities = [f"p_{key}" for key in keys]
    table = read_results(folder / "results.csv", dict.fromkeys((*selected, *probabilities, "status", "reason")))
    ok = (table["status"] == "ok").to_numpy()
    classified = table if ok.all() else pd.DataFrame(table[ok]).reset_index(drop=True)
    in_colour = (folder / "colour.npy").is_file()
    tiles = read_colour_tiles(folder / "colour.npy") if in_colour else read_tiles(folder / "tiles.npy")
    if len(tiles) < len(classified):
        raise LabError(
            f"{folder} lacks the tiles of {len(classified) - len(tiles):,} particles; classify the source again."
        )
    return ClassificationResults(
        folder,
        summary,
        names,
        keys,
        pd.DataFrame(classified[selected]),
        np.flatnonzero(ok),
        np.asarray(classified[probabilities], np.float32),
        pd.DataFrame(table.loc[~ok, ["image", "reason"]]).reset_index(drop=True),
        tiles[: len(classified)],
        version,
    )


def model_of(summary: Mapping[str, Any]) -> Path:
    """Folder of the model that made the classification of this summary.json. Raises LabError where it is gone."""
    folder = Path(summary.get("weights_folder") or "")
    has_folder = summary.get("weights_folder") and (folder / "config.json").is_file()
    return folder if has_folder else find_model(summary.get("weights", ""))


def notes_of(summary: Mapping[str, Any]) -> list[str]:
    """Sentences about the source of this summary.json, and about what was removed from its images or left out."""
    notes, cautions = list(summary.get("notes", [])), summary.get("cautions", {})
    if cautions:
        most = sorted(cautions.items(), key=lambda item: -item[1])
        told = "; ".join(f"{text} ({count:,})" for text, count in most[:_MAX_CAUTIONS])
        more = f"; and {len(most) - _MAX_CAUTIONS:,} other texts" if len(most) > _MAX_CAUTIONS else ""
        notes.append(
            f"In {sum(cautions.values()):,} images something was removed or left out: {told}{more}. The column reason "
            "of results.csv says which."
        )
    return notes


def scale_warning(name: str, config: Mapping[str, Any], scales: Iterable[float]) -> str:
    """Warning that a classifier is used at pixel sizes it was not trained at; "" where it is not.

    name, config: of the model folder. scales: pixel sizes of the particles in µm.
    """
    trained = config.get("classifier", {}).get("um_per_px")
    outside = sorted(scale for scale in scales if trained and not trained[0] <= scale <= trained[1])
    if not outside:
        return ""
    shown = list(dict.fromkeys(f"{scale:.4g}" for scale in outside))
    listed = ", ".join(shown) if len(shown) <= _MAX_SCALES else f"{shown[0]} and others up to {shown[-1]}"
    return (
        f"{name} was trained at {trained[0]:g} to {trained[1]:g} µm per pixel; at {listed} µm its classes are "
        "unreliable."
    )


def scale_warning_of(results: ClassificationResults) -> str:
    """scale_warning() of a classification, from the pixel sizes of its particles; "" where its model is gone."""
    if "um_per_px" not in results.table:
        return ""
    try:
        model = read_model_folder(model_of(results.summary))
        if results.summary.get("weights_sha256") not in (None, weights_sha256(model.folder)):
            return ""  # its weights have changed since, so its config does not apply
    except LabError:
        return ""
    return scale_warning(model.name, model.config, results.table["um_per_px"].dropna().unique())


def numeric_column(results: ClassificationResults, name: str) -> NDArray[np.float64]:
    """Values of a column of .table as float (N,); NaN where empty or not a number."""
    return pd.Series(pd.to_numeric(results.table[name], errors="coerce")).to_numpy(float)


def border_weights(results: ClassificationResults) -> NDArray[np.float64] | None:
    """Particles of the volume that each one stands for, float (N,), 1 or more; None where all of them are counted.

    Of particles found in frames, those that the border cuts are not counted. A particle without a weight has 1.
    """
    if WEIGHT not in results.table:
        return None
    return np.maximum(np.nan_to_num(numeric_column(results, WEIGHT), nan=1.0), 1.0)


def diameter_columns(columns: Iterable[str]) -> list[str]:
    """Those of these columns that are diameters of a particle: ours first, then the instrument's own, each once."""
    columns = list(columns)
    stems = ("ecd", "esd", "feret_max", "feret_min")
    own = [SIZE, DIAMETER, *(name for stem in stems for name in (f"{stem}_um", f"{stem}_px"))]
    # A list and an export of one run hold the same diameter under two names: the export's comes first.
    instrument: dict[str, str] = {}
    for name in filter(is_instrument_diameter, columns):
        instrument.setdefault(same_diameter(name.removeprefix(INSTRUMENT)), name)
    return [*(name for name in own if name in columns), *instrument.values()]


def is_instrument_diameter(name: str) -> bool:
    """Whether this column of results.csv is a diameter that the instrument states."""
    return name.startswith(INSTRUMENT) and is_diameter(name.removeprefix(INSTRUMENT))


def measure_label(name: str) -> str:
    """Label of a column in tables and reports, with its unit: "ECD (µm)"."""
    if name.startswith(INSTRUMENT):
        return f"{name.removeprefix(INSTRUMENT)}, from the instrument"
    measure = NUMBERS[name]
    return f"{measure.title} ({measure.unit})" if measure.unit else measure.title


def is_in_um(name: str) -> bool:
    """Whether this diameter is a length in µm: by the names of our columns; the instrument's are assumed to be."""
    return name.endswith("_um") or name.startswith(INSTRUMENT)


def _read_summary(folder: Path) -> dict[str, Any]:
    try:
        summary = json.loads((folder / "summary.json").read_text("utf-8"))
    except (OSError, ValueError):
        summary = None
    if not isinstance(summary, dict):
        raise LabError(
            f"{str(folder)[:200]} is not a stored classification: its summary.json is missing or damaged; give the "
            "folder of a classify job."
        )
    return summary
