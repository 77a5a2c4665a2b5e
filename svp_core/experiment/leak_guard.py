"""No leak, provably: an arm that was made of, or looks like, a particle that it is tested on is refused by name.

Every synthetic tile carries the real tiles that it was made or trained from, through all generations: those of a
generator's training, and those of the generator it was fine-tuned from. A real tile is known by its content, so another
file name hides nothing.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from svp_core.errors import LabError
from svp_core.experiment.lookalikes import find_lookalikes

# Of tiles made by a source that saw no held-out particle, so many may look like one by chance: two small round droplets
# in focus are nearly the same picture. They are dropped; more are no chance.
MAX_CHANCE_SHARE = 0.01  # of 500 tiles augmented from a real run of small blurred particles, up to 4 do
MIN_CHANCE = 2


def tile_id(tile: NDArray[np.uint8]) -> str:
    """SHA-256 of a tile's pixels, 64 hexadecimal digits."""
    return sha256(np.ascontiguousarray(tile).data).hexdigest()


def tile_ids(tiles: NDArray[np.uint8]) -> list[str]:
    """tile_id of every tile."""
    return [tile_id(tile) for tile in tiles]


@dataclass(frozen=True)
class Origin:
    """What synthetic tiles come from."""

    name: str  # "classical augmentation", "diffusion trained in the training fold", ...
    parents: frozenset[str] | None  # tile_id of every real tile behind it; None where that is unknown
    is_drawn: bool = False  # by one of our own sources, whose parents are known: a lookalike may be chance

    def made_from(self, *others: "Origin") -> "Origin":
        """This origin with the parents of others added: of a generator, that of what it was fine-tuned from."""
        known = [origin.parents for origin in (self, *others)]
        parents = None if None in known else frozenset().union(*(one for one in known if one is not None))
        return Origin(self.name, parents, self.is_drawn)


@dataclass(frozen=True)
class SyntheticTiles:
    """Tiles that an arm adds, with their classes and where they come from."""

    tiles: NDArray[np.uint8]  # (N, 64, 64)
    labels: NDArray[np.int64]  # (N,)
    origins: tuple[Origin, ...]
    origin: NDArray[np.int64]  # (N,), position in origins

    def __len__(self) -> int:
        return len(self.tiles)

    def take(self, rows: NDArray[np.integer]) -> "SyntheticTiles":
        """The tiles at these positions."""
        return SyntheticTiles(self.tiles[rows], self.labels[rows], self.origins, self.origin[rows])


def no_synthetic_tiles() -> SyntheticTiles:
    """None at all."""
    return SyntheticTiles(np.zeros((0, 64, 64), np.uint8), np.zeros(0, np.int64), (), np.zeros(0, np.int64))


def join_synthetic(parts: Sequence[SyntheticTiles]) -> SyntheticTiles:
    """Several SyntheticTiles as one."""
    parts = [part for part in parts if len(part)] or [no_synthetic_tiles()]
    offsets = np.cumsum([0, *(len(part.origins) for part in parts)])
    return SyntheticTiles(
        np.concatenate([part.tiles for part in parts]),
        np.concatenate([part.labels for part in parts]),
        tuple(origin for part in parts for origin in part.origins),
        np.concatenate([part.origin + offset for part, offset in zip(parts, offsets[:-1], strict=True)]),
    )


@dataclass(frozen=True)
class HeldOut:
    """The real tiles that no arm may have seen."""

    part: str  # "test" or "validation"
    tiles: NDArray[np.uint8]
    names: Sequence[str]


def check_leaks(
    arm: str,
    held_out: Iterable[HeldOut],
    *,
    real: NDArray[np.uint8],  # training tiles, (N, 64, 64)
    real_names: Sequence[str],
    synthetic: SyntheticTiles,
) -> NDArray[np.int64]:
    """Positions of the synthetic tiles to train on: all but chance lookalikes. Raises LabError for an arm with a leak.

    Refused is an arm whose tiles come from an unknown origin, descend from a held-out particle, or look like one.
    """
    held_out = list(held_out)
    real = np.asarray(real)
    _check_parents(arm, held_out, synthetic)
    keep = np.ones(len(synthetic), bool)
    drawn = np.array([origin.is_drawn for origin in synthetic.origins], bool)[synthetic.origin]
    for part in held_out:
        for row, other in lookalikes_of(real, part.tiles)[:1]:
            raise _refused(
                arm, f"the training image {real_names[row]} shows the same as {part.names[other]}, a {part.part} image"
            )
        pairs = lookalikes_of(synthetic.tiles, part.tiles)
        for row, other in pairs[~drawn[pairs[:, 0]]][:1]:
            origin = synthetic.origins[synthetic.origin[row]].name
            raise _refused(
                arm, f"added tile {row + 1} ({origin}) shows the same as {part.names[other]}, a {part.part} image"
            )
        keep[pairs[:, 0]] = False
    dropped = int((~keep).sum())
    if dropped > max(MIN_CHANCE, MAX_CHANCE_SHARE * len(synthetic)):
        first = int(np.flatnonzero(~keep)[0])
        origin = synthetic.origins[synthetic.origin[first]].name
        raise _refused(
            arm,
            f"{dropped:,} of {len(synthetic):,} added tiles ({origin}) show the same as test or validation images, "
            "more than chance allows",
        )
    return np.flatnonzero(keep)


_searched: OrderedDict[str, dict[str, int]] = OrderedDict()  # held-out tiles -> tile -> the one it looks like, or -1
_SEARCHED_SETS = 6  # held-out sets that are remembered


def lookalikes_of(tiles: NDArray[np.uint8], held_out: NDArray[np.uint8]) -> NDArray[np.int64]:
    """As find_lookalikes, at most one pair for each tile.

    What was searched before is remembered: the arms of one seed share their real tiles, and take their synthetic ones
    from the same pools.
    """
    key = sha256(np.ascontiguousarray(held_out).data).hexdigest()
    known = _searched.setdefault(key, {})
    _searched.move_to_end(key)
    while len(_searched) > _SEARCHED_SETS:
        _searched.popitem(last=False)
    ids = tile_ids(tiles)
    new = list({one: row for row, one in enumerate(ids) if one not in known}.values())
    # The set whose variants are made costs most: the smaller one.
    if len(new) < len(held_out):
        pairs = find_lookalikes(held_out, tiles[new])[:, ::-1]
    else:
        pairs = find_lookalikes(tiles[new], held_out)
    known |= {ids[row]: -1 for row in new}
    for row, other in pairs[::-1]:
        known[ids[new[row]]] = int(other)
    found = [(row, known[one]) for row, one in enumerate(ids) if known[one] >= 0]
    return np.array(found, np.int64).reshape(-1, 2)


def _check_parents(arm: str, held_out: Sequence[HeldOut], synthetic: SyntheticTiles) -> None:
    """Raise LabError where a tile descends from a held-out particle, or nobody knows from what."""
    used = np.unique(synthetic.origin)
    origins = [synthetic.origins[index] for index in used]
    for origin in origins:
        if origin.parents is None:
            raise _refused(arm, f"nothing is known of what {origin.name} was made or trained from")
    for part in held_out:
        named = dict(zip(tile_ids(part.tiles), part.names, strict=True))
        for origin in origins:
            if common := sorted(named.keys() & (origin.parents or frozenset())):
                others = f" and {len(common) - 1:,} more" if len(common) > 1 else ""
                raise _refused(
                    arm, f"{origin.name} descends from {named[common[0]]}{others}, held out as {part.part} image"
                )


def _refused(arm: str, reason: str) -> LabError:
    return LabError(f"The arm {arm!r} is refused: {reason}.")
