"""The folders that a shared server may read by path: SVP_DATA_ROOTS, separated as in PATH.

A link below such a folder may lead anywhere; it is followed only to a place below one of them.
"""

import os
from pathlib import Path

SETTING = "SVP_DATA_ROOTS"


def data_roots() -> list[str] | None:
    """The folders of SVP_DATA_ROOTS; None where it is not set."""
    setting = os.environ.get(SETTING)
    return [root for root in setting.split(os.pathsep) if root] if setting else None


def is_below(path: Path | str, roots: list[str]) -> bool:
    """Whether a path, all its links followed, lies in one of these folders."""
    real = Path(os.path.realpath(path))
    return any(real.is_relative_to(os.path.realpath(root)) for root in roots)


def leads_outside(path: Path) -> bool:
    """Whether a path is a link to a place that this server may not read."""
    roots = data_roots()
    return roots is not None and path.is_symlink() and not is_below(path, roots)
