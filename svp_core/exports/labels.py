"""Names given here as FlowCam's list of classes (.cla), which VisualSpreadsheet reads; the run's own is kept in it."""

import numpy as np
import pandas as pd

from svp_core.classification.results import read_results_folder
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

_KINDS = ("flowcam", "flowcam_library")


def runs_for_cla(summary):
    """Names of the runs of which a .cla can be made: FlowCam's. summary: summary.json of the classification."""
    return [facts["name"] for facts in summary.get("runs", []) if facts["kind"] in _KINDS]


def export_cla(job_folder, path, labels, *, run=None):
    """Write a .cla with these labels as its classification "SvP Lab", beside whatever the run's own .cla holds.

    labels: what each named particle is called (N,), class keys or "unsure", in the order of tiles.npy. run: name of the
    FlowCam run; may be left out where there is one only. Raises LabError where the source holds no FlowCam run, several
    and none is named, or its own .cla cannot be read any more.
    """
    found = read_results_folder(job_folder)
    run = _one_run(found.summary, run)
    ids = _ids(read_results_folder(job_folder, _id_columns(found.columns)))
    if len(labels) != len(ids):
        raise ValueError(f"{len(ids)} named particles need as many labels; got {len(labels)}")
    labels = np.asarray(labels, object)
    mine = (found.table["run"] == run).to_numpy() & (ids != "")
    keys = [key for key in (*found.class_keys, *sorted(set(labels) - {*found.class_keys})) if (labels == key).any()]
    given = {class_name(key): ids[mine & (labels == key)].tolist() for key in keys}
    data = update_cla(_own_cla(found.summary, run), {name: own for name, own in given.items() if own})
    atomic_write(path, lambda unfinished: unfinished.write_bytes(data))


def _one_run(summary, run):
    names = runs_for_cla(summary)
    if not names:
        raise LabError(
            "This source holds no FlowCam run, and .cla is FlowCam's format; export the classes as a workbook."
        )
    if run is None and len(names) > 1:
        raise LabError(
            f"A .cla belongs to one run, and this source holds {len(names)}: name one of {', '.join(names)}."
        )
    if run is not None and run not in names:
        raise LabError(f"There is no FlowCam run {str(run)[:80]!r} in this source; name one of {', '.join(names)}.")
    return run or names[0]


def _id_columns(columns):
    """The list's own "id" first, then what exports call it."""
    known = [name for name in columns if name.startswith(INSTRUMENT)]
    spelt = {name: name.removeprefix(INSTRUMENT).strip().casefold() for name in known}
    exact = [name for name in known if name == f"{INSTRUMENT}id"]
    return list(dict.fromkeys([*exact, *(name for key in ID_COLUMNS for name in known if spelt[name] == key)]))


def _ids(found):
    """Particle ids as FlowCam writes them, object (N,); "" where there is none."""
    ids = np.full(len(found.table), "", object)
    for column in found.table.columns:
        if column.startswith(INSTRUMENT):
            told = [_as_id(value) for value in found.table[column]]
            ids = np.array([old or new for old, new in zip(ids, told, strict=True)], object)
    return ids


def _as_id(value):
    if value is None or pd.isna(value):
        return ""
    return str(int(value)) if isinstance(value, float) and value == int(value) else str(value).strip()


def _own_cla(summary, run):
    """Bytes of the run's own .cla, None where it has none. Raises LabError where the source is no longer there."""
    source = summary["source"]
    try:
        with open_source(source) as (files, _):
            last = normalise_name(run)
            found = [name for name in files.names if normalise_name(name) == f"{last}.cla"]
            # Runs of one name are told apart by their folders.
            exact = [name for name in found if name[:-4] == run] or found
            if len(exact) > 1:
                where = ", ".join(exact[:5])
                raise LabError(
                    f"The run {run} has several lists of classes ({where}); leave one of them in the source."
                )
            return files.read(exact[0]) if exact else None
    except ImageUnreadable as error:
        raise LabError(f"{file_stem(run)}.cla of this run cannot be read ({error}); put it back from a copy.") from None
    except LabError as error:
        raise LabError(f"What stands in the run's own .cla cannot be kept: {error}") from None
