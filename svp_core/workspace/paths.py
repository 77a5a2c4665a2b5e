"""Locations: the repository, what it ships, and this lab's workspace folder."""

import errno
import os
import shutil
from pathlib import Path
from uuid import uuid4

from svp_core.errors import LabError


def repo_root() -> Path:
    """Folder of this copy of SvP Lab, which holds app.py."""
    return Path(__file__).resolve().parents[2]


def sample_folder() -> Path:
    """Folder of the shipped sample data."""
    return repo_root() / "sample_data"


def workspace_root() -> Path:
    """Folder that holds this lab's work; created if missing.

    Named by SVP_WORKSPACE, by default `workspace` beside app.py. Raises LabError if it cannot be created.
    """
    folder = Path(os.environ.get("SVP_WORKSPACE") or repo_root() / "workspace").expanduser().resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LabError(
            f"The workspace folder {folder} cannot be created ({error.strerror}); "
            "set SVP_WORKSPACE to a folder with write permission."
        ) from None
    return folder


def workspace_folder(*names: str) -> Path:
    """A folder of the workspace; created if missing. Raises LabError where that is not possible."""
    folder = workspace_root().joinpath(*names)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LabError(
            f"The folder {folder} cannot be created ({error.strerror}); give the lab write permission to its workspace."
        ) from None
    return folder


def storage_problem(error: OSError) -> str | None:
    """Why the workspace cannot be written, in a sentence; None for an error that has nothing to do with that."""
    root = workspace_root()
    is_full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    is_refused = error.errno in (errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO)
    is_inside = bool(error.filename) and Path(os.fsdecode(error.filename)).is_relative_to(root)
    if is_full or (is_refused and is_inside):
        remedy = "free space on its disk" if is_full else "give the lab write permission there"
        return f"The workspace {root} cannot be written ({error.strerror}); {remedy} and try again."
    return None


def remove_folder(folder: Path) -> None:
    """Remove a folder of the workspace: it vanishes at once and whole, then its files are deleted.

    Raises LabError where the system does not allow it, for instance while another program has one of its files open.
    """
    removed = workspace_root() / f".removed-{uuid4().hex}"
    try:
        folder.rename(removed)
    except OSError as error:
        reason = error.strerror or str(error)
        raise LabError(f"{folder.name!r} cannot be deleted ({reason}); close programs that use it.") from None
    # What could not be deleted earlier is tried again.
    for leftover in workspace_root().glob(".removed-*"):
        shutil.rmtree(leftover, ignore_errors=True)
