"""Files: atomic writes, private temporary files, content hashes, cached JSON, arrays from safetensors."""

import csv
import hashlib
import json
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from svp_core.errors import LabError


def atomic_write(path: str | Path, write: Callable[[Path], object]) -> None:
    """Write a file whole or not at all: call write(temporary path), then rename the result to `path`.

    An existing file is replaced; readers see either the old or the new content, and concurrent writers do not share
    a temporary file. Raises LabError where the file cannot be written; nothing is left behind then.
    """
    path = Path(path)
    # numpy appends an array's file type where the name lacks it.
    temporary = path.with_name(f".{uuid4().hex}.part{path.suffix}")
    try:
        write(temporary)
        temporary.replace(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise LabError(f"{str(path)[:200]} cannot be written ({reason}); choose another location.") from None
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: str | Path, content: Any) -> None:
    """Write JSON-ready content as an indented JSON file, atomically."""
    data = (json.dumps(content, indent=2) + "\n").encode()
    atomic_write(path, lambda temporary: temporary.write_bytes(data))


def write_csv(path: str | Path, rows: Iterable[Sequence[object]]) -> None:
    """Write rows, the first with the names of the columns, as a CSV file in UTF-8, atomically."""

    def write(temporary: Path) -> None:
        with temporary.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)

    atomic_write(path, write)


def save_array(path: str | Path, array: NDArray[Any]) -> None:
    """Write an array as a .npy file, atomically: whoever has mapped the file before keeps the old content.

    A file that is cut in place kills every process that has mapped it (SIGBUS).
    """

    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:
            np.save(file, array, allow_pickle=False)

    atomic_write(path, write)


@contextmanager
def atomic_folder(target: str | Path) -> Iterator[Path]:
    """A hidden folder to fill, which becomes `target` in one step at the end of the block; it vanishes on an error.

    Its name follows from the target's: what a killed process has left is removed by the next one. Raises LabError where
    the folder or one of its files cannot be written, FileExistsError where the target is there already.
    """
    target = Path(target)
    unfinished = target.with_name(f".unfinished-{target.name}")
    try:
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        yield unfinished
        if target.exists():
            raise FileExistsError(f"{target} exists")
        unfinished.replace(target)
    except FileExistsError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise LabError(f"{str(target)[:200]} cannot be written ({reason}); choose another location.") from None
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def reserve_id(path: str | Path) -> str:
    """The id in this file; a new one is written where there is none.

    A job reserves the id of what it makes before it makes it: killed at any moment and started again, it makes the same
    thing, not a second one.
    """
    path = Path(path)
    try:
        stored = json.loads(path.read_text("utf-8"))["id"]
        if re.fullmatch("[0-9a-f]{12}", stored):
            return stored
    except (OSError, ValueError, KeyError, TypeError):
        pass
    new_id = uuid4().hex[:12]
    write_json(path, {"id": new_id})
    return new_id


def remove_leftovers(folder: str | Path) -> None:
    """Remove temporary files of atomic_write, at any depth, that a killed process has left in its own folder."""
    for path in Path(folder).rglob(".*.part*"):
        if re.fullmatch(r"\.[0-9a-f]{32}\.part.*", path.name):
            path.unlink(missing_ok=True)


def bytes_written_by(write: Callable[[Path], object]) -> bytes:
    """Content of the file that write(path) makes, from a private temporary folder that is removed again.

    Calls at the same time do not see one another's files.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        write(path)
        return path.read_bytes()


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's content, 64 hexadecimal digits; read in blocks. Raises OSError where it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_tensors(path: str | Path) -> tuple[dict[str, str], dict[str, NDArray[Any]]]:
    """(metadata, name -> array) of a safetensors file.

    Raises ValueError where it is damaged, OSError where it cannot be read: the caller knows what would help.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(str(error)) from None


def read_json(path: Path) -> Any:
    """Content of a JSON file, read again only when the file has changed; callers must not change it.

    Raises OSError or ValueError where it cannot be read.
    """
    status = path.stat()
    return _cached_json(path, status.st_mtime_ns, status.st_ino)


@lru_cache(maxsize=2048)
def _cached_json(path: Path, mtime_ns: int, inode: int) -> Any:
    del mtime_ns, inode  # they only tell apart, in the cache, versions of the file
    return json.loads(path.read_text("utf-8"))
