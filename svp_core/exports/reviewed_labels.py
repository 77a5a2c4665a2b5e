"""Current labels of a review for other programs: a table, tiles in class folders, FlowCam's list of classes."""

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from svp_core.classification.results import read_results_folder
from svp_core.errors import LabError
from svp_core.exports.flowcam_classes import export_cla
from svp_core.exports.spreadsheet_text import plain_cell
from svp_core.exports.tiles_by_class import file_name, write_tiles
from svp_core.files import atomic_write
from svp_core.review.current_labels import NOT_A_CLASS, CurrentLabels
from svp_core.review.store import Review

UNSURE, NOT_A_PARTICLE = NOT_A_CLASS
_NO_LABELS = "No particle has a label yet; label some first."


def export_reviewed_csv(
    review: Review,  # noqa: ARG001  the exports of a review share one signature
    standing: CurrentLabels,
    path: str | Path,
) -> None:
    """Write CurrentLabels.labels() as a CSV, one row per particle in the queue's order; cells as plain_cell."""
    table = standing.labels()
    texts = [name for name in table if table[name].dtype.kind not in "fiu"]
    table[texts] = table[texts].map(lambda cell: plain_cell(cell) if isinstance(cell, str) else cell)
    atomic_write(path, lambda temporary: table.to_csv(temporary, index=False, lineterminator="\n"))


def export_reviewed_folders(review: Review, standing: CurrentLabels, path: str | Path) -> None:
    """Write a zip archive of 64 x 64 PNG files, LABEL/POSITION_NAME.png, unsure ones in "unsure".

    What is not a particle is left out. POSITION is that in the queue, from 0. Raises LabError where the
    review has no images or no label.
    """
    pixels = review.colour if review.colour is not None else review.tiles
    if pixels is None:
        raise LabError(
            "This review was imported without images; export the folders in the workspace where it was started."
        )
    labels = [(position, particle, standing.label(particle)) for particle, position in review.positions.items()]
    labels = [row for row in labels if row[2] not in ("", NOT_A_PARTICLE)]
    if not labels:
        raise LabError(_NO_LABELS)
    digits = max(6, len(str(len(review.table))))
    entries = (
        (f"{_folder_name(label)}/{position:0{digits}d}_{file_name(particle)}.png", pixels[position])
        for position, particle, label in labels
    )
    atomic_write(path, lambda temporary: write_tiles(temporary, entries))


def export_reviewed_cla(
    review: Review, standing: CurrentLabels, path: str | Path, *, job_folder: str | Path, run: str | None = None
) -> None:
    """Write FlowCam's list of classes with these labels. job_folder: of the reviewed "classify" job.

    run and errors: as for labels.export_cla.
    """
    results = read_results_folder(job_folder)
    labels = [standing.label(name) if name in review.positions else UNSURE for name in results.table["image"]]
    export_cla(job_folder, path, [label or UNSURE for label in labels], run=run)


def reviewed_tiles(review: Review, standing: CurrentLabels) -> tuple[NDArray[np.uint8], list[str], list[str]]:
    """(tiles, names, class keys) of the particles whose label is a class: uint8 (n, 64, 64), texts, texts."""
    if review.tiles is None:
        raise LabError(
            "This review was imported without images; create the data set in the workspace where it was started."
        )
    labels = standing.labels()
    selected = np.flatnonzero(~labels["label"].isin(["", *NOT_A_CLASS]).to_numpy())
    if not len(selected):
        raise LabError(_NO_LABELS)
    rows = labels.iloc[selected]
    return review.tiles[selected], rows["particle"].tolist(), rows["label"].tolist()


def _folder_name(label: str) -> str:
    return re.sub(r"[^\w.() -]", "_", label)[:80].strip(" .") or "class"
