"""Labelled tiles: from a folder with one sub-folder a class, a source of one class, data sets, or a classification."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from svp_core.classification.results_csv import read_results
from svp_core.errors import LabError
from svp_core.images import TILE_PX, to_tile
from svp_core.instruments.detect import read_particles
from svp_core.particle_classes import is_valid_key, key_from_name, sort_keys
from svp_core.progress import Progress
from svp_core.tile_file import read_tiles

PROGRESS_EVERY = 200  # items between two looks at how far the reading is


@dataclass(frozen=True)
class LabelledTiles:
    """Tiles and what they are."""

    tiles: np.ndarray  # uint8 (N, 64, 64)
    labels: np.ndarray  # int (N,), positions in class_keys
    class_keys: tuple
    names: tuple  # of the N tiles, as in the source
    left_out: tuple  # (name, reason) of every item that is not among them

    def counts(self):
        """Class key -> number of tiles."""
        return {key: int((self.labels == label).sum()) for label, key in enumerate(self.class_keys)}

    def only(self, class_keys):
        """Labelled of these classes, the other tiles left out. Raises LabError for a class that is not there."""
        unknown = set(class_keys) - set(self.class_keys)
        if unknown or not class_keys:
            there = ", ".join(self.class_keys)
            raise LabError(f"There are images of {there}; {', '.join(sorted(unknown)) or 'no class'} was asked for.")
        given = [self.class_keys[label] for label in self.labels]
        dropped = tuple(
            (name, "its class was not chosen")
            for name, key in zip(self.names, given, strict=True)
            if key not in class_keys
        )
        kept = [position for position, key in enumerate(given) if key in class_keys]
        return _labelled(
            self.tiles[kept],
            [given[position] for position in kept],
            [self.names[position] for position in kept],
            [*self.left_out, *dropped],
        )


def read_labelled(path, *, class_name=None):
    """The labelled tiles of a source, as reading() gives them. Raises LabError for a class with a single image."""
    steps = read_labelled_steps(path, class_name=class_name)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            data = end.value
            break
    for key, count in data.counts().items():
        if count < 2:
            raise LabError(f"Class {key} has a single image; give at least two of every class.")
    return data


def read_labelled_steps(path, *, class_name=None):
    """Read a source of anything that instruments.sources knows; yields Progress, returns Labelled.

    An image's class is the nearest folder that is called like one of the product's classes, else the first folder
    below those that all images share: a folder "Fat droplets" makes the class fat_droplets. class_name: all images are
    of this class, whatever their folders are called. Classes come in the product's order, own ones last.
    Raises LabError where no image has a class.
    """
    key = _key_of(class_name) if class_name else None
    tiles, given, names, left_out = [], [], [], []
    for count, record in enumerate(read_particles(path), 1):
        if record.rejected:
            left_out.append((record.name, record.reason))
        else:
            tiles.append(to_tile(record.pixels))
            given.append(key or record.given)
            names.append(record.name)
        if count % PROGRESS_EVERY == 0:
            yield Progress(count, None, f"{count:,} images read")
    given = _with_folders(given, names)
    homeless = [position for position, key in enumerate(given) if not key]
    left_out += [(names[position], "it lies in no folder named after a class") for position in homeless]
    kept = [position for position, key in enumerate(given) if key]
    if left_out and not tiles:
        raise LabError(
            f"None of the {len(left_out):,} items in {Path(path).name} could be read as an image; "
            f"the first is {left_out[0][0]}: {left_out[0][1]}."
        )
    if not kept:
        raise LabError(
            f"{Path(path).name} holds no labelled images; sort them into sub-folders named after their class, or say "
            "which class all of them are."
        )
    return _labelled(
        [tiles[position] for position in kept],
        [given[position] for position in kept],
        [names[position] for position in kept],
        left_out,
    )


def from_dataset(dataset):
    """Labelled tiles of an open data set of the workspace (datasets.DataSet); names begin with the data set's id.

    Raises LabError where its tiles have no classes, or another size.
    """
    called, table = f"The data set {dataset.meta['name']!r}", dataset.table
    if "class" not in table or not table["class"].notna().any():
        raise LabError(f"{called} has no classes; choose one that has.")
    if dataset.tiles.shape[1:] != (TILE_PX, TILE_PX):
        height, width = dataset.tiles.shape[1:]
        raise LabError(f"{called} holds tiles of {height} x {width} px; {TILE_PX} x {TILE_PX} are trained on.")
    given = [key if isinstance(key, str) and is_valid_key(key) else None for key in table["class"]]
    names = [f"{dataset.meta['id']}/{name}" for name in table["image"]]
    kept = [position for position, key in enumerate(given) if key]
    left_out = [(names[position], "it has no class") for position, key in enumerate(given) if not key]
    return _labelled(
        dataset.tiles[kept], [given[position] for position in kept], [names[position] for position in kept], left_out
    )


def from_results(folder):
    """Labelled tiles of a classification (results.csv and tiles.npy): by the source's labels, else by the classifier's.

    Where particles come from several runs, their names begin with the run. Raises LabError where none was named.
    """
    folder = Path(folder)
    table = read_results(folder / "results.csv", ["image", "label", "given", "run", "status", "reason"])
    named = (table["status"] == "ok").to_numpy()
    rows = table[named].reset_index(drop=True)
    tiles = read_tiles(folder / "tiles.npy")[: len(rows)]
    rows, runs = rows[: len(tiles)], rows["run"].fillna("")
    several = runs.nunique() > 1
    names = [f"{run}/{name}" if several else name for run, name in zip(runs, rows["image"], strict=False)]
    given = rows["given" if rows["given"].notna().any() else "label"]
    kept = [position for position, key in enumerate(given) if isinstance(key, str)]
    if not kept:
        raise LabError(f"The classification {folder} has named no particles; choose one that has.")
    left_out = list(table.loc[~named, ["image", "reason"]].itertuples(index=False, name=None))
    left_out += [(name, "it has no label") for name, key in zip(names, given, strict=True) if not isinstance(key, str)]
    return _labelled(
        np.asarray(tiles)[kept],
        [given[position] for position in kept],
        [names[position] for position in kept],
        left_out,
    )


def join_labelled(parts):
    """One Labelled of several."""
    if len(parts) == 1:
        return parts[0]
    given = [part.class_keys[label] for part in parts for label in part.labels]
    return _labelled(
        np.concatenate([part.tiles for part in parts]),
        given,
        [name for part in parts for name in part.names],
        [item for part in parts for item in part.left_out],
    )


def _labelled(tiles, given, names, left_out):
    order = sort_keys(given)
    place = {key: label for label, key in enumerate(order)}
    labels = np.array([place[key] for key in given], np.int64)
    return LabelledTiles(np.asarray(tiles, np.uint8), labels, order, tuple(names), tuple(left_out))


def _key_of(class_name):
    key = key_from_name(class_name)
    if not key:
        raise LabError(f"{class_name!r} cannot name a class; use a name with letters or digits, like Fat droplets.")
    return key


def _with_folders(given, names):
    """The given classes; those missing by the first folder below the ones that all images share ("" where none is)."""
    folders = [name.split("/")[:-1] for name in names]
    shared = 0
    while folders and all(len(parts) > shared for parts in folders) and len({parts[shared] for parts in folders}) == 1:
        shared += 1
    if shared and all(len(parts) == shared for parts in folders):
        shared -= 1  # one folder with everything in it is a class itself
    return [
        key or (key_from_name(parts[shared]) if len(parts) > shared else "")
        for key, parts in zip(given, folders, strict=True)
    ]
