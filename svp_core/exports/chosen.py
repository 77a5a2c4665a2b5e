"""Which rows of results.csv an export is of."""

import numpy as np

from svp_core.errors import LabError


def select_rows(rows, offered):
    """Positions in results.csv as int (n,), in the order given; all of them where `rows` is None.

    Raises LabError for a position that is not there.
    """
    if rows is None:
        return np.arange(offered)
    rows = np.asarray(rows, int).reshape(-1)
    outside = rows[(rows < 0) | (rows >= offered)]
    if len(outside):
        raise LabError(f"Row {outside[0]} was asked for, but the results have rows 0 to {offered - 1:,}; choose anew.")
    return rows


def positions_among(rows, named):
    """Places of those of these rows that hold a named particle: int (m,), an index into labels and tiles.

    named: rising positions in results.csv of the named particles.
    """
    place = np.searchsorted(named, rows)
    inside = place < len(named)
    inside[inside] = named[place[inside]] == rows[inside]
    return place[inside]
