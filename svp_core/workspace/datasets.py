"""Data sets: tiles with a table, stored in the workspace with their provenance.

A data set is a folder: tiles.npy, particles.csv (one row per tile, in the same order), dataset.json. It appears whole
or not at all; afterwards only its name can change.
"""

import errno
import hashlib
import json
import re
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from svp_core.access.person import KEEPER, READER, REVIEWER
from svp_core.errors import LabError
from svp_core.files import atomic_folder, read_json, write_json
from svp_core.tile_file import read_tiles
from svp_core.workspace.changes import DATA_SET, change
from svp_core.workspace.dataset_zip import write_zip
from svp_core.workspace.dependents import Dependent, check_not_in_use, dataset_dependents
from svp_core.workspace.jobs import get, job_folder
from svp_core.workspace.paths import remove_folder, sample_folder, workspace_folder, workspace_root

SAMPLES = "samples"  # id of the shipped data set
MAX_NAME = 60  # characters
ABANDONED_S = 3600  # a folder that is still being filled is changed far more often


@dataclass(frozen=True)
class DataSet:
    """An open data set."""

    meta: dict[
        str, Any
    ]  # id, name, kind, created (ISO 8601, UTC), count, classes (class -> count), content, provenance
    tiles: NDArray[np.uint8]  # (N, 64, 64), memory-mapped, read-only
    table: pd.DataFrame  # N rows; "image" is unique, "class" where it is known


def save_dataset(
    name: str,
    kind: str,
    tiles: NDArray[np.uint8],
    table: pd.DataFrame,
    provenance: Mapping[str, Any],
    *,
    dataset_id: str | None = None,
) -> str:
    """Store tiles with their table; returns the new data set's id.

    name: for display. kind: "synthetic", "sample", ... tiles: uint8 (N, H, W). table: one row per tile, with a unique
    column "image". provenance: JSON-ready; for synthetic tiles the model, seed, sampler and class. dataset_id: reserved
    for it (files.reserve_id); where it exists already, it is kept as it is.
    Raises LabError for an invalid name and for a set without tiles.
    """
    name = check_name(name)
    if len(tiles) != len(table) or not table["image"].is_unique:
        raise ValueError(f"{len(tiles)} tiles need as many rows with unique image names; got {len(table)}")
    if not len(tiles):
        raise LabError(f"There are no images to save as {name!r}; generate or import some first.")
    target = _datasets() / (dataset_id or uuid4().hex[:12])
    if target.is_dir():
        return target.name
    with (
        change(REVIEWER, "create", DATA_SET, target.name, name, kind=kind, tiles=len(tiles)),
        atomic_folder(target) as unfinished,
    ):
        np.save(unfinished / "tiles.npy", np.ascontiguousarray(tiles, np.uint8))
        table.to_csv(unfinished / "particles.csv", index=False, lineterminator="\n")
        _write_meta(unfinished, target.name, name, kind, table, provenance)
    return target.name


def check_name(name: str) -> str:
    """Name for a data set, without surrounding spaces. Raises LabError for an empty or too long one."""
    name = name.strip()
    if not name:
        raise LabError("The data set has no name; give it one.")
    if len(name) > MAX_NAME:
        raise LabError(
            f"The name {f'{name[:30]}…'!r} has {len(name)} characters; a data set's name has 1 to {MAX_NAME}."
        )
    return name


def save_generated(job_id: str, name: str) -> str:
    """Save the finished tiles of a "generate" job as a data set of kind "synthetic"; returns its id.

    Works for a cancelled job too. Raises LabError while no tile is finished.
    """
    job, folder = get(job_id), job_folder(job_id)
    if job.kind != "generate" or not (folder / "manifest.csv").is_file():
        raise LabError("This job has no finished images to save; wait for the first, or start it again.")
    table = pd.read_csv(folder / "manifest.csv")
    provenance = json.loads((folder / "provenance.json").read_text("utf-8"))
    tiles = read_tiles(folder / "tiles.npy") if len(table) else np.zeros((0, 64, 64), np.uint8)
    return save_dataset(name, "synthetic", tiles[: len(table)], table.head(len(tiles)), {**provenance, "job": job_id})


def list_datasets() -> list[dict[str, Any]]:
    """Meta dict of every data set, newest first. Damaged ones are left out; opening them says what is wrong."""
    metas = []
    for folder in _datasets().iterdir():
        with suppress(LabError):
            metas += [_read_meta(folder)] if _is_id(folder.name) else []
    return sorted(metas, key=lambda meta: meta["created"], reverse=True)


def open_dataset(dataset_id: str) -> DataSet:
    """Open the data set with this id. Raises LabError for an unknown or damaged one."""
    folder = _folder(dataset_id)
    meta, tiles = _read_meta(folder), read_tiles(folder / "tiles.npy")
    try:
        table = pd.read_csv(folder / "particles.csv", dtype={"image": str, "class": str})
    except (OSError, ValueError):
        table = pd.DataFrame()
    if len(table) != len(tiles):
        raise LabError(
            f"The data set {meta['name']!r} is damaged: it has {len(tiles)} tiles but {len(table)} rows; save it again."
        )
    return DataSet(meta, tiles, table)


def list_dataset_dependents(dataset_id: str) -> list[Dependent]:
    """Reviews and jobs that name this data set. Raises LabError for an unknown one."""
    return dataset_dependents(_folder(dataset_id).name)


def rename_dataset(dataset_id: str, name: str) -> None:
    """Change the displayed name of a data set; its id stays, so nothing that refers to it changes.

    Raises LabError for an invalid name, for the shipped samples and for an unknown or damaged data set.
    """
    folder, name = _changeable_folder(dataset_id), check_name(name)
    meta = _read_meta(folder)
    with change(KEEPER, "rename", DATA_SET, dataset_id, name, before=meta["name"]):
        write_json(folder / "dataset.json", {**meta, "name": name})
        _drop_exports(dataset_id)  # they hold the former name


