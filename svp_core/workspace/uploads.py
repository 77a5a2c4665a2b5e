"""Files uploaded through the browser: one folder per upload in the workspace, stored long enough to classify again."""

import os
import re
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from svp_core.access.person import REVIEWER, require
from svp_core.errors import LabError
from svp_core.instruments.data_roots import is_below
from svp_core.instruments.records import is_hidden, unique_name
from svp_core.workspace.paths import workspace_folder, workspace_root

MAX_COUNT = 100_000  # files in one upload
MAX_BYTES = 4 * 1024**3  # of all its files together
_JUMP = "clock_jumped"  # file in the folder of uploads: since its time nothing was removed
RETENTION_DAYS = 30  # results have their own tiles; later, only classifying again needs a new upload


class Upload:
    """One upload while its files arrive."""

    def __init__(self) -> None:
        require(REVIEWER, "upload files")
        _remove_expired()
        self.id = uuid4().hex
        self.count = self.bytes = 0
        self._names: set[str] = set()
        workspace_folder("uploads", self.id)

    def write(self, name: str, data: bytes | memoryview) -> None:
        """Write one file. name: as the browser gives it, "folder/sub/p 1.png".

        Hidden and system files are skipped; a second file of the same name gets a number. Raises LabError for too many
        or too large files, and where the file cannot be stored.
        """
        parts = [part for part in re.split(r"[/\\]", name.replace("\0", "")) if part not in ("", ".", "..")]
        safe = "/".join(part.replace(":", "_") if os.name == "nt" else part for part in parts)
        if not safe or is_hidden(safe):
            return
        self.count += 1
        self.bytes += len(data)
        if self.count > MAX_COUNT or self.bytes > MAX_BYTES:
            raise LabError(
                f"The upload has more than {MAX_COUNT:,} files or {MAX_BYTES // 1024**3} GB; put the folder where the "
                "server can read it and enter its path."
            )
        path = _folder(self.id) / unique_name(safe, self._names)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        except OSError as error:
            raise LabError(f"{safe[:80]!r} could not be stored ({error.strerror}); pack the folder as a zip.") from None


def find_upload(upload_id: str | None) -> Path:
    """Path of an upload: its only folder or file, else the folder that holds them. Raises LabError if it is gone."""
    folder = _folder(str(upload_id))
    exists = re.fullmatch("[0-9a-f]{32}", str(upload_id)) and folder.is_dir()
    contents = list(folder.iterdir()) if exists else []
    if not contents:
        raise LabError("This upload is no longer in the workspace, or holds no files; upload it again.")
    return contents[0] if len(contents) == 1 else folder


def server_path(text: str, *, roots: Sequence[str | Path] | None) -> Path:
    """Path of a file or folder on the server, as entered by the user. Raises LabError if it lies outside the roots.

    roots: folders below which everything may be read; None: everywhere.
    """
    if "\0" in text:
        raise LabError("The path holds a character that no path can have (NUL); enter it again.")
    if not text.strip():
        raise LabError("No path was entered; enter one that begins with / or a drive.")
    path = Path(text.strip().strip('"'))
    with suppress(RuntimeError):  # an unknown user: not a full path
        path = path.expanduser()
    if not path.is_absolute():
        raise LabError(f"{text.strip()[:200]!r} is not a full path; enter one that begins with / or a drive.")
    path = Path(os.path.realpath(path))
    try:
        path.exists()
    except OSError as error:  # a name that is too long for the system
        raise LabError(f"{text.strip()[:200]!r} cannot be a path ({error.strerror}); enter it again.") from None
    if roots is not None and not is_below(path, list(map(str, roots))):
        allowed = ", ".join(map(str, roots)) or "none (see SVP_DATA_ROOTS in the README)"
        raise LabError(f"{text.strip()[:200]!r} lies outside the folders that this server may read: {allowed}.")
    return path


def _folder(upload_id: str) -> Path:
    return workspace_root() / "uploads" / upload_id


def _remove_expired() -> None:
    uploads, now, retention_s = workspace_root() / "uploads", time.time(), RETENTION_DAYS * 86_400
    with suppress(OSError):
        if now - uploads.stat().st_mtime > retention_s:
            # The clock was set ahead, or nothing was uploaded for long: what is here may be of today.
            (uploads / _JUMP).touch()
        if 0 <= now - (uploads / _JUMP).stat().st_mtime < retention_s:
            return
        (uploads / _JUMP).unlink(missing_ok=True)
    for folder in uploads.glob("*"):
        if folder.is_dir() and folder.stat().st_mtime < now - retention_s:
            shutil.rmtree(folder, ignore_errors=True)
