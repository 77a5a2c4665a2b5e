"""Whether two sets of real tiles differ without any generator: then an audit would measure that, not membership."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from svp_core.audit.membership import auc_interval
from svp_core.audit.rank_statistics import probability_larger
from svp_core.audit.two_sample import FOLDS, two_sample_auc
from svp_core.images import background_level
from svp_core.stats.intervals import Z95, Estimate

LEVEL_Z = 3.29  # standard errors from 0.5 at which a single measure counts as different: 1 in 1,000 by chance
MIN_TILES = 2 * FOLDS  # per set, for the network


@dataclass(frozen=True)
class LevelDifference:
    """One measure of the tiles in both sets."""

    name: str
    members: float  # median, grey levels
    held_out: float
    auc: float  # share of pairs in which the member has the larger value
    differs: bool


@dataclass(frozen=True)
class DataShift:
    """Evidence that members and held-out tiles were not drawn from the same source."""

    network: Estimate | None  # AUC of a network that tells the two sets apart; None where there are too few tiles
    levels: tuple[LevelDifference, ...]

    @property
    def reason(self) -> str:
        """What differs, as the end of a sentence; "" where nothing was seen to differ."""
        parts = [
            f"{each.name} is {each.members:.1f} in the training tiles and {each.held_out:.1f} in the held-out ones"
            for each in self.levels
            if each.differs
        ]
        if self.network and self.network.low > 0.5:
            auc = self.network
            parts.append(
                f"a small network that never saw the generator tells the two sets apart with AUC {auc.value:.2f} "
                f"({auc.low:.2f} to {auc.high:.2f}; 0.5 would be not at all)"
            )
        return "; ".join(parts)


def data_shift(
    members: NDArray[np.uint8],
    held_out: NDArray[np.uint8],
    *,
    member_classes: ArrayLike,
    held_out_classes: ArrayLike,
    seed: int = 0,
) -> DataShift:
    """Compare two sets of real tiles, uint8 (N, 64, 64) each, with their classes (N,).

    Of every class equally many tiles of both sets are compared, drawn by the seed: another mix of classes is no shift.
    A network (see two_sample_auc), and two measures that need no training and so work with few tiles: the grey level of
    the background, and how strongly neighbouring pixels differ.
    """
    rows, other_rows = equal_class_mix(member_classes, held_out_classes, seed=seed)
    first, second = members[rows], held_out[other_rows]
    network = None
    if len(first) >= MIN_TILES:
        network = two_sample_auc(real=second, synthetic=first, seed=seed)
    levels = tuple(_compare(name, measure, first, second) for name, measure in _MEASURES) if len(first) > 1 else ()
    return DataShift(network, levels)


def equal_class_mix(
    member_classes: ArrayLike, held_out_classes: ArrayLike, *, seed: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions in both sets with equally many tiles of every class, as many as there are, drawn by the seed."""
    rng, chosen = np.random.default_rng(seed), ([np.zeros(0, np.int64)], [np.zeros(0, np.int64)])
    sides = np.asarray(member_classes), np.asarray(held_out_classes)
    for key in sorted(set(sides[0].tolist()) & set(sides[1].tolist())):
        rows = [np.flatnonzero(classes == key) for classes in sides]
        count = min(map(len, rows))
        for side, own in zip(chosen, rows, strict=True):
            side.append(np.sort(rng.permutation(own)[:count]))
    return np.concatenate(chosen[0]), np.concatenate(chosen[1])


def _compare(
    name: str, measure: Callable[[NDArray[np.uint8]], float], members: NDArray[np.uint8], held_out: NDArray[np.uint8]
) -> LevelDifference:
    values, others = (np.array([measure(tile) for tile in tiles]) for tiles in (members, held_out))
    auc = probability_larger(values, others)
    # The interval of 95 %, stretched to the wanted number of standard errors.
    half = (auc_interval(0.5, len(values), len(others))[1] - 0.5) * LEVEL_Z / Z95
    return LevelDifference(
        name, float(np.median(values)), float(np.median(others)), float(auc), bool(abs(auc - 0.5) > half)
    )


def _grain(tile: NDArray[np.uint8]) -> float:
    levels = tile.astype(float)
    return float(np.abs(levels[:, 1:] - levels[:, :-1]).mean())


_MEASURES: tuple[tuple[str, Callable[[NDArray[np.uint8]], float]], ...] = (
    ("the grey level of the background", background_level),
    ("the mean difference of neighbouring pixels", _grain),
)
