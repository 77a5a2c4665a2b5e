"""Data sets: tiles with a table, kept in the workspace with where they come from.

A data set is a folder: tiles.npy, particles.csv (a row a tile, in the same order), dataset.json. It appears whole or
not at all, and does not change afterwards.
"""

import hashlib
import json
import os
import re
import shutil
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import numpy as np
import pandas as pd

from svp_core.errors import LabError
from svp_core.files import atomic_write
from svp_core.tile_file import read_tiles
from svp_core.workspace.jobs import get, job_folder
from svp_core.workspace.paths import sample_folder, workspace_root

SAMPLES = "samples"  # id of the shipped data set
MAX_NAME = 60  # letters


@dataclass(frozen=True)
class DataSet:
    """An open data set."""

    meta: dict  # id, name, kind, created (ISO 8601, UTC), count, classes (class -> how many), provenance
    tiles: np.ndarray  # uint8 (N, 64, 64), memory-mapped, read-only
    table: pd.DataFrame  # N rows; "image" is unique, "class" where it is known


def save_dataset(name, kind, tiles, table, provenance):
    """Keep tiles with their table; returns the new data set's id.

    name: for screens. kind: "synthetic", "sample", ... tiles: uint8 (N, H, W). table: DataFrame with a unique column
    "image", one row a tile. provenance: JSON-ready dict, for synthetic tiles the model run, seed, sampler and class.
    """
    name = unique_name(name)
    if len(tiles) != len(table) or not table["image"].is_unique:
        raise ValueError(f"{len(tiles)} tiles need as many rows with unique image names; got {len(table)}")
    if not len(tiles):
        raise LabError(f"There are no images to keep as {name!r}; make some first.")
    dataset_id = uuid4().hex[:12]
    unfinished = _new_folder()
    np.save(unfinished / "tiles.npy", np.ascontiguousarray(tiles, np.uint8))
    table.to_csv(unfinished / "particles.csv", index=False, lineterminator="\n")
    _write_meta(unfinished, dataset_id, name, kind, table, provenance)
    os.replace(unfinished, _datasets() / dataset_id)
    return dataset_id


def unique_name(name):
    """This name as a data set has it, without blanks around it. Raises LabError for one that none can have."""
    name = name.strip()
    if not name:
        raise LabError("The data set has no name; give it one.")
    if len(name) > MAX_NAME:
        raise LabError(f"{f'{name[:30]}…'!r} cannot name a data set; use 1 to {MAX_NAME} letters.")
    return name


def save_generated(job_id, name):
    """Keep what a "generate" job has finished as a data set of kind "synthetic"; returns its id.

    Works for a cancelled job too. Raises LabError when there is nothing finished yet.
    """
    job, folder = get(job_id), job_folder(job_id)
    if job.kind != "generate" or not (folder / "manifest.csv").is_file():
        raise LabError("This job has made no images to keep; wait for the first, or start it again.")
    table = pd.read_csv(folder / "manifest.csv")
    provenance = json.loads((folder / "provenance.json").read_text("utf-8"))
    tiles = read_tiles(folder / "tiles.npy") if len(table) else np.zeros((0, 64, 64), np.uint8)
    return save_dataset(name, "synthetic", tiles[: len(table)], table[: len(tiles)], {**provenance, "job": job_id})


def list_datasets():
    """The meta dict of every data set, newest first. A damaged one is left out; opening it says what is wrong."""
    metas = []
    for folder in _datasets().iterdir():
        with suppress(LabError):
            metas += [_read_meta(folder)] if _is_id(folder.name) else []
    return sorted(metas, key=lambda meta: meta["created"], reverse=True)


def open_dataset(dataset_id):
    """The DataSet with this id. Raises LabError when there is none, or when it is damaged."""
    folder = _datasets() / str(dataset_id)
    if not _is_id(str(dataset_id)) or not folder.is_dir():
        raise LabError(f"There is no data set {str(dataset_id)[:40]!r} in this workspace; choose one from the list.")
    meta, tiles = _read_meta(folder), read_tiles(folder / "tiles.npy")
    try:
        table = pd.read_csv(folder / "particles.csv", dtype={"image": str, "class": str})
    except (OSError, ValueError):
        table = pd.DataFrame()
    if len(table) != len(tiles):
        raise LabError(
            f"The data set {meta['name']!r} is damaged: {len(tiles)} tiles, {len(table)} rows; save it again."
        )
    return DataSet(meta, tiles, table)


def export_zip(dataset_id):
    """Path of a zip with the data set's PNG images, one folder a class, manifest.csv and dataset.json.

    It is packed once and kept in the workspace.
    """
    found = open_dataset(dataset_id)
    path = workspace_root() / "exports" / f"{found.meta['id']}-{found.meta['content'][:12]}.zip"
    if not path.is_file():
        path.parent.mkdir(exist_ok=True)
        write_zip(path, found.tiles, found.table, meta=found.meta)
    return path


