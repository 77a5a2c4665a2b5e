"""The files of the lab's own database, which only SQLite may open.

On POSIX systems, closing any handle on a file ends every lock that the process holds on it. A reader that looks into
the database of its own process would so take SQLite's locks away; the next process to close it would believe itself
the last and throw away the log with what was saved since.
"""

import os
from contextlib import suppress

_ENDINGS = ("", "-wal", "-shm", "-journal")
_paths = set()


def register_database(path):
    """From now on the database at this path is open in this process."""
    _paths.update(f"{os.path.abspath(path)}{ending}" for ending in _ENDINGS)


def is_own_database(status):
    """True for the os.stat_result of a file that belongs to a database open in this process."""
    for path in _paths:
        with suppress(OSError):
            if os.path.samestat(status, os.stat(path)):
                return True
    return False
