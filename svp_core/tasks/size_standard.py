"""Evaluate a classified run of beads as an instrument's size standard, and keep the result with its profile."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from svp_core.classification.derived_columns import DIAMETER, SIZE
from svp_core.classification.results import (
    ClassificationResults,
    numeric_column,
    read_results_folder,
)
from svp_core.errors import LabError
from svp_core.morphology import measure
from svp_core.profiles.profile import InstrumentProfile
from svp_core.size_correction.correction import load_correction
from svp_core.size_correction.features import POLYSTYRENE
from svp_core.size_standard.standard import SizeStandard, check_certificate, evaluate_beads
from svp_core.tile_file import read_tiles
from svp_core.workspace import instrument_profiles

ECD = "ecd_um"
MAX_BEADS = 5_000  # measured again; of more particles, as many are taken evenly


def evaluate_size_standard(folder: str | Path, certified_um: float, uncertainty_um: float = 0.0) -> SizeStandard:
    """SizeStandard of the classification in this folder, a run of polystyrene beads.

    certified_um, uncertainty_um: diameter and expanded uncertainty (k = 2) of the certificate. The beads' true diameter
    is estimated as that of polystyrene, whatever class the classifier gave them. Raises LabError where the run has no
    pixel size or too few beads of one size.
    """
    check_certificate(certified_um, uncertainty_um)
    results = read_results_folder(folder)
    wanted = [name for name in (SIZE, ECD, "aspect_ratio", "touches_edge") if name in results.columns]
    results = read_results_folder(folder, wanted)
    scales = results.table["um_per_px"].dropna().unique() if "um_per_px" in results.table else []
    if len(scales) != 1:
        raise LabError("A size standard needs a run of one known pixel size; classify it again with its µm per pixel.")
    positions = np.unique(np.linspace(0, len(results.table) - 1, MAX_BEADS).astype(np.intp))
    diameters = {name: numeric_column(results, name)[positions] for name in (SIZE, ECD) if name in wanted}
    diameters[DIAMETER] = _corrected(results, positions, float(scales[0]))
    return evaluate_beads(
        diameters,
        selected_by=ECD,
        corrected=DIAMETER,
        aspect_ratio=numeric_column(results, "aspect_ratio")[positions],
        cut=(results.table["touches_edge"] == "yes").to_numpy()[positions],
        um_per_px=float(scales[0]),
        certified_um=certified_um,
        uncertainty_um=uncertainty_um,
        correction_sd=float(load_correction().facts.get("beads_between_instruments", 0.0)),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        source=str(results.summary.get("title") or ""),
    )


def keep_size_standard(profile_id: str, standard: SizeStandard) -> InstrumentProfile:
    """Store the result with the instrument's profile, in place of an earlier one. Raises LabError where it is gone."""
    return instrument_profiles.update_profile(profile_id, size_standard=standard.as_dict())


def _corrected(results: ClassificationResults, positions: NDArray[np.intp], um_per_px: float) -> NDArray[np.float64]:
    """Estimated true diameters in µm of these particles as beads, from their tiles; NaN where not measurable."""
    tiles, found = read_tiles(results.folder / "tiles.npy"), np.full(len(positions), np.nan)
    measured = [measure(np.ascontiguousarray(tiles[position])) for position in positions]
    at = [k for k, values in enumerate(measured) if values["ecd_px"] is not None]
    if at:
        beads = [measured[k] for k in at]
        found[at] = load_correction().estimate(beads, [POLYSTYRENE] * len(at), [um_per_px] * len(at))[:, 0]
    return found
