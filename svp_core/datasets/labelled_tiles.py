"""Labelled tiles from folders with one sub-folder per class, sources of one class, data sets or classifications."""

from collections.abc import Collection, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from svp_core.classification.results_csv import read_results
from svp_core.errors import LabError
from svp_core.images import TILE_PX, to_tile
from svp_core.instruments.detect import read_particles
from svp_core.instruments.split_folders import SPLIT, class_folders, split_folders, split_from_path
from svp_core.particle_classes import is_valid_key, key_from_name, sort_keys
from svp_core.progress import Progress, run_to_end
from svp_core.tile_file import read_tiles

if TYPE_CHECKING:
    from svp_core.workspace.datasets import DataSet

PROGRESS_EVERY = 200  # items between two progress events


@dataclass(frozen=True)
class LabelledTiles:
    """Tiles with their classes."""

    tiles: NDArray[np.uint8]  # (N, 64, 64)
    labels: NDArray[np.int64]  # (N,), positions in class_keys
    class_keys: tuple[str, ...]
    names: tuple[str, ...]  # of the N tiles, as in the source
    left_out: tuple[tuple[str, str], ...]  # (name, reason) of every item of the source that is not among them
    # Of the N tiles: "train", "validation", "test", or "" where the source does not say; empty if it splits none.
    splits: tuple[str, ...] = ()

    def counts(self) -> dict[str, int]:
        """Number of tiles by class key."""
        return {key: int((self.labels == label).sum()) for label, key in enumerate(self.class_keys)}

    def only(self, class_keys: Collection[str]) -> "LabelledTiles":
        """The tiles of these classes; the others are left out. Raises LabError for a class without tiles."""
        unknown = set(class_keys) - set(self.class_keys)
        if unknown or not class_keys:
            available = ", ".join(self.class_keys)
            raise LabError(
                f"There are no images of {', '.join(sorted(unknown)) or 'no class'}; choose from {available}."
                if unknown
                else f"No class is chosen; choose from {available}."
            )
        keys = [self.class_keys[label] for label in self.labels]
        dropped = [
            (name, "its class was not chosen")
            for name, key in zip(self.names, keys, strict=True)
            if key not in class_keys
        ]
        selected = [position for position, key in enumerate(keys) if key in class_keys]
        return _labelled_tiles(self.tiles, keys, self.names, selected, [*self.left_out, *dropped], self.splits)

    def of_split(self, *splits: str) -> "LabelledTiles | None":
        """The tiles of these splits of the source, None where there are none; the others count as left out."""
        selected = [position for position, split in enumerate(self.splits) if split in splits]
        if not selected:
            return None
        keys = [self.class_keys[label] for label in self.labels]
        dropped = [
            (name, f"it is in the split {split or 'of no name'!r}")
            for name, split in zip(self.names, self.splits, strict=True)
            if split not in splits
        ]
        return _labelled_tiles(self.tiles, keys, self.names, selected, [*self.left_out, *dropped], self.splits)


def read_labelled(path: str | Path, *, class_name: str | None = None) -> LabelledTiles:
    """Labelled tiles of a source, as for read_labelled_steps(). Raises LabError for a class with a single image."""
    data = run_to_end(read_labelled_steps(path, class_name=class_name))
    for key, count in data.counts().items():
        if count < 2:
            raise LabError(f"Class {key} has a single image; at least two per class are needed.")
    return data


def read_labelled_steps(
    path: str | Path, *, class_name: str | None = None, choices: Mapping[str, str] | None = None
) -> Generator[Progress, Any, LabelledTiles]:
    """Read the labelled tiles of a source of any kind that instruments.detect reads; yields Progress.

    An image's class is the nearest folder named like one of the product's classes, otherwise the first folder below
    those that all images share: a folder "Fat droplets" makes the class fat_droplets. Folders named train, validation,
    test or fold 1 above or below the classes are the splits of the data, not classes. class_name: all images are of
    this class, whatever their folders are called. choices: as for instruments.detect. Classes are in the product's
    order, a lab's own ones last.
    Raises LabError where no image has a class.
    """
    class_key = _key_of(class_name) if class_name else None
    tiles, given, names, left_out = [], [], [], []
    for count, record in enumerate(read_particles(path, choices), 1):
        if record.pixels is None or record.rejected:
            left_out.append((record.name, record.reason))
        else:
            tiles.append(to_tile(record.pixels))
            given.append(class_key or record.given)
            names.append(record.name)
        if count % PROGRESS_EVERY == 0:
            yield Progress(count, None, f"{count:,} images read")
    keys = _with_folder_names(given, names)
    left_out += [
        (name, "it is not in a folder named after a class") for name, key in zip(names, keys, strict=True) if not key
    ]
    if left_out and not tiles:
        folder, count, (first, reason) = Path(path).name, len(left_out), left_out[0]
        if count == 1:
            raise LabError(f"The only item in {folder}, {first}, could not be read as an image: {reason}.")
        raise LabError(
            f"None of the {count:,} items in {folder} could be read as an image; the first is {first}: {reason}."
        )
    selected = [position for position, key in enumerate(keys) if key]
    if not selected:
        raise LabError(
            f"{Path(path).name} contains no labelled images; sort them into sub-folders named after their class, or "
            "name the one class of all images."
        )
    folders = split_folders(names)
    splits = [split_from_path(name, folders) for name in names]
    return _labelled_tiles(tiles, keys, names, selected, left_out, splits)


