"""Finished batches of a classification as Parquet shards: an interrupted job on a cluster goes on behind them.

A shard holds one batch in full: a row's own columns with their types, tiles, shapes and features as bytes. Shards are
written in the order of the source, each whole or not at all, and are removed once the classification is complete.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svp_core.classification.measure import ResultBatch
from svp_core.errors import LabError
from svp_core.files import atomic_write, write_json

FOLDER = "shards"  # in the folder of a job
_KEY = "made_from.json"
_ARRAYS = ("tiles", "colour", "shapes", "features")  # of a ResultBatch: one entry per row with status ok
_ABOUT = b"svp_shard"  # key of the metadata


class Shards:
    """The shards of one job. Those made from something else are removed."""

    def __init__(self, job_folder: Path, made_from: Mapping[str, Any]) -> None:
        """made_from: JSON-ready; all that the results depend on, such as source, model and settings."""
        self._folder = job_folder / FOLDER
        try:
            known = json.loads((self._folder / _KEY).read_text("utf-8"))
        except (OSError, ValueError):
            known = None
        made_from = json.loads(json.dumps(made_from))
        if known != made_from:
            self.remove()
            self._folder.mkdir(parents=True)
            write_json(self._folder / _KEY, made_from)

    def count(self) -> int:
        """Number of finished batches, from the first one on without a gap."""
        finished = 0
        while self._path(finished).is_file():
            finished += 1
        return finished

    def remove(self) -> None:
        """Remove all shards."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def write(self, index: int, batch: ResultBatch, counts: list[int]) -> None:
        """Keep a classified batch. counts: rows per item of the source."""
        import pyarrow as pa
        from pyarrow import parquet

        names = list(dict.fromkeys(name for row in batch.rows for name in row))
        columns = {name: _column(name, [row.get(name) for row in batch.rows]) for name in names}
        arrays = {name: getattr(batch, name) for name in _ARRAYS}
        is_ok = [row["status"] == "ok" for row in batch.rows]
        columns |= {f"array.{name}": _bytes(array, is_ok) for name, array in arrays.items() if array is not None}
        about = {
            "counts": counts,
            "liquid": [[um_per_px, list(liquid)] for um_per_px, liquid in batch.liquid],
            "arrays": {
                name: [array.dtype.str, list(array.shape[1:])] for name, array in arrays.items() if array is not None
            },
        }
        table = pa.table(columns).replace_schema_metadata({_ABOUT: json.dumps(about).encode()})
        atomic_write(self._path(index), lambda new: parquet.write_table(table, new, compression="zstd"))

    def read(self, index: int) -> tuple[ResultBatch, list[int]]:
        """(batch, rows per item) as they were written. Raises LabError where the file is damaged."""
        from pyarrow import ArrowException, parquet

        try:
            table = parquet.read_table(self._path(index))
            about = json.loads((table.schema.metadata or {})[_ABOUT])
        except (OSError, KeyError, ValueError, ArrowException):
            raise LabError(
                f"{self._path(index)} is damaged; remove the folder {FOLDER} of this job and start it again."
            ) from None
        own = [name for name in table.column_names if not name.startswith("array.")]
        arrays = {name: _array(table[f"array.{name}"], *form) for name, form in about["arrays"].items()}
        batch = ResultBatch(
            table.select(own).to_pylist(),
            arrays["tiles"],
            arrays.get("colour"),
            arrays["shapes"],
            [(um_per_px, tuple(liquid)) for um_per_px, liquid in about["liquid"]],
            arrays.get("features"),
        )
        return batch, about["counts"]

    def _path(self, index: int) -> Path:
        return self._folder / f"{index:07d}.parquet"


def digest(value: Any) -> str:
    """SHA-256 of settings that hold arrays: dataclasses, sequences and mappings of arrays, numbers and texts."""
    found = hashlib.sha256()

    def add(part: Any) -> None:
        found.update(type(part).__name__.encode())
        if isinstance(part, np.ndarray):
            found.update(f"{part.dtype.str}{part.shape}".encode() + np.ascontiguousarray(part).tobytes())
        elif is_dataclass(part):
            for item in fields(part):
                add(getattr(part, item.name))
        elif isinstance(part, Mapping):
            for key, entry in part.items():
                add(key)
                add(entry)
        elif isinstance(part, list | tuple):
            for entry in part:
                add(entry)
        else:
            found.update(repr(part).encode())

    add(value)
    return found.hexdigest()


def _column(name: str, values: list[Any]) -> Any:
    import pyarrow as pa

    values = [value.item() if isinstance(value, np.generic) else value for value in values]
    if len(kinds := {type(value) for value in values if value is not None}) > 1:
        raise TypeError(f"{name} holds values of several types, {kinds}, of which a shard would keep one")
    return pa.array(values)


def _bytes(array: NDArray[Any], is_ok: list[bool]) -> Any:
    """The array's entries as bytes, in the rows that are ok."""
    import pyarrow as pa

    entries = iter(array)
    return pa.array([next(entries).tobytes() if ok else None for ok in is_ok], pa.binary())


def _array(column: Any, dtype: str, shape: list[int]) -> NDArray[Any]:
    entries = [entry for entry in column.to_pylist() if entry is not None]
    return np.frombuffer(b"".join(entries), np.dtype(dtype)).reshape(len(entries), *shape)
