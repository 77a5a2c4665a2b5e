"""The tiles of a classification as a zip archive with a folder a class: what training and other programs read."""

import re
import zipfile

import numpy as np

from svp_core.classification.counted import assign_labels
from svp_core.classification.results import read_results_folder
from svp_core.classification.settings import read_settings
from svp_core.errors import LabError
from svp_core.exports.chosen import positions_among, select_rows
from svp_core.files import atomic_write
from svp_core.images import encode_png

_DAY = (1980, 1, 1, 0, 0, 0)  # of every entry, so that the same tiles give the same archive
_MOST_LETTERS = 80  # of an image's own name in its file's


def export_tiles_by_class(job_folder, path, rows=None, *, settings=None):
    """Write a zip archive of 64 x 64 PNG files: CLASS/ROW_NAME.png, the unsure ones in the folder "unsure".

    rows: positions in results.csv, all where None; those without an image are passed over. settings: as the report
    takes them; its thresholds say what is unsure. ROW is the position in results.csv, from 0. In colour where the
    source is. Raises LabError where there is no tile to write.
    """
    found = read_results_folder(job_folder)
    chosen = read_settings(settings, summary=found.summary, columns=found.columns, class_keys=found.class_keys)
    places = positions_among(select_rows(rows, found.offered), found.rows)
    if not len(places):
        raise LabError("None of the chosen rows has an image; choose particles that could be read.")
    labels, names = assign_labels(found, chosen), found.table["image"].tolist()
    digits = max(6, len(str(found.offered)))

    def write(unfinished):
        # PNG is packed already.
        with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_STORED) as archive:
            for at in places:
                name = f"{labels[at]}/{found.rows[at]:0{digits}d}_{file_name(names[at])}.png"
                archive.writestr(zipfile.ZipInfo(name, _DAY), encode_png(np.ascontiguousarray(found.tiles[at])))

    atomic_write(path, write)


def file_name(image):
    """The last part of an image's name with only what every system allows in a file's name, its ending taken off."""
    last = re.sub(r"\.(png|jpe?g|tiff?|bmp)(?=$|#)", "", image.rpartition("/")[2], flags=re.IGNORECASE)
    return re.sub(r"[^\w.#() -]", "_", last)[:_MOST_LETTERS].strip(" .") or "image"
