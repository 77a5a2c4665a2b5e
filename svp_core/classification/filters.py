"""Which particles of a table are meant: ranges of its columns, a region drawn in a plot, likeness to chosen ones.

A table is anything that gives an array (N,) for a column name: a DataFrame, a dict. What is missing in it (nan) lies in
no range and in no region.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Region:
    """A closed outline in the plane of two columns."""

    x: str  # column names
    y: str
    xs: tuple[float, ...]  # its corners, in order
    ys: tuple[float, ...]


def within_range(table, ranges):
    """Rows inside all of these ranges, both ends included: bool (N,).

    ranges: column -> (low, high), None where an end is open; at least one column.
    """
    if not ranges:
        raise ValueError("within needs at least one column to look at; with none every row is meant")
    return np.logical_and.reduce([_between(np.asarray(table[name], float), *ends) for name, ends in ranges.items()])


def inside_region(table, region):
    """Rows whose point lies in the region, by the even-odd rule (Shimrat 1962): bool (N,)."""
    x, y = np.asarray(table[region.x], float), np.asarray(table[region.y], float)
    found = np.zeros(len(x), bool)
    xs, ys = np.asarray(region.xs, float), np.asarray(region.ys, float)
    for x0, y0, x1, y1 in zip(xs, ys, np.roll(xs, -1), np.roll(ys, -1), strict=True):
        crossed = (y0 > y) != (y1 > y)
        if crossed.any():
            # Only a side that is crossed has a height to divide by.
            found[crossed] ^= x[crossed] < x0 + (y[crossed] - y0) * ((x1 - x0) / (y1 - y0))
    return found


def bounding_box(x, y, x_ends, y_ends):
    """The Region of a rectangle. x_ends, y_ends: its two ends, in either order."""
    (left, right), (low, high) = sorted(x_ends), sorted(y_ends)
    return Region(x, y, (left, right, right, left), (low, low, high, high))


def find_similar(table, rows, columns, *, tolerance=0.1):
    """Ranges that hold these rows, and what lies a little beyond them: column -> (low, high).

    rows: positions (n,), n > 0. tolerance: share of the chosen rows' spread by which each end is moved out; where that
    is less than the same share of their mean, as with a single row, the latter. Columns in which one of them has no
    value are left out. This is VisualSpreadsheet's "find like selected": smallest and largest value of each property.
    """
    if not len(rows):
        raise ValueError("like needs at least one row to compare with")
    ranges = {}
    for name in columns:
        values = np.asarray(table[name], float)[rows]
        if np.isfinite(values).all():
            margin = tolerance * max(np.ptp(values), abs(values.mean()))
            ranges[name] = (float(values.min() - margin), float(values.max() + margin))
    return ranges


def _between(values, low, high):
    found = ~np.isnan(values)
    if low is not None:
        found &= values >= low
    if high is not None:
        found &= values <= high
    return found
