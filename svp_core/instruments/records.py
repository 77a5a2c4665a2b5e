"""What every reader takes and gives: the files of a source, wherever they lie, and one record per particle."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import numpy as np

from svp_core import particles


@dataclass(frozen=True)
class Files:
    """The offered files of one source. Hidden files and litter are already left out."""

    title: str  # of the folder or archive, as the person knows it
    sizes: dict[str, int]  # name -> bytes, in natural order; parts of a name are joined by "/"
    read: Callable[..., bytes]  # (name, limit=None) => its first `limit` bytes or all; raises ImageUnreadable

    @property
    def names(self):
        return tuple(self.sizes)


@dataclass(frozen=True, eq=False)
class ParticleRecord:
    """One particle, or one offered item that could not be read as one."""

    name: str  # unique within the source: relative path, then "#page" or "#particle id"
    source: str  # title of the source it came from
    pixels: np.ndarray | None = None  # uint8 (H, W) or (H, W, 3); None when rejected
    um_per_px: float | None = None  # None where the files do not say
    given: str | None = None  # class key from the nearest folder that is named after a class
    columns: dict = field(default_factory=dict)  # what the instrument wrote, under its own names
    mask: np.ndarray | None = None  # bool (H, W), the instrument's own segmentation
    reason: str = ""  # why it is rejected, in words; empty for a readable particle
    run: str = ""  # name of its RunFacts

    @property
    def rejected(self):
        return bool(self.reason)


def natural_key(name):
    """Sort key by which "p2.png" comes before "p10.png"; capitals do not matter."""
    parts = re.split(r"([0-9]+)", name.casefold())
    # Numbers compare by length, then digits: no limit on how many digits a name may have.
    return [(len(p.lstrip("0")), p.lstrip("0")) if i % 2 else (0, p) for i, p in enumerate(parts)], name


_LITTER = {"thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "$recycle.bin", "system volume information"}


def is_hidden(name):
    """True for files that the operating system leaves behind, or that lie in a hidden folder of the source."""
    return any(part.startswith(".") or part.casefold() in _LITTER for part in name.split("/"))


def given_class(name):
    """Class key of the nearest folder above this item that is named after a class ("oil/run 1/p.png"), or None."""
    for folder in reversed(name.split("/")[:-1]):
        found = particles.class_from_folder(folder)
        if found:
            return found.key
    return None


def unique(name, taken):
    """This name, or "name (2).png", "name (3).png" where it is already in the set `taken`; enters it there."""
    free, number = name, 1
    while free in taken:
        number += 1
        path = PurePosixPath(name)
        free = str(path.with_stem(f"{path.stem} ({number})"))
    taken.add(free)
    return free