def write_zip(path, tiles, table, *, meta=None):
    """Pack tiles as PNG images, one folder a class, with manifest.csv: the table and a first column "file".

    meta: dict that goes in as dataset.json. The same tiles and table give the same bytes. Returns the path.
    """
    from svp_core.images import encode_png

    classes = table["class"] if "class" in table else [None] * len(table)
    names = _file_names(table["image"], classes)

    def write(temporary: Path) -> None:
        with zipfile.ZipFile(temporary, "w") as archive:
            for name, tile in zip(names, tiles, strict=True):
                # ZipInfo's fixed date, so that packing again gives the same file. PNG is compressed already.
                archive.writestr(zipfile.ZipInfo(name), encode_png(np.asarray(tile)))
            manifest = table.assign(file=names)[["file", *(c for c in table.columns if c != "file")]]
            archive.writestr(zipfile.ZipInfo("manifest.csv"), manifest.to_csv(index=False, lineterminator="\n"))
            if meta:
                archive.writestr(zipfile.ZipInfo("dataset.json"), json.dumps(meta, indent=2) + "\n")

    atomic_write(path, write)
    return Path(path)


def install_samples():
    """Put the shipped sample particles into the workspace as the data set SAMPLES; returns its id.

    Nothing happens when they are there already; an older edition is replaced. Raises LabError when they are not
    shipped with this copy.
    """
    shipped = sample_folder()
    if not ((shipped / "tiles.npy").is_file() and (shipped / "particles.csv").is_file()):
        raise LabError(f"{shipped} holds no sample particles; build them with: python -m svp_core sample-data")
    place = _datasets() / SAMPLES
    if place.is_dir() and _read_meta(place)["content"] == _content(shipped):
        return SAMPLES
    unfinished = _new_folder()
    for name in ("tiles.npy", "particles.csv"):
        shutil.copyfile(shipped / name, unfinished / name)
    table = pd.read_csv(unfinished / "particles.csv")
    _write_meta(unfinished, SAMPLES, "Sample particles", "sample", table, {"made_by": "simulator"})
    old = unfinished.with_name(f"{unfinished.name}-old")
    with suppress(FileNotFoundError):
        os.replace(place, old)
    with suppress(OSError):  # somebody else put the same there this instant
        os.replace(unfinished, place)
    for folder in (old, unfinished):
        shutil.rmtree(folder, ignore_errors=True)
    return SAMPLES


def _datasets():
    folder = workspace_root() / "datasets"
    folder.mkdir(exist_ok=True)
    return folder


def _new_folder():
    # Hidden, so that it is no data set until it gets its name.
    folder = _datasets() / f".unfinished-{uuid4().hex}"
    folder.mkdir()
    return folder


def _is_id(name):
    return bool(re.fullmatch("[a-z0-9]+", name))


def _content(folder):
    """SHA-256 of tiles and table: what the data set is, wherever it lies."""
    found = hashlib.sha256()
    for name in ("tiles.npy", "particles.csv"):
        found.update((folder / name).read_bytes())
    return found.hexdigest()


def _write_meta(folder, dataset_id, name, kind, table, provenance):
    classes = table["class"].value_counts(sort=False) if "class" in table else {}
    meta = {
        "id": dataset_id,
        "name": name,
        "kind": kind,
        "created": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "count": len(table),
        "classes": {str(key): int(count) for key, count in classes.items()},
        "content": _content(folder),
        "provenance": provenance,
    }
    (folder / "dataset.json").write_text(json.dumps(meta, indent=2) + "\n", "utf-8")


def _read_meta(folder):
    try:
        return json.loads((folder / "dataset.json").read_text("utf-8"))
    except (OSError, ValueError):
        raise LabError(f"The data set in {folder} is damaged: its dataset.json; remove that folder.") from None


def _file_names(images, classes):
    """A file name for each image, unique and harmless wherever it is unpacked: "air_bubble/run 1_p2.png"."""
    names, taken = [], set()
    for image, class_key in zip(images, classes, strict=True):
        # Parts of a path become one name; characters that some file system refuses become "_".
        stem = re.sub(r'[\x00-\x1f<>:"/\\|?*#]+', "_", str(image).removesuffix(".png")).strip(". ") or "image"
        folder = f"{class_key}/" if isinstance(class_key, str) and re.fullmatch(r"\w+", class_key) else ""
        name, number = f"{folder}{stem}.png", 1
        while name.casefold() in taken:
            number += 1
            name = f"{folder}{stem} ({number}).png"
        taken.add(name.casefold())
        names.append(name)
    return names
