"""Labelled tiles for training: from a folder with one sub-folder a class."""

from dataclasses import dataclass

import numpy as np

from svp_core.errors import LabError
from svp_core.images import to_tile
from svp_core.instruments.sources import read_particles
from svp_core.particles import CLASSES


@dataclass(frozen=True)
class Labelled:
    """Tiles and what they are."""

    tiles: np.ndarray  # uint8 (N, 64, 64)
    labels: np.ndarray  # int (N,), positions in class_keys
    class_keys: tuple
    names: tuple  # of the N tiles, as in the source
    left_out: tuple  # (name, reason) of every item that is not among them

    def counts(self):
        """Class key -> number of tiles."""
        return {key: int((self.labels == label).sum()) for label, key in enumerate(self.class_keys)}


def read_labelled(path):
    """The labelled tiles of a source, classes in the product's order. Raises LabError below two tiles a class."""
    tiles, given, names, left_out = [], [], [], []
    for record in read_particles(path):
        if record.rejected or record.given is None:
            left_out.append((record.name, record.reason or "it lies in no folder named after a class"))
            continue
        tiles.append(to_tile(record.pixels))
        given.append(record.given)
        names.append(record.name)
    present = set(given)
    order = [c.key for c in CLASSES if c.key in present] + sorted(present - {c.key for c in CLASSES})
    if not order:
        raise LabError(f"{path} holds no labelled images; sort them into sub-folders named after their class.")
    labels = np.array([order.index(key) for key in given])
    for label, key in enumerate(order):
        if (labels == label).sum() < 2:
            raise LabError(f"Class {key} has a single image; give at least two of every class.")
    return Labelled(np.stack(tiles), labels, tuple(order), tuple(names), tuple(left_out))
