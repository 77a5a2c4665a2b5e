"""Chosen rows of results.csv as they stand there, with what each particle is called beside its likeliest class."""

import csv

from svp_core.classification.results import read_results_folder
from svp_core.exports.chosen import select_rows
from svp_core.exports.workbook import ASSIGNED_COLUMN
from svp_core.files import atomic_write


def export_results_csv(job_folder, path, labels, rows=None):
    """Write a CSV of these rows in the order of results.csv, with the column "called" after "label".

    labels: what each named particle is called (N,), class keys or "unsure", in the order of tiles.npy. rows: positions
    in results.csv, all where None.
    """
    found = read_results_folder(job_folder)
    if len(labels) != len(found.rows):
        raise ValueError(f"{len(found.rows)} named particles need as many labels; got {len(labels)}")
    called = dict(zip(found.rows.tolist(), map(str, labels), strict=True))
    wanted = set(select_rows(rows, found.offered).tolist())

    def write(unfinished):
        with (
            open(found.folder / "results.csv", encoding="utf-8", newline="") as source,
            open(unfinished, "w", encoding="utf-8", newline="") as file,
        ):
            lines, written = csv.reader(source), csv.writer(file, lineterminator="\n")
            head = next(lines)
            place = head.index("label") + 1
            written.writerow([*head[:place], ASSIGNED_COLUMN, *head[place:]])
            for position, line in enumerate(lines):
                if position in wanted:
                    written.writerow([*line[:place], called.get(position, ""), *line[place:]])

    atomic_write(path, write)
