"""Chosen rows of results.csv as they are, with each particle's assigned class after its most likely one."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from svp_core.classification.results import read_results_folder
from svp_core.exports.row_selection import select_rows
from svp_core.exports.spreadsheet_text import plain_cell
from svp_core.exports.workbook import ASSIGNED_COLUMN
from svp_core.files import atomic_write


def export_results_csv(
    job_folder: str | Path, path: str | Path, labels: Sequence[str] | NDArray[np.str_], rows: ArrayLike | None = None
) -> None:
    """Write a CSV of these rows in the order of results.csv, with the column "called" after "label".

    labels: assigned classes of the classified particles (N,), class keys or "unsure", in the order of tiles.npy. rows:
    positions in results.csv, all where None. Texts that begin like a formula get an apostrophe (plain_cell).
    """
    results = read_results_folder(job_folder)
    if len(labels) != len(results.rows):
        raise ValueError(f"{len(results.rows)} classified particles need as many labels; got {len(labels)}")
    assigned = dict(zip(results.rows.tolist(), map(str, labels), strict=True))
    selected = set(select_rows(rows, results.offered).tolist())

    def write(temporary: Path) -> None:
        with (
            (results.folder / "results.csv").open(encoding="utf-8", newline="") as source,
            temporary.open("w", encoding="utf-8", newline="") as file,
        ):
            reader, writer = csv.reader(source), csv.writer(file, lineterminator="\n")
            header = next(reader)
            after_label = header.index("label") + 1
            writer.writerow(map(plain_cell, [*header[:after_label], ASSIGNED_COLUMN, *header[after_label:]]))
            for position, line in enumerate(reader):
                if position in selected:
                    cells = [*line[:after_label], assigned.get(position, ""), *line[after_label:]]
                    writer.writerow(map(plain_cell, cells))

    atomic_write(path, write)
