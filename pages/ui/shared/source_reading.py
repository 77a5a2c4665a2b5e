"""What a chosen source holds, read without risk to the app: what may burst is read in a process with limited memory.

These are archives, folders with archives in them, large files, images and folders; the rest is read here, at once.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import ParamSpec, TypeVar

from svp_core.classification.first_look import FirstLook, look_at_first
from svp_core.execution.bounded import call_bounded
from svp_core.images import LargeImage, refusing_large
from svp_core.instruments.archive import is_archive, is_archive_name
from svp_core.instruments.detect import detect_source
from svp_core.instruments.metadata import Choices, SourceSummary

LARGE_BYTES = 64 * 1024**2  # of one file: more than any image or table known, but stacks
LARGE_FOLDER = 50_000  # files

P = ParamSpec("P")
R = TypeVar("R")


def read_summary(path: Path | str, choices: Choices | None = None) -> SourceSummary:
    """As instruments.detect.detect_source."""
    return read_apart(path, detect_source, path, choices)


def read_first(path: Path | str, choices: Choices | None = None, *, keep: int) -> FirstLook:
    """As classification.first_look.look_at_first."""
    return read_apart(path, look_at_first, path, choices, keep=keep)


def read_apart(path: Path | str, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """function(*args, **kwargs), which reads the source at this path; in a process of its own where that may be large.

    What the function takes and gives must be picklable, and the module that has it import what it needs.
    """
    if not _may_be_large(Path(path)):
        with suppress(LargeImage), refusing_large():
            return function(*args, **kwargs)
    return call_bounded(function, *args, **kwargs)


def _may_be_large(path: Path) -> bool:
    if path.is_file():
        return path.stat().st_size > LARGE_BYTES or is_archive(path)
    files = (Path(folder, name) for folder, _, names in os.walk(path) for name in names)
    return any(
        count > LARGE_FOLDER or is_archive_name(file.name) or _size(file) > LARGE_BYTES
        for count, file in enumerate(files, 1)
    )


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0
