"""What the size correction sees of a particle: measures of its outline, pixel size and named class, as numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Features = NDArray[np.float32]  # (N, len(FEATURES))

POLYSTYRENE = "polystyrene"  # class of the beads of a size-standard run, which no classifier names
# Classes whose optics the correction knows; of any other class it knows nothing.
CLASSES = ("protein", "silicone_oil", "air_bubble", "glass_flake", "fibre", "other", POLYSTYRENE)
_RELATIVE_LENGTHS = ("esd_px", "feret_max_px", "feret_min_px", "perimeter_px")  # relative to the ECD, logarithmic
_SHAPES = ("aspect_ratio", "circularity", "convexity")
_LEVELS = ("contrast", "level_sd", "edge_gradient")  # relative to the background
MEASURED = ("ecd_px", *_RELATIVE_LENGTHS, *_SHAPES, *_LEVELS, "background_level", "touches_edge")  # needed
FEATURES = ("log_ecd_px", *_RELATIVE_LENGTHS, *_SHAPES, *_LEVELS, "background_level", "touches_edge", "log_um_per_px")


def features(measured: Sequence[Mapping[str, Any]], labels: Sequence[str | None], um_per_px: ArrayLike) -> Features:
    """Features of particles whose outline could be measured: float32 (N, F), F = len(FEATURES) + len(CLASSES).

    measured: measures by the names of MEASURED, in px and grey levels. labels: class keys; of an unknown class, all
    class features are 0.
    """
    count = len(measured)
    if not count:
        return np.zeros((0, len(FEATURES) + len(CLASSES)), np.float32)
    values = {name: np.array([row[name] for row in measured], float) for name in MEASURED}
    size, background = values["ecd_px"], np.maximum(values["background_level"], 1.0)
    columns = [
        np.log(size),
        *(np.log(np.maximum(values[name], 0.5) / size) for name in _RELATIVE_LENGTHS),
        *(values[name] for name in _SHAPES),
        *(values[name] / background for name in _LEVELS),
        background / 255,
        values["touches_edge"],
        np.log(np.asarray(um_per_px, float)),
    ]
    known = np.array([[label == key for key in CLASSES] for label in labels], float).reshape(count, len(CLASSES))
    return np.column_stack([*columns, known]).astype(np.float32)
