"""Tiles of a classification as a zip archive with one folder per class, for training and other programs."""

import json
import re
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from svp_core.classification.counted import assign_labels
from svp_core.classification.settings import SAMPLE_FIELDS, CountSettings, read_with_settings
from svp_core.errors import LabError
from svp_core.exports.row_selection import positions_among, select_rows
from svp_core.files import atomic_write
from svp_core.images import encode_png

SAMPLE_FILE = "sample.json"
FIXED_DATE = (1980, 1, 1, 0, 0, 0)  # of every entry, so that the same tiles give the same archive
_MAX_NAME = 80  # characters of an image's own name in its file's


def export_tiles_by_class(
    job_folder: str | Path,
    path: str | Path,
    rows: ArrayLike | None = None,
    *,
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Write a zip archive of 64 x 64 PNG files: CLASS/ROW_NAME.png, unsure ones in the folder "unsure".

    rows: positions in results.csv, all where None; those without an image are skipped. settings: as for the report;
    its thresholds decide what is unsure, its fold_others which classes share a folder, and its sample, lot and operator
    are written to sample.json where one is given. ROW is the position in results.csv, from 0. In colour where the
    source is. Raises LabError without a tile.
    """
    results, chosen = read_with_settings(job_folder, settings)
    positions = positions_among(select_rows(rows, results.offered), results.rows)
    if not len(positions):
        raise LabError("None of the chosen rows has an image; choose particles that could be read.")
    labels, names = assign_labels(results, chosen), results.table["image"].tolist()
    digits = max(6, len(str(results.offered)))
    entries = (
        (f"{labels[k]}/{results.rows[k]:0{digits}d}_{file_name(names[k])}.png", results.tiles[k]) for k in positions
    )
    atomic_write(path, lambda temporary: write_tiles(temporary, entries, sample=chosen))


def write_tiles(
    path: Path, entries: Iterable[tuple[str, NDArray[np.uint8]]], *, sample: CountSettings | None = None
) -> None:
    """Write a zip archive of tiles as PNG. entries: (name in the archive, tile). sample: for sample.json."""
    # PNG is compressed already.
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, tile in entries:
            archive.writestr(zipfile.ZipInfo(name, FIXED_DATE), encode_png(np.ascontiguousarray(tile)))
        if sample and sample.sample_facts():
            content = {name: getattr(sample, name).strip() for name in SAMPLE_FIELDS}
            text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
            archive.writestr(zipfile.ZipInfo(SAMPLE_FILE, FIXED_DATE), text)


def file_name(image: str) -> str:
    """Last part of an image's name without its extension, with only characters that every file system allows."""
    last = re.sub(r"\.(png|jpe?g|tiff?|bmp)(?=$|#)", "", image.rpartition("/")[2], flags=re.IGNORECASE)
    return re.sub(r"[^\w.#() -]", "_", last)[:_MAX_NAME].strip(" .") or "image"
