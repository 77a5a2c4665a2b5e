"""Keep readers away from the lab's own database files, which only SQLite may open.

On POSIX systems, closing any handle on a file ends every lock that the process holds on it. A reader that opened the
database of its own process would thereby release SQLite's locks; the next process to close the database would take
itself for the last one and delete the write-ahead log together with everything saved since.
"""

import os
from contextlib import suppress
from pathlib import Path

DATABASE_NAME = "lab.sqlite"  # in every workspace
_ENDINGS = ("", "-wal", "-shm", "-journal")
_paths: set[Path] = set()


def register_database(path: Path | str) -> None:
    """Record that the database at this path is open in this process."""
    path = Path(path).absolute()
    _paths.update(path.with_name(path.name + ending) for ending in _ENDINGS)


def is_workspace(folder: Path) -> bool:
    """Whether a folder is a workspace of SvP Lab: this lab's or another's."""
    return (folder / DATABASE_NAME).is_file()


def is_own_database(status: os.stat_result) -> bool:
    """Whether a file, given by its os.stat_result, belongs to a database open in this process."""
    for path in _paths:
        with suppress(OSError):
            if os.path.samestat(status, path.stat()):
                return True
    return False
