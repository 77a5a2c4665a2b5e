"""How many particles lie in each cell of a plane, by group: what a scattergram of very many points shows."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

COLUMNS, ROWS = 400, 240  # cells of a grid

Ends = tuple[float, float, float, float]  # lowest and highest u, lowest and highest v


@dataclass(frozen=True, eq=False)
class Density:
    """Counts on a grid; u and v are the values, u their decimal logarithm on a logarithmic axis."""

    full: Ends  # of all points, or of those inside the wanted view where there is none
    ends: Ends  # of the grid
    cells: Mapping[int, NDArray[np.uint32]]  # group -> its cells with particles, row * COLUMNS + column, ascending
    counts: Mapping[int, NDArray[np.uint32]]  # group -> particles in each of them
    totals: Mapping[int, int]  # group -> particles in the plane, also outside of the grid


def density_of(
    x: NDArray[np.floating], y: NDArray[np.floating], groups: NDArray[np.uint8], *, log: bool, view: Ends | None = None
) -> Density:
    """Count particles by cell, exactly. groups: of each particle (N,), as in the keys of the result.

    Particles without a value, or with one that is not above 0 on a logarithmic x axis, are left out. view: ends of the
    grid; None: all points. A value on an inner edge belongs to the cell that begins there, the highest to the last one.
    """
    is_point = np.isfinite(x) & np.isfinite(y)
    if log:
        is_point &= x > 0
    u, v, group = np.asarray(x[is_point], float), np.asarray(y[is_point], float), groups[is_point]
    if log:
        u = np.log10(u)
    full = _ends(u, v)
    ends = view or full
    column, row = _bins(u, ends[0], ends[1], COLUMNS), _bins(v, ends[2], ends[3], ROWS)
    inside = (column >= 0) & (row >= 0)
    size = COLUMNS * ROWS
    flat = group[inside].astype(np.int64) * size + row[inside] * COLUMNS + column[inside]
    found, number = _counted(flat)
    cells, counts, totals = {}, {}, np.bincount(group, minlength=1)
    for key in np.flatnonzero(totals):
        own = slice(*np.searchsorted(found, (key * size, (key + 1) * size)))
        cells[int(key)] = (found[own] - key * size).astype(np.uint32)
        counts[int(key)] = number[own].astype(np.uint32)
    return Density(full, ends, cells, counts, {int(key): int(totals[key]) for key in cells})


def _ends(u: NDArray[np.float64], v: NDArray[np.float64]) -> Ends:
    if not len(u):
        return 0.0, 1.0, 0.0, 1.0
    return float(u.min()), float(u.max()), float(v.min()), float(v.max())


def _bins(values: NDArray[np.float64], low: float, high: float, count: int) -> NDArray[np.int64]:
    """Bin of each value, -1 outside of low to high."""
    if not high > low:
        return np.where(values == low, 0, -1)
    bins = np.minimum(np.floor((values - low) * (count / (high - low))), count - 1)
    return np.where((values >= low) & (values <= high), bins, -1).astype(np.int64)


def _counted(flat: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Distinct values, ascending, and how often each occurs; faster than sorting, as there are few kinds."""
    number = np.bincount(flat)
    found = np.flatnonzero(number)
    return found, number[found]
