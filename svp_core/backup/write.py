"""Write a backup of the workspace while the lab goes on working."""

import hashlib
import json
import os
import re
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from svp_core.backup.archive_format import DATABASE, FILES, FORMAT, MANIFEST
from svp_core.backup.tables import check_copy, copy_database
from svp_core.errors import LabError
from svp_core.files import atomic_write
from svp_core.instruments.sqlite_guard import DATABASE_NAME
from svp_core.progress import Progress
from svp_core.workspace.paths import workspace_root

BLOCK_BYTES = 1024**2
LEFT_OUT = ("exports",)  # folders of the workspace that are made again when they are needed
# What is not finished yet, what is being deleted, and what lies beside the audit trail's key, which may be of a later
# moment than the database: a restored trail or review would look cut off.
_PASSING = re.compile(r"\.(unfinished|removed)-.*|\.restoring|\.[0-9a-f]{32}\.part.*|audit\.key\.(seal|heads)")


def write_backup(path: str | Path, *, uploads: bool = True) -> Iterator[Progress]:
    """Write the whole workspace as one file; yields Progress, and nobody has to stop working.

    The database is copied first, in one moment: every decision that was acknowledged before is in it, and every review
    that it names has its folder in the files, which are written after it. uploads: with uploaded sources. Raises
    LabError where something cannot be read or written.
    """
    path = Path(path)
    root = workspace_root()
    if path.resolve().is_relative_to(root):
        raise LabError(f"{path} lies in the workspace itself; write the backup to another disk.")
    if not path.parent.is_dir():
        raise LabError(f"There is no folder {path.parent}; create it, or choose another one.")
    with TemporaryDirectory(dir=path.parent, prefix=".svp-lab-backup-") as scratch:
        copy = Path(scratch) / DATABASE
        yield Progress(0, None, "Copying the database")
        copy_database(copy)
        check_copy(copy)
        names = [name for name in _names(root) if uploads or not name.startswith("uploads/")]
        packed = Path(scratch) / "backup.zip"
        try:
            yield from _pack(packed, copy, root, names)
        except OSError as error:
            reason = error.strerror or str(error)
            raise LabError(f"The backup could not be written to {path} ({reason}); free space on its disk.") from None
        atomic_write(path, packed.replace)


def _pack(packed: Path, copy: Path, root: Path, names: list[str]) -> Iterator[Progress]:
    entries: dict[str, dict[str, Any]] = {}
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        entries[DATABASE] = _add(archive, copy, DATABASE)
        for number, name in enumerate(names, 1):
            try:
                entries[FILES + name] = _add(archive, root / name, FILES + name)
            except FileNotFoundError:
                continue  # deleted meanwhile
            if number % 100 == 0:
                yield Progress(number, len(names), f"{number:,} of {len(names):,} files")
        manifest = {
            "format": FORMAT,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "entries": entries,
        }
        archive.writestr(MANIFEST, json.dumps(manifest, indent=1) + "\n")
    yield Progress(len(names), len(names), f"{len(entries) - 1:,} files and the database")


def _add(archive: zipfile.ZipFile, path: Path, name: str) -> dict[str, Any]:
    """Add a file as it is at this moment; returns its size and hash as they were written."""
    with path.open("rb") as file:
        digest, size = hashlib.sha256(), 0
        with archive.open(zipfile.ZipInfo(name, datetime.now().timetuple()[:6]), "w", force_zip64=True) as entry:
            while block := file.read(BLOCK_BYTES):
                entry.write(block)
                digest.update(block)
                size += len(block)
    return {"bytes": size, "sha256": digest.hexdigest()}


def _names(root: Path) -> list[str]:
    """Names of the regular files to write, "reviews/…/queue.csv", in order."""
    names = []
    for folder, folders, files in os.walk(root):
        at = Path(folder).relative_to(root)
        folders[:] = sorted(
            name for name in folders if not _PASSING.fullmatch(name) and (at / name).as_posix() not in LEFT_OUT
        )
        for file in sorted(files):
            is_database = at == Path() and file.startswith(DATABASE_NAME)
            if not is_database and not _PASSING.fullmatch(file) and (Path(folder) / file).is_file():
                names.append((at / file).as_posix())
    return names
