"""Draw particles at random, stratified by size, so that every size range is seen and the whole is still estimated."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

MIN_COUNT, MAX_COUNT, DEFAULT_COUNT = 60, 300, 100  # particles of one validation
EVEN_SHARE = 0.5  # of the draws, divided evenly among the size ranges; the others go by the numbers of particles


@dataclass(frozen=True)
class SizeRange:
    """A size range of the particles that were drawn from."""

    low: float | None  # diameter; None: particles without a size
    high: float | None  # None: no upper limit
    population: int  # particles of this range to draw from
    drawn: int


@dataclass(frozen=True)
class Draw:
    """Drawn particles."""

    positions: NDArray[np.intp]  # (n,) in the population, in random order
    ranges: tuple[SizeRange, ...]  # those that hold particles
    range_of: NDArray[np.intp]  # (n,): index into ranges


def draw_by_size(sizes: ArrayLike, count: int, *, edges: Sequence[float], seed: int) -> Draw:
    """Draw `count` particles, or all where there are fewer.

    sizes: float (N,), NaN where not measured. edges: ascending diameters that separate the size ranges; below the
    first and above the last there is one range each. Half of the draws are divided evenly among the ranges, the other
    half in proportion to their numbers of particles; within a range each particle is equally likely.
    """
    sizes, rng = np.asarray(sizes, float), np.random.default_rng(seed)
    codes = np.where(np.isnan(sizes), len(edges) + 1, np.searchsorted(np.asarray(edges, float), sizes, side="right"))
    present, members = np.unique(codes, return_inverse=True)
    population = np.bincount(members, minlength=len(present))
    drawn = allot(population, min(count, len(sizes)))
    bounds: list[tuple[float | None, float | None]] = [*zip((0.0, *edges), (*edges, None), strict=True), (None, None)]
    positions = [
        rng.choice(np.flatnonzero(members == index), size=number, replace=False) for index, number in enumerate(drawn)
    ]
    order = np.concatenate([*positions, np.zeros(0, int)]).astype(np.intp)
    rng.shuffle(order)
    ranges = tuple(
        SizeRange(bounds[code][0], bounds[code][1], int(total), int(number))
        for code, total, number in zip(present, population, drawn, strict=True)
    )
    return Draw(order, ranges, members[order].astype(np.intp))


def allot(population: NDArray[np.integer], count: int) -> NDArray[np.intp]:
    """How many to draw from each range, int (R,): sums to count (at most the population), none above its population."""
    population = np.asarray(population, int)
    drawn = np.zeros(len(population), int)
    while (left := count - drawn.sum()) > 0:
        is_open = drawn < population
        share = EVEN_SHARE / is_open.sum() + (1 - EVEN_SHARE) * population / population[is_open].sum()
        quota = np.where(is_open, left * share, 0)
        step = np.minimum(np.floor(quota).astype(int), population - drawn)
        if not step.any():  # fewer left than ranges: one each, the largest remainders first
            step[np.argsort(-quota, kind="stable")[: min(left, is_open.sum())]] = 1
        drawn += step
    return drawn


def weights_of(ranges: Sequence[SizeRange], range_of: ArrayLike) -> NDArray[np.float64]:
    """How many particles of the population each of these drawn ones stands for, float (n,).

    range_of: int (n,), those that were answered, a random part of the drawn ones of every range.
    """
    members = np.asarray(range_of, int)
    answered = np.bincount(members, minlength=len(ranges))
    return np.array([ranges[index].population / answered[index] for index in members], float)