def from_dataset(dataset: "DataSet") -> LabelledTiles:
    """Labelled tiles of an open data set of the workspace; names begin with the data set's id.

    Raises LabError where its tiles have no classes, or another size.
    """
    title, table = f"The data set {dataset.meta['name']!r}", dataset.table
    classes = _texts(table["class"]) if "class" in table else []
    if not any(classes):
        raise LabError(f"{title} has no classes; choose one with classes.")
    if dataset.tiles.shape[1:] != (TILE_PX, TILE_PX):
        height, width = dataset.tiles.shape[1:]
        raise LabError(
            f"{title} has tiles of {height} x {width} px; tiles of {TILE_PX} x {TILE_PX} px are needed for training."
        )
    keys = [key if is_valid_key(key) else "" for key in classes]
    names = [f"{dataset.meta['id']}/{name}" for name in table["image"]]
    selected = [position for position, key in enumerate(keys) if key]
    left_out = [(name, "it has no class") for name, key in zip(names, keys, strict=True) if not key]
    splits = _texts(table[SPLIT]) if SPLIT in table else ()
    return _labelled_tiles(dataset.tiles, keys, names, selected, left_out, splits)


def from_results(folder: str | Path) -> LabelledTiles:
    """Labelled tiles of a classification (results.csv, tiles.npy): the source's labels, else the classifier's.

    Where particles come from several runs, names begin with the run. Raises LabError without classified particles.
    """
    folder = Path(folder)
    table = read_results(folder / "results.csv", ["image", "label", "given", "run", "status", "reason"])
    ok = (table["status"] == "ok").to_numpy()
    classified = pd.DataFrame(table[ok]).reset_index(drop=True)
    tiles = read_tiles(folder / "tiles.npy")[: len(classified)]
    classified = classified[: len(tiles)]
    runs = _texts(classified["run"])
    several = len(set(runs)) > 1
    names = [f"{run}/{name}" if several else name for run, name in zip(runs, _texts(classified["image"]), strict=True)]
    given, assigned = (_texts(classified[name]) for name in ("given", "label"))
    keys = given if any(given) else assigned
    selected = [position for position, key in enumerate(keys) if key]
    if not selected:
        raise LabError(f"The classification {folder} has no classified particles; choose another one.")
    rejected = pd.DataFrame(table[~ok])
    left_out = list(zip(_texts(rejected["image"]), _texts(rejected["reason"]), strict=True))
    left_out += [(name, "it has no label") for name, key in zip(names, keys, strict=True) if not key]
    return _labelled_tiles(tiles, keys, names, selected, left_out)


def join_labelled(parts: Sequence[LabelledTiles]) -> LabelledTiles:
    """Several LabelledTiles as one."""
    if len(parts) == 1:
        return parts[0]
    return _labelled_tiles(
        np.concatenate([part.tiles for part in parts]),
        [part.class_keys[label] for part in parts for label in part.labels],
        [name for part in parts for name in part.names],
        None,
        [item for part in parts for item in part.left_out],
        [split for part in parts for split in part.splits or [""] * len(part.tiles)],
    )


def take(data: LabelledTiles, rows: ArrayLike) -> LabelledTiles:
    """The tiles at these positions, int (K,), with the classes that are left; nothing is added to left_out."""
    positions = np.asarray(rows, int).tolist()
    keys = [data.class_keys[label] for label in data.labels]
    return _labelled_tiles(data.tiles, keys, data.names, positions, data.left_out)


def _labelled_tiles(
    tiles: ArrayLike,
    keys: Sequence[str],
    names: Sequence[str],
    selected: Sequence[int] | None,
    left_out: Sequence[tuple[str, str]],
    splits: Sequence[str] = (),
) -> LabelledTiles:
    """The tiles at the selected positions (None: all) with their class keys and names."""
    if selected is not None:
        tiles = np.asarray(tiles, np.uint8)[np.asarray(selected, int)]
        keys, names = [keys[position] for position in selected], [names[position] for position in selected]
        splits = [splits[position] for position in selected] if splits else ()
    class_keys = sort_keys(keys)
    index = {key: label for label, key in enumerate(class_keys)}
    labels = np.array([index[key] for key in keys], np.int64)
    splits = tuple(splits) if any(splits) else ()
    return LabelledTiles(np.asarray(tiles, np.uint8), labels, tuple(class_keys), tuple(names), tuple(left_out), splits)


def _texts(column: Iterable[object]) -> list[str]:
    """Values of a text column; "" where missing."""
    return [value if isinstance(value, str) else "" for value in column]


def _key_of(class_name: str) -> str:
    key = key_from_name(class_name)
    if not key:
        raise LabError(f"{class_name!r} is not a valid class name; use letters or digits, like Fat droplets.")
    return key


def _with_folder_names(given: Sequence[str | None], names: Sequence[str]) -> list[str]:
    """The given classes; missing ones from the first folder below those all images share, "" where there is none."""
    splits = split_folders(names)
    folders = [class_folders(name, splits) for name in names]
    shared = 0
    while folders and all(len(parts) > shared for parts in folders) and len({parts[shared] for parts in folders}) == 1:
        shared += 1
    if shared and all(len(parts) == shared for parts in folders):
        shared -= 1  # a single folder with all images is a class itself
    return [
        key or (key_from_name(parts[shared]) if len(parts) > shared else "")
        for key, parts in zip(given, folders, strict=True)
    ]
