"""Files: atomic writes, private temporary files, content hashes, arrays from safetensors."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

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
