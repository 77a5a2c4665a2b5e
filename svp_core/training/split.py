"""Split tiles into training and held-out parts, without near-copies of other tiles."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from svp_core.datasets.labelled_tiles import LabelledTiles
from svp_core.errors import LabError
from svp_core.instruments.split_folders import TEST, VALIDATION
from svp_core.near_duplicates import MAX_CELL_RMS, orientations
from svp_core.progress import Progress

MIN_TILES, MAX_TILES = 50, 100_000
MIN_PER_CLASS = 25
SHARE_HELD_OUT, SHARE_OF_MANY, MANY = 0.2, 0.15, 1000  # of each class; of a class with at least MANY tiles
MIN_HELD_OUT = 10  # tiles per class; fewer would allow no statement about it

# A near-copy is the same image stored again, perhaps rotated, flipped, brighter or noisier: at most MAX_CELL_RMS and
# MAX_CELL_SHARE apart. Copies shifted by a pixel are not detected.
CELL_PX = 4  # tiles are compared by the means of square cells of this size, which removes the noise
MAX_CELL_SHARE = 0.15  # difference of two near-copies relative to the standard deviation of the image
BATCH_PAIRS = 40_000_000  # pairs compared at a time; bounds memory


@dataclass(frozen=True)
class Split:
    """Indices of tiles, each in one of the three, or in none if it is of the source's test part."""

    training: NDArray[np.int64]
    held_out: NDArray[np.int64]
    repeated: dict[int, int]  # index of a near-copy -> index of the tile that it repeats
    by_folders: bool = False  # whether the source's own folders made the split


def split(data: LabelledTiles, *, seed: int = 0) -> Generator[Progress, None, Split]:
    """Split labelled tiles: yields Progress, returns a Split.

    Near-copies are removed first. If the source has a part for validation, or one for tests, that is held out, and its
    tests are never trained on; where that leaves fewer than 10 of a class, and for any other source, a random 20 % of
    every class (15 % from 1,000 tiles on, never fewer than 10) of what is not for tests is held out.
    Raises LabError where there are too few or too many tiles.
    """
    if len(data.tiles) > MAX_TILES:
        raise LabError(f"There are {len(data.tiles):,} images; a training takes at most {MAX_TILES:,}: use a part.")
    repeated, members = {}, []
    for label, key in enumerate(data.class_keys):
        rows = np.flatnonzero(data.labels == label)
        copies = yield from _near_copies(data.tiles[rows], f"Looking for copies among {len(rows):,} images of {key}")
        repeated |= {int(rows[copy]): int(rows[first]) for copy, first in copies.items()}
        members.append(np.array([row for row in rows if int(row) not in repeated], np.int64))
    _check_enough(data, members)
    given = _given_split(data, members)
    if given is not None:
        return Split(*given, repeated, by_folders=True)
    if data.splits:
        members = [rows[np.array(data.splits)[rows] != TEST] for rows in members]
        _check_enough(data, members)
    training, held_out = [], []
    for label, rows in enumerate(members):
        shuffled = np.random.default_rng([seed, label]).permutation(rows)
        count = max(MIN_HELD_OUT, round((SHARE_HELD_OUT if len(rows) < MANY else SHARE_OF_MANY) * len(rows)))
        held_out.append(np.sort(shuffled[:count]))
        training.append(np.sort(shuffled[count:]))
    return Split(np.concatenate(training), np.concatenate(held_out), repeated)


def _given_split(
    data: LabelledTiles, members: Sequence[NDArray[np.int64]]
) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """(training, held-out) indices by the source's own split; None where it has none, or too few of a class in a part.

    members: the indices of each class without near-copies.
    """
    if not data.splits:
        return None
    splits = np.array(data.splits)
    for part in (VALIDATION, TEST):
        held_out = [rows[splits[rows] == part] for rows in members]
        training = [rows[~np.isin(splits[rows], (VALIDATION, TEST))] for rows in members]
        if min(map(len, held_out)) >= MIN_HELD_OUT and min(map(len, training)) >= MIN_PER_CLASS - MIN_HELD_OUT:
            return np.concatenate(training), np.concatenate(held_out)
    return None


def _check_enough(data, members):
    different, counts = sum(map(len, members)), data.counts()
    for key, rows in zip(data.class_keys, members, strict=True):
        if len(rows) == 1 < counts[key]:
            raise LabError(f"All {counts[key]:,} images of {key} show the same picture; give different particles.")
    if different < MIN_TILES:
        raise LabError(
            f"There are {different:,} different images; a generator needs at least {MIN_TILES}, better 200 or more."
        )
    for key, rows in zip(data.class_keys, members, strict=True):
        if len(rows) < MIN_PER_CLASS:
            raise LabError(
                f"Class {key} has {len(rows):,} different images; give at least {MIN_PER_CLASS} of every class, or "
                "leave this class out."
            )


def _near_copies(tiles: NDArray[np.uint8], message: str) -> Generator[Progress, None, dict[int, int]]:
    """Yield Progress, return a dict: index of a near-copy -> index of the first tile that shows the same."""
    copies, means = {}, _cell_means(tiles)
    cells = means.flatten(1)
    lengths = (cells**2).sum(1)
    rows = max(1, BATCH_PAIRS // max(1, len(tiles)))
    for start in range(0, len(tiles), rows):
        end = min(start + rows, len(tiles))
        nearest, first = torch.full((end - start,), torch.inf), torch.zeros(end - start, dtype=torch.int64)
        later = torch.arange(end)[None] >= torch.arange(start, end)[:, None]
        for oriented in orientations(means[start:end]):
            # Squared distances to every earlier tile; rotation and reflection change no length.
            squared = lengths[start:end, None] + lengths[None, :end] - 2 * oriented.flatten(1) @ cells[:end].T
            distance, index = squared.masked_fill_(later, torch.inf).min(1)
            closer = distance < nearest
            nearest[closer], first[closer] = distance[closer], index[closer]
        difference = (nearest.clamp_min(0) / cells.shape[1]).sqrt()
        spread = (lengths[start:end] / cells.shape[1]).sqrt()
        is_copy = (difference <= MAX_CELL_RMS) & (difference <= MAX_CELL_SHARE * spread) | (difference == 0)
        for row in torch.nonzero(is_copy).flatten().tolist():
            # A copy of a copy repeats the first of them.
            copies[start + row] = copies.get(int(first[row]), int(first[row]))
        yield Progress(0, None, message)
    return copies


def _cell_means(tiles):
    # The background is subtracted: brighter light does not make another image.
    batches = []
    for start in range(0, len(tiles), 4096):
        pixels = torch.from_numpy(np.asarray(tiles[start : start + 4096])).float()
        pixels = pixels - pixels.flatten(1).median(1).values[:, None, None]
        batches.append(F.avg_pool2d(pixels[:, None], CELL_PX)[:, 0])
    return torch.cat(batches)
