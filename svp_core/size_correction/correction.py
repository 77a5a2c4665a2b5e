"""The true diameter of a particle, with a 95 % interval, from the outline that the optics left of it.

A small network, fitted to simulated particles of known diameter, gives the median and the ends of the interval of
log(true diameter / ECD of the outline) (quantile regression, Koenker and Bassett 1978). The ends are then moved so that
the intervals hold on particles of instruments that the fit did not see, for each size and for cut particles separately
(conformalised quantile regression, Romano et al. 2019, arXiv:1905.03222, eq. 8, each end at half of the error).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from svp_core.errors import LabError
from svp_core.files import read_tensors
from svp_core.size_correction.features import FEATURES, Features, features

Array = NDArray[np.float32]

SHIPPED = Path(__file__).resolve().parents[2] / "weights" / "size_correction" / "correction.safetensors"
SIZE_EDGES_UM = (0.0, 3.0, 5.0, 7.0, 10.0, 15.0, 25.0)  # lower edges of the sizes, estimated, with ends of their own
_CUT = FEATURES.index("touches_edge")
_SIZE, _SCALE = FEATURES.index("log_ecd_px"), FEATURES.index("log_um_per_px")


@dataclass(frozen=True, eq=False)
class SizeCorrection:
    """A fitted correction: R networks of two hidden layers of H units; outputs: median, low and high end of the log."""

    mean: Array  # (F,): features are standardised ...
    spread: Array  # (F,)
    lowest: Array  # (F,): ... and limited to the range of the fit
    highest: Array  # (F,)
    first: Array  # (R, F + 1, H): weights, the last row the bias
    second: Array  # (R, H + 1, H)
    last: Array  # (R, H + 1, 3)
    shifts: Array  # (2, len(SIZE_EDGES_UM), 2): of whole and cut particles, by size: outwards, of the low and high end
    um_per_px: tuple[float, float]  # pixel sizes that it was fitted at
    facts: Mapping[str, Any]  # how it was made

    def estimate(
        self, measured: Sequence[Mapping[str, Any]], labels: Sequence[str | None], um_per_px: ArrayLike
    ) -> NDArray[np.float64]:
        """Diameter, low and high end in µm: float (N, 3); NaN at a pixel size that the correction was not fitted at.

        measured: measures of each particle's own outline, see features(). labels: class keys, as named.
        """
        inputs = features(measured, labels, um_per_px)
        low, high = self.um_per_px
        scales = np.asarray(um_per_px, float)
        known = (scales >= low) & (scales <= high)
        result = np.full((len(inputs), 3), np.nan)
        result[known] = self._with_intervals(inputs[known])
        return result

    def quantiles(self, inputs: Features) -> NDArray[np.float64]:
        """log(true diameter / ECD of the outline), median, low and high end before they are moved: float (N, 3)."""
        inside = np.clip(inputs, self.lowest, self.highest)
        hidden = np.broadcast_to((inside - self.mean) / self.spread, (len(self.first), *inside.shape))
        for weights in (self.first, self.second):
            hidden = np.tanh(hidden @ weights[:, :-1] + weights[:, -1:])
        logs = (hidden @ self.last[:, :-1] + self.last[:, -1:]).mean(0).astype(float)
        logs[:, 1] = np.minimum(logs[:, 1], logs[:, 0])
        logs[:, 2] = np.maximum(logs[:, 2], logs[:, 0])
        return logs

    def _with_intervals(self, inputs: Features) -> NDArray[np.float64]:
        logs = self.quantiles(inputs)
        ecd_um = np.exp(inputs[:, _SIZE].astype(float) + inputs[:, _SCALE])
        shift = self.shifts[groups(inputs, logs[:, 0])]
        low, high = logs[:, 1] - shift[:, 0], logs[:, 2] + shift[:, 1]
        ends = np.column_stack([logs[:, 0], np.minimum(low, logs[:, 0]), np.maximum(high, logs[:, 0])])
        return ecd_um[:, None] * np.exp(ends)


def groups(inputs: Features, median: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """(whether cut, size) of each particle as indices into SizeCorrection.shifts. median: of the log."""
    diameter = np.exp(inputs[:, _SIZE] + inputs[:, _SCALE] + median)
    size = np.searchsorted(SIZE_EDGES_UM, diameter, side="right") - 1
    return (inputs[:, _CUT] > 0.5).astype(np.intp), np.maximum(size, 0)


def save_correction(correction: SizeCorrection, path: Path) -> None:
    """Write a correction as safetensors, its facts and pixel sizes in the header."""
    from safetensors.numpy import save_file

    arrays = {name: np.ascontiguousarray(getattr(correction, name)) for name in _ARRAYS}
    about = {"um_per_px": list(correction.um_per_px), "facts": dict(correction.facts)}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(arrays, path, metadata={"correction": json.dumps(about, sort_keys=True)})


def load_correction(path: Path = SHIPPED) -> SizeCorrection:
    """Read a correction; the shipped one by default. Raises LabError where the file is missing or damaged."""
    return _load(path, path.stat().st_mtime_ns if path.is_file() else 0)


@lru_cache(maxsize=2)
def _load(path: Path, _version: int) -> SizeCorrection:
    try:
        metadata, tensors = read_tensors(path)
        about = json.loads(metadata["correction"])
        arrays = {name: tensors[name] for name in _ARRAYS}
        low, high = about["um_per_px"]
    except (OSError, KeyError, ValueError):
        raise LabError(f"The size correction {path.name} is missing or damaged; install SvP Lab again.") from None
    return SizeCorrection(**arrays, um_per_px=(float(low), float(high)), facts=about["facts"])


_ARRAYS = ("mean", "spread", "lowest", "highest", "first", "second", "last", "shifts")
