"""Types that every reader takes and returns: the files of a source, its runs, and one record per particle."""

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svp_core import particle_classes
from svp_core.decoding.files import ScaleOf
from svp_core.instruments.images.side_images import side_images
from svp_core.instruments.metadata import Question, RunFacts
from svp_core.instruments.split_folders import split_folders
from svp_core.instruments.text_tables import normalise_name


@dataclass(frozen=True)
class SourceFiles:
    """The files of one source, wherever they lie. Hidden and system files are already excluded."""

    title: str  # of the folder or archive, as the user knows it
    sizes: dict[str, int]  # name -> bytes, in natural order; parts of a name are joined by "/"
    read: Callable[..., bytes]  # (name, limit=None) -> its first `limit` bytes or all; raises ImageUnreadable
    # Scale of a group of images of more than 8 bits, as decode_images takes it; None: each file by its own values.
    scale_of: ScaleOf | None = None
    notes: tuple[str, ...] = ()  # sentences on how they were opened that the user should see
    one_each: bool = False  # every page of a TIFF is a particle, whatever the file says of its pages

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the files, in natural order."""
        return tuple(self.sizes)

    @cached_property
    def aside(self) -> dict[str, str]:
        """{name: why it is not a particle} of masks, calibration and background images, as side_images tells them."""
        return side_images(self.names)

    @cached_property
    def splits(self) -> dict[str, str]:
        """{folder: its split} of the folders that split the images, as split_folders tells them."""
        return split_folders(self.names)


@dataclass(frozen=True)
class ScannedFiles:
    """The files of a source with the start of each text, as the readers of runs examine them."""

    files: SourceFiles
    heads: dict[str, str]  # name -> start of the file as text; image files have none

    @cached_property
    def folders(self) -> dict[str, dict[str, str]]:
        """Folder ("" at the top) -> {normalise_name: name} of the files directly in it."""
        folders: dict[str, dict[str, str]] = {}
        for name in self.files.names:
            folders.setdefault(name.rpartition("/")[0], {})[normalise_name(name)] = name
        return folders

    def siblings(self, name: str) -> dict[str, str]:
        """{normalise_name: name} of the files in the same folder as this one, itself included."""
        return self.folders[name.rpartition("/")[0]]

    def sibling_finder(self, name: str) -> Callable[[str], str | None]:
        """Function (image name as a list has it) -> name of that file in the folder of `name`, or None."""
        siblings = self.siblings(name)
        return lambda image: siblings.get(normalise_name(image))

    def without(self, names: Collection[str]) -> "ScannedFiles":
        """The same files except these, which already belong to a run."""
        sizes = {name: size for name, size in self.files.sizes.items() if name not in names}
        heads = {name: head for name, head in self.heads.items() if name not in names}
        return ScannedFiles(replace(self.files, sizes=sizes), heads)


@dataclass(frozen=True, eq=False)
class ParticleRecord:
    """One particle, or one item of the source that could not be read as a particle."""

    name: str  # unique within the source: relative path, then "#page" or "#particle id"
    source: str  # title of the source it came from
    pixels: NDArray[np.uint8] | None = None  # (H, W) or (H, W, 3); None when rejected
    um_per_px: float | None = None  # None when the files do not state it
    given: str | None = None  # given class: key from the instrument or the nearest folder named after a class
    columns: dict[str, Any] = field(default_factory=dict)  # what the instrument wrote, under its own names
    mask: NDArray[np.bool_] | None = None  # (H, W), the instrument's own segmentation
    diameter_um: float | None = None  # the instrument's own equivalent circular diameter; None where it states none
    diameter_from: str = ""  # its column of the files, "Diameter (ABD)"; "" without a diameter
    fringe_px: float | None = None  # what the instrument subtracts from diameters in px; None: nothing, or unknown
    reason: str = ""  # why it is rejected; empty for a readable particle
    caution: str = ""  # of a readable particle: what was changed or left out of its file; the reason in results.csv
    run: str = ""  # name of its RunFacts

    @property
    def rejected(self) -> bool:
        """Whether the item could not be read as a particle."""
        return bool(self.reason)


@dataclass(frozen=True)
class InstrumentRun:
    """A run that a reader has detected; no pixels are in memory until it is read."""

    path: str  # name of the file that makes it a run: its list or table
    facts: RunFacts
    read: Callable[[], Iterator[ParticleRecord]]  # names of the records are not yet unique within the source
    file_names: frozenset[str]  # files that belong to it
    columns: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    questions: tuple[Question, ...] = ()
    cautions: tuple[str, ...] = ()  # sentences about what seems wrong, unlike notes


@dataclass(frozen=True)
class UnreadableRun:
    """A file that starts like a run but cannot be used as a whole."""

    path: str
    message: str  # one sentence: what is wrong and what would work
    file_names: frozenset[str]


DetectedRun = InstrumentRun | UnreadableRun


def natural_key(name: str) -> tuple[list[Any], str]:
    """Sort key that puts "p2.png" before "p10.png"; case does not matter."""
    parts = re.split(r"([0-9]+)", name.casefold())
    # Numbers compare by length, then digits: no limit on how many digits a name may have.
    return [(len(p.lstrip("0")), p.lstrip("0")) if i % 2 else (0, p) for i, p in enumerate(parts)], name


_SYSTEM_FILES = {"thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "$recycle.bin", "system volume information"}


def is_hidden(name: str) -> bool:
    """Whether a file is left by the operating system, or is in a hidden folder of the source."""
    return any(part.startswith(".") or part.casefold() in _SYSTEM_FILES for part in name.split("/"))


def class_from_path(name: str) -> str | None:
    """Class key of the nearest parent folder that is named after a class ("oil/run 1/p.png"), or None."""
    for folder in reversed(name.split("/")[:-1]):
        particle_class = particle_classes.class_from_folder(folder)
        if particle_class:
            return particle_class.key
    return None


def file_stem(name: str) -> str:
    """The name without folder and ending: "run" for "day 5/run.lst"."""
    last = name.rpartition("/")[2]
    return last[: last.rfind(".")] if last.rfind(".") > 0 else last


def sibling_path(name: str, sibling: str) -> str:
    """Path of `sibling` in the folder of `name`: "day 5/run#3" for "day 5/run.lst" and "run#3"."""
    return name[: len(name) - len(name.rpartition("/")[2])] + sibling


def unique_name(name: str, taken: set[str]) -> str:
    """This name, or "name (2).png", "name (3).png" if it is already in the set `taken`; adds the result to the set."""
    free, number = name, 1
    while free in taken:
        number += 1
        path = PurePosixPath(name)
        free = str(path.with_stem(f"{path.stem} ({number})"))
    taken.add(free)
    return free
