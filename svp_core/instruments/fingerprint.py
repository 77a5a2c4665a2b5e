"""Files of a source and their fingerprint: the same files give the same fingerprint, wherever they lie."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from svp_core.instruments.archive import is_archive
from svp_core.instruments.detect import run_file_names
from svp_core.instruments.metadata import Choices
from svp_core.instruments.records import is_hidden
from svp_core.instruments.sqlite_guard import is_own_database

UNREADABLE = ""  # in place of the hash of a file that cannot be opened

HashedFile = tuple[str, int, str]  # name, bytes, sha256 of the content


def hash_inputs(path: Path | str, choices: Choices | None = None) -> Iterator[HashedFile]:
    """Yield (name, bytes, sha256 of the content) for every file of a source, sorted by name.

    An archive is one file, hashed as it is; a list stands for all files of its run; hidden files are excluded.
    path, choices: as detect.detect_source takes them. Raises LabError when the path holds nothing readable.
    """
    path = Path(path)
    if path.is_dir():
        paths = _files_below(path)
    elif path.is_file() and is_archive(path):
        paths = {path.name: path}
    else:
        paths = {name: path.parent / name for name in run_file_names(path, choices)}
    for name in sorted(paths):
        yield name, *_size_and_hash(paths[name])


def fingerprint(hashed: Sequence[HashedFile]) -> dict[str, int | str]:
    """{"files": number, "bytes": total, "sha256": of names, sizes and hashes} from the output of hash_inputs.

    The sha256 covers one line "name, tab, bytes, tab, sha256, line feed" per file, in order, as UTF-8.
    """
    lines = "".join(f"{name}\t{size}\t{digest}\n" for name, size, digest in hashed)
    return {
        "files": len(hashed),
        "bytes": sum(size for _, size, _ in hashed),
        "sha256": hashlib.sha256(lines.encode()).hexdigest(),
    }


def _files_below(folder: Path) -> dict[str, Path]:
    paths = {}
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not is_hidden(name)]
        for name in names:
            if is_hidden(name):
                continue
            path = Path(root, name)
            relative = os.fsencode(os.path.relpath(path, folder)).decode("utf-8", "backslashreplace")
            paths[relative.replace(os.sep, "/")] = path
    return paths


def _size_and_hash(path: Path) -> tuple[int, str]:
    try:
        # Only regular files: reading a pipe or device might never end.
        if not path.is_file() or is_own_database(path.stat()):
            return 0, UNREADABLE
        with path.open("rb") as file:
            return os.fstat(file.fileno()).st_size, hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return 0, UNREADABLE
