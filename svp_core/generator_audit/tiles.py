"""The tiles of an audit: as many of both sets as can be compared, of the classes that both have."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from svp_core.audit import distinct_tiles
from svp_core.datasets.labelled_tiles import LabelledTiles
from svp_core.display import class_name, count_noun
from svp_core.errors import LabError
from svp_core.particle_classes import sort_keys

MAX_TILES = 2000  # of each set


@dataclass(frozen=True)
class AuditTiles:
    """Tiles that a generator was trained on, and tiles of the same source that it was not trained on."""

    members: NDArray[np.uint8]  # (M, 64, 64)
    member_keys: NDArray[np.object_]  # (M,), class keys
    member_names: tuple[str, ...]
    held_out: NDArray[np.uint8]  # (N, 64, 64)
    held_out_keys: NDArray[np.object_]
    held_out_names: tuple[str, ...]
    notes: tuple[str, ...]  # sentences about what was left out

    @property
    def class_keys(self) -> list[str]:
        """Classes of the tiles, the same in both sets, in the product's order."""
        return list(sort_keys(set(self.member_keys.tolist())))


def choose_tiles(
    training: LabelledTiles,
    held_out: LabelledTiles,
    *,
    class_keys: Sequence[str] | None = None,
    most: int = MAX_TILES,
    seed: int = 0,
) -> AuditTiles:
    """Tiles for an audit, at most so many of each set, drawn by the seed within classes.

    class_keys: classes of the generator; tiles of others are left out, and so are classes that lack tiles in one of the
    sets, and held-out tiles that show the same picture as a training tile or as another held-out one.
    Raises LabError where nothing is left to compare.
    """
    shared, notes = _shared_classes(training.counts(), held_out.counts(), class_keys)
    rows, other_rows = _draw(training, shared, most, seed), _draw(held_out, shared, most, seed + 1)
    members, others = np.asarray(training.tiles[rows]), np.asarray(held_out.tiles[other_rows])
    distinct = distinct_tiles(np.concatenate([members, others]))
    kept = distinct[distinct >= len(members)] - len(members)
    if len(kept) < len(others):
        notes.append(
            f"{count_noun(len(others) - len(kept), 'held-out tile')} left out: the same picture is among the "
            "training or held-out tiles."
        )
    others, other_rows = others[kept], other_rows[kept]
    keys, other_keys = _keys(training, rows), _keys(held_out, other_rows)
    compared = [key for key in shared if (other_keys == key).sum() > 1]
    if not compared:
        raise LabError(
            "Nearly all held-out tiles show the same pictures as training tiles; give tiles that the generator was not "
            "trained on."
        )
    mask, other_mask = (np.isin(each.astype(str), compared) for each in (keys, other_keys))
    return AuditTiles(
        members[mask],
        keys[mask],
        tuple(training.names[row] for row in rows[mask]),
        others[other_mask],
        other_keys[other_mask],
        tuple(held_out.names[row] for row in other_rows[other_mask]),
        tuple(notes),
    )


def _shared_classes(
    counts: Mapping[str, int], other_counts: Mapping[str, int], class_keys: Sequence[str] | None
) -> tuple[list[str], list[str]]:
    """(classes that can be compared, sentences about the others). Raises LabError where there is none."""
    shared, notes = [], []
    for key in sort_keys(set(counts) | set(other_counts)):
        name, both = class_name(key), (counts.get(key, 0), other_counts.get(key, 0))
        if class_keys is not None and key not in class_keys:
            notes.append(f"{name} is left out: the generator does not generate this class.")
        elif min(both) < 2:
            notes.append(
                f"{name} is left out: it has {count_noun(both[0], 'training tile')} and "
                f"{count_noun(both[1], 'held-out tile')}; at least 2 of both are needed."
            )
        else:
            shared.append(key)
    if not shared:
        why = f" ({notes[0].rstrip('.')})" if notes else ""
        raise LabError(
            f"No class has at least 2 training and 2 held-out tiles to compare{why}; give images of the same classes "
            "in both folders."
        )
    return shared, notes


def _draw(data: LabelledTiles, keys: Sequence[str], most: int, seed: int) -> NDArray[np.int64]:
    """Positions of at most `most` tiles of these classes, each class with its share, at least 2."""
    by_class = [np.flatnonzero(data.labels == data.class_keys.index(key)) for key in keys]
    total = sum(map(len, by_class))
    chosen = []
    for label, rows in enumerate(by_class):
        count = len(rows) if total <= most else max(2, round(most * len(rows) / total))
        chosen.append(np.sort(np.random.default_rng([seed, label]).permutation(rows)[:count]))
    return np.concatenate(chosen)


def _keys(data: LabelledTiles, rows: NDArray[np.int64]) -> NDArray[np.object_]:
    return np.array([data.class_keys[data.labels[row]] for row in rows], object)
