"""Which files a source consists of, and their fingerprint: the same files give the same one, wherever they lie."""

import hashlib
import os
from pathlib import Path

from svp_core.instruments.archive import is_archive
from svp_core.instruments.detect import run_file_names
from svp_core.instruments.records import is_hidden
from svp_core.instruments.sqlite_guard import is_own_database

UNREADABLE = ""  # in place of the hash of a file that cannot be opened


def hash_inputs(path, choices=None):
    """Yield (name, bytes, sha256 of the content) for every file of a source, in the order of their names.

    An archive is one file, as it lies there; a list stands for all files of its run; hidden files are left out.
    path, choices: as instruments.sources takes them. Raises LabError where there is nothing that could be read.
    """
    path = Path(path)
    if path.is_dir():
        found = _files_below(path)
    elif path.is_file() and is_archive(path):
        found = {path.name: path}
    else:
        found = {name: path.parent / name for name in run_file_names(path, choices)}
    for name in sorted(found):
        yield name, *_size_and_hash(found[name])


def fingerprint(hashed):
    """{"files": how many, "bytes": of all together, "sha256": of their names, sizes and hashes} from hash_inputs.

    The sha256 is that of one line "name, tab, bytes, tab, sha256, line feed" a file, in order, as UTF-8.
    """
    lines = "".join(f"{name}\t{size}\t{digest}\n" for name, size, digest in hashed)
    return {
        "files": len(hashed),
        "bytes": sum(size for _, size, _ in hashed),
        "sha256": hashlib.sha256(lines.encode()).hexdigest(),
    }


def _files_below(folder):
    found = {}
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not is_hidden(name)]
        for name in names:
            path = os.path.join(root, name)
            if not is_hidden(name):
                relative = os.fsencode(os.path.relpath(path, folder)).decode("utf-8", "backslashreplace")
                found[relative.replace(os.sep, "/")] = path
    return found


def _size_and_hash(path):
    try:
        # Not a pipe or device, from which nothing may ever come.
        if not os.path.isfile(path) or is_own_database(os.stat(path)):
            return 0, UNREADABLE
        with open(path, "rb") as file:
            return os.fstat(file.fileno()).st_size, hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return 0, UNREADABLE
