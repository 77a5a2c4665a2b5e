"""Which of the given tiles are trained on, which are held out, and which are left out as copies of others."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from svp_core.errors import LabError
from svp_core.progress import Progress

LEAST_TILES, MOST_TILES = 50, 100_000
MIN_PER_CLASS = 25
SHARE_HELD_OUT, SHARE_OF_MANY, MANY = 0.2, 0.15, 1000  # of a class; of one with so many tiles
MIN_HELD_OUT = 10  # of a class, or nothing could be said about it

# A near-copy is the same picture stored again, perhaps turned, brighter or noisier. Of 1,000 recorded particles no two
# different ones come so close, of 10,000 simulated bubbles two pairs; JPEG copies do. Moved by a pixel is not found.
CELL_PX = 4  # tiles are compared by the means of cells of so many pixels, which takes the noise out
NEAR_LEVELS = 1.5  # difference of two near-copies, root mean square, in grey levels
NEAR_SHARE = 0.15  # and relative to the spread of the picture
_AT_ONCE = 40_000_000  # pairs compared at a time; bounds memory


@dataclass(frozen=True)
class Split:
    """Positions of tiles, each in one of the three."""

    training: np.ndarray
    held_out: np.ndarray
    repeated: dict  # position of a near-copy -> position of the tile that it repeats


def split(data, *, seed=0):
    """Split Labelled data: yields Progress, returns a Split.

    Near-copies go first, then 20 % of every class (15 % from 1,000 tiles on, never fewer than 10) are held out by
    chance. Raises LabError where there are too few or too many tiles.
    """
    if len(data.tiles) > MOST_TILES:
        raise LabError(f"{len(data.tiles):,} images were given; at most {MOST_TILES:,} can be trained on: take a part.")
    repeated, members = {}, []
    for label, key in enumerate(data.class_keys):
        mine = np.flatnonzero(data.labels == label)
        copies = yield from _near_copies(data.tiles[mine], f"Looking for copies among {len(mine):,} images of {key}")
        repeated |= {int(mine[copy]): int(mine[first]) for copy, first in copies.items()}
        members.append(np.array([position for position in mine if int(position) not in repeated], np.int64))
    _check_enough(data, members)
    training, held_out = [], []
    for label, mine in enumerate(members):
        shuffled = np.random.default_rng([seed, label]).permutation(mine)
        aside = max(MIN_HELD_OUT, round((SHARE_HELD_OUT if len(mine) < MANY else SHARE_OF_MANY) * len(mine)))
        held_out.append(np.sort(shuffled[:aside]))
        training.append(np.sort(shuffled[aside:]))
    return Split(np.concatenate(training), np.concatenate(held_out), repeated)


def _check_enough(data, members):
    different, counts = sum(map(len, members)), data.counts()
    for key, mine in zip(data.class_keys, members, strict=True):
        if len(mine) == 1 < counts[key]:
            raise LabError(f"All {counts[key]:,} images of {key} show the same picture; give different particles.")
    if different < LEAST_TILES:
        raise LabError(
            f"{different:,} different images were found; a generator needs at least {LEAST_TILES}, better 200 or more."
        )
    for key, mine in zip(data.class_keys, members, strict=True):
        if len(mine) < MIN_PER_CLASS:
            raise LabError(
                f"Class {key} has {len(mine):,} different images; give at least {MIN_PER_CLASS} of every class, or "
                "leave this class out."
            )


def _near_copies(tiles, message):
    """Yield Progress, return a dict: position of a near-copy -> the first tile that shows the same."""
    copies, means = {}, _cell_means(tiles)
    cells = means.flatten(1)
    lengths = (cells**2).sum(1)
    rows = max(1, _AT_ONCE // max(1, len(tiles)))
    for start in range(0, len(tiles), rows):
        end = min(start + rows, len(tiles))
        nearest, first = torch.full((end - start,), torch.inf), torch.zeros(end - start, dtype=torch.int64)
        later = torch.arange(end)[None] >= torch.arange(start, end)[:, None]
        for turned in _orientations(means[start:end]):
            # Squared distances to every earlier tile; turning changes no length.
            apart = lengths[start:end, None] + lengths[None, :end] - 2 * turned.flatten(1) @ cells[:end].T
            distance, position = apart.masked_fill_(later, torch.inf).min(1)
            closer = distance < nearest
            nearest[closer], first[closer] = distance[closer], position[closer]
        difference = (nearest.clamp_min(0) / cells.shape[1]).sqrt()
        spread = (lengths[start:end] / cells.shape[1]).sqrt()
        is_copy = (difference <= NEAR_LEVELS) & (difference <= NEAR_SHARE * spread) | (difference == 0)
        for row in torch.nonzero(is_copy).flatten().tolist():
            # A copy of a copy repeats the first of them.
            copies[start + row] = copies.get(int(first[row]), int(first[row]))
        yield Progress(0, None, message)
    return copies


def _orientations(pictures):
    for flipped in (pictures, pictures.flip(2)):
        for quarters in range(4):
            yield torch.rot90(flipped, quarters, (1, 2))


def _cell_means(tiles):
    # The background is taken off: a brighter lamp makes no other picture.
    found = []
    for start in range(0, len(tiles), 4096):
        pixels = torch.from_numpy(np.asarray(tiles[start : start + 4096])).float()
        pixels = pixels - pixels.flatten(1).median(1).values[:, None, None]
        found.append(F.avg_pool2d(pixels[:, None], CELL_PX)[:, 0])
    return torch.cat(found)
