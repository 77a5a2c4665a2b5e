"""Rows of results.csv that an export contains."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from svp_core.errors import LabError


def select_rows(rows: ArrayLike | None, count: int) -> NDArray[np.intp]:
    """Positions in results.csv as int (n,), in the given order; all where `rows` is None.

    count: rows of results.csv. Raises LabError for a position outside.
    """
    if rows is None:
        return np.arange(count)
    positions = np.asarray(rows, int).reshape(-1)
    outside = positions[(positions < 0) | (positions >= count)]
    if len(outside):
        raise LabError(f"There is no row {outside[0]}; the results have rows 0 to {count - 1:,}. Choose rows again.")
    return positions


def positions_among(rows: NDArray[np.intp], classified: NDArray[np.intp]) -> NDArray[np.intp]:
    """For those of these rows that hold a classified particle, its position in labels and tiles: int (m,).

    classified: ascending positions in results.csv of the classified particles.
    """
    index = np.searchsorted(classified, rows)
    inside = index < len(classified)
    inside[inside] = classified[index[inside]] == rows[inside]
    return index[inside]
