"""What a chosen source holds, read without risk to the app: an archive is opened in a process with limited memory."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from svp_core.classification.first_look import FirstLook, look_at_first
from svp_core.execution.bounded import call_bounded
from svp_core.instruments.archive import is_archive
from svp_core.instruments.detect import detect_source
from svp_core.instruments.metadata import Choices, SourceSummary

R = TypeVar("R")


def read_summary(path: Path | str, choices: Choices | None = None) -> SourceSummary:
    """As instruments.detect.detect_source."""
    return _read(detect_source, path, choices)


def read_first(path: Path | str, choices: Choices | None = None, *, keep: int) -> FirstLook:
    """As classification.first_look.look_at_first."""
    return _read(look_at_first, path, choices, keep=keep)


def _read(function: Callable[..., R], path: Path | str, *args: Any, **kwargs: Any) -> R:
    if Path(path).is_file() and is_archive(path):
        return call_bounded(function, path, *args, **kwargs)
    return function(path, *args, **kwargs)