def delete_dataset(dataset_id: str) -> None:
    """Delete a data set for good, also a damaged one.

    Reviews and finished jobs hold copies of its tiles and stay as they are. Raises LabError for the shipped samples,
    for an unknown data set, and while a job that needs it is queued, running or paused.
    """
    folder = _changeable_folder(dataset_id)
    try:
        name = _read_meta(folder)["name"]
    except LabError:
        name = dataset_id
    check_not_in_use(name, dataset_dependents(dataset_id))
    with change(KEEPER, "delete", DATA_SET, dataset_id, name):
        remove_folder(folder)
        _drop_exports(dataset_id)


def export_zip(dataset_id: str) -> Path:
    """Path of a zip with the data set's PNG images, one folder per class, manifest.csv and dataset.json.

    It is packed once and stored in the workspace.
    """
    dataset = open_dataset(dataset_id)
    path = _exports() / f"{dataset.meta['id']}-{dataset.meta['content'][:12]}.zip"
    if not path.is_file():
        path.parent.mkdir(exist_ok=True)
        write_zip(path, dataset.tiles, dataset.table, meta=dataset.meta)
    return path


def install_samples() -> str:
    """Copy the shipped sample particles into the workspace as the data set SAMPLES; returns its id.

    Does nothing if they are already there; an older edition is replaced. Raises LabError if this copy of SvP Lab does
    not contain them.
    """
    shipped = sample_folder()
    if not ((shipped / "tiles.npy").is_file() and (shipped / "particles.csv").is_file()):
        raise LabError(f"{shipped} contains no sample particles; build them with: python -m svp_core sample-data")
    installed = _datasets() / SAMPLES
    if installed.is_dir() and _read_meta(installed)["content"] == _content_hash(shipped):
        return SAMPLES
    with change(READER, "create", DATA_SET, SAMPLES, "Sample particles", kind="sample"):
        _copy_samples(shipped, installed)
    return SAMPLES


def _copy_samples(shipped: Path, installed: Path) -> None:
    _remove_abandoned()
    unfinished = _datasets() / f".unfinished-{uuid4().hex}"
    outdated = unfinished.with_name(f"{unfinished.name}-old")
    try:
        unfinished.mkdir()
        for name in ("tiles.npy", "particles.csv"):
            shutil.copyfile(shipped / name, unfinished / name)
        table = pd.read_csv(unfinished / "particles.csv")
        _write_meta(unfinished, SAMPLES, "Sample particles", "sample", table, {"made_by": "simulator"})
        with suppress(FileNotFoundError):
            installed.replace(outdated)
        with suppress(FileExistsError, NotADirectoryError):  # another process installed the same at this moment
            _install(unfinished, installed)
    except OSError as error:
        reason = error.strerror or str(error)
        raise LabError(f"The sample particles cannot be stored in {_datasets()} ({reason}); free the disk.") from None
    finally:
        for folder in (outdated, unfinished):
            shutil.rmtree(folder, ignore_errors=True)


def _install(unfinished: Path, installed: Path) -> None:
    try:
        unfinished.replace(installed)
    except OSError as error:
        if error.errno != errno.ENOTEMPTY:
            raise


def _datasets() -> Path:
    return workspace_folder("datasets")


def _exports() -> Path:
    return workspace_root() / "exports"


def _drop_exports(dataset_id: str) -> None:
    for path in _exports().glob(f"{dataset_id}-*.zip"):
        path.unlink(missing_ok=True)


def _folder(dataset_id: str) -> Path:
    folder = _datasets() / str(dataset_id)
    if not _is_id(str(dataset_id)) or not folder.is_dir():
        raise LabError(f"There is no data set {str(dataset_id)[:40]!r} in this workspace; choose one from the list.")
    return folder


def _changeable_folder(dataset_id: str) -> Path:
    if dataset_id == SAMPLES:
        raise LabError("The sample particles are shipped with SvP Lab; they cannot be renamed or deleted.")
    return _folder(dataset_id)


def _remove_abandoned() -> None:
    """Remove what a process that was killed has left of data sets that never got their name."""
    for folder in _datasets().glob(".unfinished-*"):
        with suppress(OSError):
            if abs(time.time() - folder.stat().st_mtime) > ABANDONED_S:
                shutil.rmtree(folder, ignore_errors=True)


def _is_id(name: str) -> bool:
    return bool(re.fullmatch("[a-z0-9]+", name))


def _content_hash(folder: Path) -> str:
    """SHA-256 of tiles and table together, which identifies the content in any workspace."""
    digest = hashlib.sha256()
    for name in ("tiles.npy", "particles.csv"):
        digest.update((folder / name).read_bytes())
    return digest.hexdigest()


def _write_meta(
    folder: Path, dataset_id: str, name: str, kind: str, table: pd.DataFrame, provenance: Mapping[str, Any]
) -> None:
    classes = table["class"].value_counts(sort=False) if "class" in table else {}
    meta = {
        "id": dataset_id,
        "name": name,
        "kind": kind,
        "created": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "count": len(table),
        "classes": {str(key): int(count) for key, count in classes.items()},
        "content": _content_hash(folder),
        "provenance": provenance,
    }
    write_json(folder / "dataset.json", meta)


def _read_meta(folder: Path) -> dict[str, Any]:
    try:
        return dict(read_json(folder / "dataset.json"))
    except (OSError, ValueError, TypeError):
        raise LabError(f"The data set in {folder} is damaged: its dataset.json cannot be read; delete it.") from None
