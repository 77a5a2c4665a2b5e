"""Restore a backup into an empty workspace, and check everything before it is put in place."""

import hashlib
import os
import shutil
import zipfile
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from svp_core.backup.archive_format import DATABASE, FILES, read_manifest
from svp_core.backup.tables import check_copy, insert_rows, open_copy
from svp_core.errors import LabError
from svp_core.instruments.sqlite_guard import DATABASE_NAME
from svp_core.progress import Progress
from svp_core.review.history_file import check_all
from svp_core.review.seal import forget_heads
from svp_core.workspace.paths import workspace_root

BLOCK_BYTES = 1024**2
_RESTORING = ".restoring"  # folder in the workspace, until everything is checked


@dataclass(frozen=True)
class Restored:
    """What was restored and found as it was written."""

    created: str  # of the backup, ISO 8601, UTC
    files: int
    reviews: int
    decisions: int


def restore_backup(path: str | Path) -> Generator[Progress, None, Restored]:
    """Restore a backup into the workspace folder, which must be empty; yields Progress.

    Checked are the size and hash of every file, the database itself, and the hash chain of every review. Only then the
    files are put in place; after an error nothing is left. Raises LabError.
    """
    path, target = Path(path), workspace_root()
    if any(child.name != _RESTORING for child in target.iterdir()):
        raise LabError(
            f"The workspace {target} is not empty; move it away, or set SVP_WORKSPACE to the new folder to restore to."
        )
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile):
        raise LabError(f"{path} cannot be read as a backup; choose a file that svp-lab backup has written.") from None
    with archive:
        manifest, folder = read_manifest(archive), target / _RESTORING
        shutil.rmtree(folder, ignore_errors=True)  # of a process that was killed
        try:
            folder.mkdir()
            restored = yield from _fill(folder, archive, manifest)
            # The database comes last: without it, the lab refuses to open a workspace with reviews.
            for child in sorted(folder.iterdir(), key=lambda child: child.name == DATABASE_NAME):
                child.replace(target / child.name)
        except OSError as error:
            reason = error.strerror or str(error)
            raise LabError(f"The backup could not be restored into {target} ({reason}); free space there.") from None
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    if os.environ.get("SVP_DATABASE_URL"):
        yield Progress(restored.files, restored.files, "Filling the database")
        insert_rows(target / DATABASE_NAME)
        (target / DATABASE_NAME).unlink()
    forget_heads()
    return restored


def _fill(folder: Path, archive: zipfile.ZipFile, manifest: dict[str, Any]) -> Generator[Progress, None, Restored]:
    entries: dict[str, dict[str, Any]] = manifest["entries"]
    for number, (name, facts) in enumerate(entries.items(), 1):
        target = folder / (DATABASE_NAME if name == DATABASE else name.removeprefix(FILES))
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with archive.open(name) as entry, target.open("wb") as file:
                is_whole = _copy(entry, file, facts["bytes"]) == facts["sha256"]
        except (KeyError, zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError):
            is_whole = False
        if not is_whole:
            raise LabError(f"{name} in this backup is not as it was written; nothing was restored, use another backup.")
        if number % 100 == 0:
            yield Progress(number, len(entries), f"{number:,} of {len(entries):,} files")
    yield Progress(len(entries), len(entries), "Checking the database and the decisions")
    if DATABASE not in entries:
        raise LabError("This backup has no database; nothing was restored, use another backup.")
    check_copy(folder / DATABASE_NAME)
    decisions = reviews = 0
    with open_copy(folder / DATABASE_NAME) as db:
        for review, verdict in check_all(db):
            if not verdict.sound:
                raise LabError(
                    f"The review {review} in this backup was altered. {verdict.problem} Nothing was restored."
                )
            reviews, decisions = reviews + 1, decisions + verdict.count
    return Restored(str(manifest["created"]), len(entries) - 1, reviews, decisions)


def _copy(source: Any, target: Any, size: int) -> str:
    """Copy at most `size` bytes; returns their SHA-256, "" where there are more or fewer."""
    digest, left = hashlib.sha256(), size
    while block := source.read(BLOCK_BYTES):
        left -= len(block)
        if left < 0:
            return ""
        digest.update(block)
        target.write(block)
    return digest.hexdigest() if left == 0 else ""
