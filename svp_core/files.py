"""Files: atomic writes and content hashes."""

import hashlib
import os
from pathlib import Path
from uuid import uuid4

from svp_core.errors import LabError


def atomic_write(path, write):
    """Let write(unfinished path) make a file, then put it at `path`, over what is there.

    Raises LabError where that cannot be written; then nothing is left behind.
    """
    path = Path(path)
    unfinished = path.with_name(f".{uuid4().hex}.part")
    try:
        write(unfinished)
        os.replace(unfinished, path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise LabError(f"{str(path)[:200]} cannot be written ({reason}); choose another place.") from None
    finally:
        unfinished.unlink(missing_ok=True)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's content, 64 hexadecimal digits; read in blocks. Raises OSError where it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
