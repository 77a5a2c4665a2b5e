"""Compare a whole classified run with the instruments that its novelty is calibrated on."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svp_core.classification.own_instrument import known_run_differences
from svp_core.classification.strangers import DIFFERING_FILE, FEATURES_FILE
from svp_core.files import atomic_write
from svp_core.novelty.calibration import NoveltyCalibration, stored_views
from svp_core.novelty.resemblance import MIN_PARTICLES, compare_run


def compare_with_known(
    folder: Path,
    calibration: NoveltyCalibration | None,
    *,
    named: NDArray[np.integer],
    forms: NDArray[np.integer],
    summary: dict[str, Any],
) -> dict[str, Any]:
    """What summary.json says of the run as a whole, under "novelty"; {} where nothing is known.

    named, forms: most likely classes and forms of tiles of the particles whose features the job's folder holds (N,).
    By the shipped calibration: "excess", the run's statistic over its limit, and "differs"; then DIFFERING_FILE holds a
    p-value of each particle by what sets the run apart. By a run of the lab's own: "differences" of the conditions.
    """
    if calibration is None or not len(named):
        return {}
    if calibration.among:
        differences = known_run_differences(summary)
        return {"differences": differences} if differences else {}
    # Mapped, and widened in parts: of a million particles they would take a gigabyte.
    features = np.memmap(folder / FEATURES_FILE, np.float16, "r").reshape(len(named), -1)
    values, excess, differs = np.ones(len(named), np.float32), 0.0, False
    for index, spread in enumerate(calibration.spreads):
        rows = np.flatnonzero(forms == index)
        if len(rows) >= MIN_PARTICLES:
            found = compare_run(spread, stored_views(features, named), rows)
            excess, differs = max(excess, found.excess), differs or found.differs
            values[rows] = found.p_values
    if not excess:
        return {}
    if differs:
        atomic_write(folder / DIFFERING_FILE, lambda path: _save(path, values))
    return {"excess": round(float(excess), 2), "differs": bool(differs)}


def _save(path: Path, values: NDArray[np.float32]) -> None:
    with path.open("wb") as file:
        np.save(file, values)
