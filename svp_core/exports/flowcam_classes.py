"""Assigned classes as FlowCam's list of classes (.cla), for VisualSpreadsheet; the run's own lists are kept in it."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from svp_core.classification.results import ClassificationResults, read_results_folder
from svp_core.classification.results_csv import INSTRUMENT
from svp_core.display import class_name
from svp_core.errors import LabError
from svp_core.files import atomic_write
from svp_core.images import ImageUnreadable
from svp_core.instruments.flowcam.cla import update_cla
from svp_core.instruments.flowcam.export_columns import ID_COLUMNS
from svp_core.instruments.open_source import open_source
from svp_core.instruments.records import file_stem
from svp_core.instruments.text_tables import normalise_name

_FLOWCAM_KINDS = ("flowcam", "flowcam_library")


def runs_for_cla(summary: Mapping[str, Any]) -> list[str]:
    """Names of the FlowCam runs, for which a .cla can be made. summary: summary.json of the classification."""
    return [run["name"] for run in summary.get("runs", []) if run["kind"] in _FLOWCAM_KINDS]


def export_cla(
    job_folder: str | Path, path: str | Path, labels: Sequence[str] | NDArray[np.object_], *, run: str | None = None
) -> None:
    """Write a .cla with these labels as its classification "SvP Lab", beside those that the run's own .cla holds.

    labels: of the classified particles (N,), class keys or "unsure", in the order of tiles.npy. run: name of the
    FlowCam run; may be omitted where there is a single one. Raises LabError where the source has no FlowCam run, or
    several and none is chosen, or its own .cla can no longer be read.
    """
    results = read_results_folder(job_folder)
    run = _one_run(results.summary, run)
    ids = particle_ids(read_results_folder(job_folder, id_columns(results.columns)))
    if len(labels) != len(ids):
        raise ValueError(f"{len(ids)} classified particles need as many labels; got {len(labels)}")
    labels = np.asarray(labels, object)
    in_run = (results.table["run"] == run).to_numpy() & (ids != "")
    keys = [key for key in (*results.class_keys, *sorted(set(labels) - {*results.class_keys})) if (labels == key).any()]
    members = {class_name(key): ids[in_run & (labels == key)].tolist() for key in keys}
    data = update_cla(_own_cla(results.summary, run), {name: ids for name, ids in members.items() if ids})
    atomic_write(path, lambda temporary: temporary.write_bytes(data))


def _one_run(summary: Mapping[str, Any], run: str | None) -> str:
    names = runs_for_cla(summary)
    if not names:
        raise LabError(
            "This source has no FlowCam run, and .cla is FlowCam's format; export the classes as a workbook instead."
        )
    if run is None and len(names) > 1:
        raise LabError(f"A .cla is for one run, and this source has {len(names)}; choose one of {', '.join(names)}.")
    if run is not None and run not in names:
        raise LabError(f"There is no FlowCam run {run[:80]!r} in this source; choose one of {', '.join(names)}.")
    return run or names[0]


def id_columns(columns: Iterable[str]) -> list[str]:
    """Columns with particle ids: the list's own "id" first, then what exports call it."""
    instrument = [name for name in columns if name.startswith(INSTRUMENT)]
    own_names = {name: name.removeprefix(INSTRUMENT).strip().casefold() for name in instrument}
    exact = [name for name in instrument if name == f"{INSTRUMENT}id"]
    return list(dict.fromkeys([*exact, *(name for key in ID_COLUMNS for name in instrument if own_names[name] == key)]))


def particle_ids(results: ClassificationResults) -> NDArray[np.object_]:
    """Particle ids as FlowCam writes them, object (N,); "" where there is none."""
    ids = np.full(len(results.table), "", object)
    for column in results.table.columns:
        if column.startswith(INSTRUMENT):
            texts = [id_text(value) for value in results.table[column]]
            ids = np.array([old or new for old, new in zip(ids, texts, strict=True)], object)
    return ids


def id_text(value: Any) -> str:
    if value is None or pd.isna(value):
        return ""
    return str(int(value)) if isinstance(value, float) and value == int(value) else str(value).strip()


def _own_cla(summary: Mapping[str, Any], run: str) -> bytes | None:
    """Content of the run's own .cla, None where it has none. Raises LabError where the source is gone."""
    try:
        with open_source(summary["source"]) as (files, _):
            wanted = f"{normalise_name(run)}.cla"
            names = [name for name in files.names if normalise_name(name) == wanted]
            # Runs of the same name differ by their folders.
            names = [name for name in names if name[:-4] == run] or names
            if len(names) > 1:
                raise LabError(
                    f"The run {run} has several lists of classes ({', '.join(names[:5])}); keep only one of them in "
                    "the source."
                )
            return files.read(names[0]) if names else None
    except ImageUnreadable as error:
        raise LabError(f"{file_stem(run)}.cla of this run cannot be read ({error}); restore it from a copy.") from None
    except LabError as error:
        raise LabError(f"The classifications in the run's own .cla cannot be kept: {error}") from None
