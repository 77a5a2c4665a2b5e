"""Blind test: can a person tell generated particles from real ones?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from svp_core.errors import LabError
from svp_core.stats.intervals import Estimate, estimate_share

TILES = 20  # of each kind


@dataclass(frozen=True)
class BlindTile:
    """One tile of a test: where it is from, and its position there."""

    is_generated: bool
    position: int


@dataclass(frozen=True)
class BlindScore:
    """How a person did."""

    right: Estimate  # share of right answers; 0.5 = a guess
    taken_for_generated: tuple[int, int]  # of the real tiles, of the generated ones
    p: float  # probability of so many right answers or more by guessing


def draw_blind_test(n_real: int, n_generated: int, *, seed: int) -> tuple[BlindTile, ...]:
    """20 real and 20 generated tiles in random order, all different. n_real, n_generated: how many there are.

    Raises LabError where there are fewer.
    """
    if min(n_real, n_generated) < TILES:
        raise LabError(
            f"There are {n_real:,} real and {n_generated:,} generated images of this class; a blind test needs "
            f"{TILES} of both."
        )
    rng = np.random.default_rng(seed)
    tiles = [
        BlindTile(is_generated, int(position))
        for is_generated, count in ((False, n_real), (True, n_generated))
        for position in rng.permutation(count)[:TILES]
    ]
    return tuple(tiles[k] for k in rng.permutation(len(tiles)))


def score_blind_test(tiles: Sequence[BlindTile], answers: Sequence[bool]) -> BlindScore:
    """Score of the answers, one per tile, True for "generated"; with Wilson's interval."""
    right = [tile.is_generated == answer for tile, answer in zip(tiles, answers, strict=True)]
    taken = tuple(
        sum(answer for tile, answer in zip(tiles, answers, strict=True) if tile.is_generated is kind)
        for kind in (False, True)
    )
    p = scipy.stats.binomtest(sum(right), len(right), alternative="greater").pvalue
    return BlindScore(estimate_share(right), (taken[0], taken[1]), float(p))
