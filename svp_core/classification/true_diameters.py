"""Estimate the true diameter of classified particles from their own outlines, as rows of results.csv."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svp_core.classification.derived_columns import DIAMETER_COLUMNS
from svp_core.morphology import measure
from svp_core.size_correction.correction import load_correction
from svp_core.size_correction.features import MEASURED

OWN_OUTLINE = "own_outline"  # of a row in memory: measures of our outline, where the row's are those of another mask

Row = dict[str, Any]


def own_outline(pixels: NDArray[np.uint8], mask: NDArray[np.bool_] | None) -> dict[str, Any]:
    """{OWN_OUTLINE: the measures that the correction needs} where an instrument's mask is measured, otherwise {}.

    The correction knows our outline only: an instrument's mask lies further out, or further in.
    """
    if mask is None:
        return {}
    measured = measure(pixels)
    return {OWN_OUTLINE: {name: measured[name] for name in MEASURED}}


def add_true_diameters(rows: Iterable[Row]) -> None:
    """Fill in the estimated diameter and its 95 % interval of rows that have an outline, a label and a pixel size.

    At pixel sizes for which the correction was not fitted, they stay empty.
    """
    chosen, measured = [], []
    for row in rows:
        outline: Mapping[str, Any] = row.get(OWN_OUTLINE) or row
        if row["status"] == "ok" and row["um_per_px"] and outline["ecd_px"] is not None:
            chosen.append(row)
            measured.append(outline)
    if not chosen:
        return
    scales = [row["um_per_px"] for row in chosen]
    estimates = load_correction().estimate(measured, [row["label"] for row in chosen], scales)
    for row, values in zip(chosen, estimates.tolist(), strict=True):
        if values[0] == values[0]:  # not NaN
            row |= zip(DIAMETER_COLUMNS, values, strict=True)
