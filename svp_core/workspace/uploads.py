"""Files that came through the browser: a folder an upload in the workspace, kept long enough to be classified again."""

import os
import re
import shutil
import time
from pathlib import Path
from uuid import uuid4

from svp_core.errors import LabError
from svp_core.instruments.records import is_hidden, unique_name
from svp_core.workspace.paths import workspace_root

MAX_COUNT = 100_000  # files in one upload
MAX_BYTES = 4 * 1024**3  # all its files together
KEPT_DAYS = 30  # results keep their own tiles; after that only classifying anew needs the upload again


class Upload:
    """One upload while its files come in."""

    def __init__(self):
        _drop_old()
        self.id = uuid4().hex
        self.count = self.bytes = 0
        self._taken = set()
        _folder(self.id).mkdir(parents=True)

    def keep(self, name, data):
        """Write one file. name: as the browser gives it, "folder/sub/p 1.png". Raises LabError for too much.

        Hidden files and what systems leave behind are not kept; a second file of one name gets a number.
        """
        parts = [part for part in re.split(r"[/\\]", name.replace("\0", "")) if part not in ("", ".", "..")]
        safe = "/".join(part.replace(":", "_") if os.name == "nt" else part for part in parts)
        if not safe or is_hidden(safe):
            return
        self.count += 1
        self.bytes += len(data)
        if self.count > MAX_COUNT or self.bytes > MAX_BYTES:
            raise LabError(
                f"More than {MAX_COUNT:,} files or {MAX_BYTES // 1024**3} GB were sent; put the folder where the "
                "server can read it and give its path."
            )
        path = _folder(self.id) / unique_name(safe, self._taken)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        except OSError as error:
            raise LabError(f"{safe[:80]!r} could not be stored ({error.strerror}); pack the folder as a zip.") from None


def store_upload(upload_id):
    """Path of what was uploaded: the one folder or file, else the folder around them. Raises LabError when gone."""
    known = re.fullmatch("[0-9a-f]{32}", str(upload_id)) and _folder(upload_id).is_dir()
    inside = list(_folder(upload_id).iterdir()) if known else []
    if not inside:
        raise LabError("This upload is not in the workspace any more, or holds no files; send it again.")
    return inside[0] if len(inside) == 1 else _folder(upload_id)


def server_path(text, *, roots):
    """Path of a file or folder on the server that a person may name. Raises LabError when it lies outside the roots.

    roots: folders below which everything may be read; None: everywhere.
    """
    if not text.strip():
        raise LabError("No path was entered; give one that begins with / or a drive.")
    path = Path(os.path.expanduser(text.strip().strip('"')))
    if not path.is_absolute():
        raise LabError(f"{text.strip()[:200]!r} is no full path; give one that begins with / or a drive.")
    path = Path(os.path.realpath(path))
    if roots is not None and not any(path.is_relative_to(os.path.realpath(root)) for root in roots):
        allowed = ", ".join(map(str, roots)) or "none (see SVP_DATA_ROOTS in the README)"
        raise LabError(f"{text.strip()[:200]!r} lies outside the folders that this server may read: {allowed}.")
    return path


def _folder(upload_id):
    return workspace_root() / "uploads" / upload_id


def _drop_old():
    for folder in (workspace_root() / "uploads").glob("*"):
        if folder.stat().st_mtime < time.time() - KEPT_DAYS * 86_400:
            shutil.rmtree(folder, ignore_errors=True)
