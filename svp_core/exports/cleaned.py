"""The labels of a review as they are now, for other programs: a table, tiles in class folders, FlowCam's list."""

import re
import zipfile

import numpy as np

from svp_core.classification.results import read_results_folder
from svp_core.errors import LabError
from svp_core.exports.labels import export_cla
from svp_core.exports.tiles import file_name
from svp_core.files import atomic_write
from svp_core.images import encode_png
from svp_core.review.current_labels import NOT_A_CLASS

_DAY = (1980, 1, 1, 0, 0, 0)  # of every entry, so that the same labels give the same archive


def export_reviewed_csv(review, standing, path):
    """Write a CSV of what Standing.labels() says, a row a particle in the queue's order."""
    table = standing.labels()
    atomic_write(path, lambda unfinished: table.to_csv(unfinished, index=False, lineterminator="\n"))


def export_reviewed_folders(review, standing, path):
    """Write a zip archive of 64 x 64 PNG files, LABEL/PLACE_NAME.png; "unsure" is a folder, what is no particle is not.

    PLACE is the position in the queue, from 0. Raises LabError where there is no image, or none with a label.
    """
    pixels = review.colour if review.colour is not None else review.tiles
    if pixels is None:
        raise LabError("This history came without images; export the folders where the review was begun.")
    labels = [(place, particle, standing.label(particle)) for particle, place in review.positions.items()]
    labels = [row for row in labels if row[2] not in ("", NOT_A_CLASS[1])]
    if not labels:
        raise LabError("No particle has a label yet; give some first.")
    digits = max(6, len(str(len(review.table))))

    def write(unfinished):
        # PNG is packed already.
        with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_STORED) as archive:
            for place, particle, label in labels:
                folder = re.sub(r"[^\w.() -]", "_", label)[:80].strip(" .") or "class"
                name = f"{folder}/{place:0{digits}d}_{file_name(particle)}.png"
                archive.writestr(zipfile.ZipInfo(name, _DAY), encode_png(np.ascontiguousarray(pixels[place])))

    atomic_write(path, write)


def export_reviewed_cla(review, standing, path, *, job_folder, run=None):
    """Write FlowCam's list of classes with these labels. job_folder: of the "classify" job that was reviewed.

    run: as for labels.run_cla, which says what LabError is raised for.
    """
    found = read_results_folder(job_folder)
    labels = [standing.label(name) if name in review.positions else "unsure" for name in found.table["image"]]
    export_cla(job_folder, path, [label or "unsure" for label in labels], run=run)


def reviewed_tiles(review, standing):
    """(tiles, names, labels) of the particles whose label is a class: uint8 (n, 64, 64), texts, class keys."""
    if review.tiles is None:
        raise LabError("This history came without images; make the data set where the review was begun.")
    labels = standing.labels()
    kept = np.flatnonzero(~labels["label"].isin(["", *NOT_A_CLASS]).to_numpy())
    if not len(kept):
        raise LabError("No particle has a label yet; give some first.")
    rows = labels.iloc[kept]
    return review.tiles[kept], rows["particle"].tolist(), rows["label"].tolist()
