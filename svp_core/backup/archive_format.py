"""The file of a backup: a zip, not compressed, with the database, the files of the workspace, and a manifest.

manifest.json names every file with its size and SHA-256; it is the last entry. The database is the entry
database.sqlite, whatever system the lab keeps it in.
"""

import json
import zipfile
from pathlib import PurePosixPath
from typing import Any

from svp_core.errors import LabError

FORMAT = "svp-lab backup 1"
MANIFEST, DATABASE, FILES = "manifest.json", "database.sqlite", "files/"
MAX_MANIFEST_BYTES = 512 * 1024**2  # a file of the workspace takes about 200


def read_manifest(archive: zipfile.ZipFile) -> dict[str, Any]:
    """The manifest of an open backup. Raises LabError for any other file."""
    try:
        entry = archive.getinfo(MANIFEST)
        if entry.file_size > MAX_MANIFEST_BYTES:
            raise ValueError
        manifest = json.loads(archive.read(entry))
        if manifest["format"] == FORMAT and all(map(_is_entry, manifest["entries"].items())):
            return manifest
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError, zipfile.BadZipFile, EOFError):
        pass
    raise LabError("This file is not a complete backup of SvP Lab; choose one that svp-lab backup has written.")


def _is_entry(entry: tuple[str, dict[str, Any]]) -> bool:
    """Whether a line of the manifest names a file that lies inside the folder that it is restored to."""
    name, facts = entry
    parts = PurePosixPath(name).parts
    is_inside = not PurePosixPath(name).is_absolute() and ".." not in parts and not {"\\", "\0", ":"} & set(parts[0])
    is_known = name == DATABASE or (name.startswith(FILES) and len(parts) > 1)
    return is_inside and is_known and type(facts["bytes"]) is int and isinstance(facts["sha256"], str)
