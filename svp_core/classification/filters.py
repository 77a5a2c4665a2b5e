"""Select particles of a table: by ranges of columns, by a region drawn in a plot, or by similarity to chosen particles.

A table is anything that gives an array (N,) for a column name: a DataFrame, a dict. Missing values (NaN) lie in no
range and in no region.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

Range = tuple[float | None, float | None]  # (low, high), both included; None: open
Table = pd.DataFrame | Mapping[str, ArrayLike]


@dataclass(frozen=True)
class Region:
    """A closed outline in the plane of two columns."""

    x: str  # column names
    y: str
    xs: Sequence[float]  # its corners, in order
    ys: Sequence[float]


def within_range(table: Table, ranges: Mapping[str, Range]) -> NDArray[np.bool_]:
    """Rows inside all of these ranges, both ends included: bool (N,). ranges: column -> (low, high), at least one."""
    if not ranges:
        raise ValueError("within_range needs the range of at least one column; without one every row is selected")
    return np.logical_and.reduce([_between(np.asarray(table[name], float), *ends) for name, ends in ranges.items()])


def inside_region(table: Table, region: Region) -> NDArray[np.bool_]:
    """Rows whose point lies in the region, by the even-odd rule (Shimrat 1962): bool (N,)."""
    x, y = np.asarray(table[region.x], float), np.asarray(table[region.y], float)
    inside = np.zeros(len(x), bool)
    xs, ys = np.asarray(region.xs, float), np.asarray(region.ys, float)
    for x0, y0, x1, y1 in zip(xs, ys, np.roll(xs, -1), np.roll(ys, -1), strict=True):
        crossed = (y0 > y) != (y1 > y)
        if crossed.any():
            # Only an edge that is crossed has a height to divide by.
            inside[crossed] ^= x[crossed] < x0 + (y[crossed] - y0) * ((x1 - x0) / (y1 - y0))
    return inside


def bounding_box(x: str, y: str, x_ends: Iterable[float], y_ends: Iterable[float]) -> Region:
    """Rectangular Region of columns x and y. x_ends, y_ends: its two ends, in either order."""
    (left, right), (low, high) = sorted(x_ends), sorted(y_ends)
    return Region(x, y, (left, right, right, left), (low, low, high, high))


def find_similar(
    table: Table, rows: Sequence[int] | NDArray[np.intp], columns: Iterable[str], *, tolerance: float = 0.1
) -> dict[str, tuple[float, float]]:
    """Ranges that hold the chosen rows with a margin: column -> (low, high).

    rows: positions (n,), n > 0. tolerance: share of the chosen rows' spread by which each end is moved outwards; the
    same share of their mean where that is more, as with a single row. Columns in which a chosen row has no value are
    left out. This is VisualSpreadsheet's "find like selected": smallest and largest value of each property.
    """
    if not len(rows):
        raise ValueError("find_similar needs at least one row to compare with")
    ranges = {}
    for name in columns:
        values = np.asarray(table[name], float)[rows]
        if np.isfinite(values).all():
            margin = tolerance * max(np.ptp(values), abs(values.mean()))
            ranges[name] = (float(values.min() - margin), float(values.max() + margin))
    return ranges


def _between(values: NDArray[np.float64], low: float | None, high: float | None) -> NDArray[np.bool_]:
    mask = ~np.isnan(values)
    if low is not None:
        mask &= values >= low
    if high is not None:
        mask &= values <= high
    return mask
