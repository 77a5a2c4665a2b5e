"""What every reader takes and gives: the files of a source, wherever they lie, its runs, one record per particle."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath

import numpy as np

from svp_core import particle_classes
from svp_core.instruments.metadata import Question, RunFacts
from svp_core.instruments.text_tables import normalise_name


@dataclass(frozen=True)
class SourceFiles:
    """The offered files of one source. Hidden files and litter are already left out."""

    title: str  # of the folder or archive, as the person knows it
    sizes: dict[str, int]  # name -> bytes, in natural order; parts of a name are joined by "/"
    read: Callable[..., bytes]  # (name, limit=None) => its first `limit` bytes or all; raises ImageUnreadable

    @property
    def names(self):
        return tuple(self.sizes)


@dataclass(frozen=True)
class ScannedFiles:
    """The files of a source as the readers of runs look at them."""

    files: SourceFiles
    heads: dict[str, str]  # name -> how the file begins, as text; only of files that are no images

    @cached_property
    def folders(self):
        """Folder ("" at the top) -> {plain_name: name} of the files directly in it."""
        found = {}
        for name in self.files.names:
            found.setdefault(name.rpartition("/")[0], {})[normalise_name(name)] = name
        return found

    def siblings(self, name):
        """{plain_name: name} of the files in the folder of this one."""
        return self.folders[name.rpartition("/")[0]]

    def sibling_finder(self, name):
        """Function (picture as a list names it) -> its name beside the file `name`, or None."""
        beside = self.siblings(name)
        return lambda picture: beside.get(normalise_name(picture))

    def without(self, names):
        """Offered less these files: they belong to a run already."""
        sizes = {name: size for name, size in self.files.sizes.items() if name not in names}
        heads = {name: head for name, head in self.heads.items() if name not in names}
        return ScannedFiles(SourceFiles(self.files.title, sizes, self.files.read), heads)


@dataclass(frozen=True)
class InstrumentRun:
    """A run as its reader found it; nothing of it is kept in memory until it is read."""

    path: str  # name of the file that makes it a run
    facts: RunFacts
    read: Callable  # () => iterator of ParticleRecord, their names not yet unique within the source
    file_names: frozenset[str]  # names of the files that belong to it
    columns: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    questions: tuple[Question, ...] = ()


@dataclass(frozen=True)
class UnreadableRun:
    """What begins like a run but cannot be used as a whole."""

    path: str
    message: str
    file_names: frozenset[str]


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


def class_from_path(name):
    """Class key of the nearest folder above this item that is named after a class ("oil/run 1/p.png"), or None."""
    for folder in reversed(name.split("/")[:-1]):
        found = particle_classes.class_from_folder(folder)
        if found:
            return found.key
    return None


def file_stem(name):
    """The name without folder and ending: "run" for "day 5/run.lst"."""
    last = name.rpartition("/")[2]
    return last[: last.rfind(".")] if last.rfind(".") > 0 else last


def sibling_path(name, other):
    """Name of `other` in the folder of `name`: "day 5/run#3" for "day 5/run.lst" and "run#3"."""
    return name[: len(name) - len(name.rpartition("/")[2])] + other


def unique_name(name, taken):
    """This name, or "name (2).png", "name (3).png" where it is already in the set `taken`; enters it there."""
    free, number = name, 1
    while free in taken:
        number += 1
        path = PurePosixPath(name)
        free = str(path.with_stem(f"{path.stem} ({number})"))
    taken.add(free)
    return free
