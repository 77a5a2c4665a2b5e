"""What a run of beads of a certified diameter says of an instrument's sizes (system suitability).

Beads stick together and come with debris: the particles counted are whole, round, and of the main population. The bias
of a mean carries three uncertainties: its own (Student's t), that of the certificate, and, of a diameter corrected for
the optics, how much the correction of beads differs between simulated instruments.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t as student

from svp_core.errors import LabError

MIN_BEADS = 20
CERTIFIED_UM = (0.5, 200.0)  # smallest and largest accepted certified diameter, µm
WINDOW = 0.25  # a bead of the main population differs from its median by at most this share; two in contact by 0.41
MIN_ASPECT = 0.8  # of a single bead, as far as blur by motion leaves it round
_ROUNDS = 10  # in which the main population settles

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class BeadSize:
    """Mean size of the beads by one diameter, and its bias: (mean - certified) / certified, 95 % interval."""

    diameter: str  # column of results.csv
    n: int
    mean_um: float
    sd_um: float
    bias: float
    bias_low: float
    bias_high: float

    @property
    def cv(self) -> float:
        """Coefficient of variation, a share."""
        return self.sd_um / self.mean_um


@dataclass(frozen=True)
class PixelCheck:
    """The pixel size at which the beads would have their certified diameter, with its 95 % interval."""

    in_use: float  # µm per px
    implied: float
    low: float
    high: float

    @property
    def agrees(self) -> bool:
        """Whether the pixel size in use lies in the interval."""
        return self.low <= self.in_use <= self.high


@dataclass(frozen=True)
class SizeStandard:
    """Result of a size-standard run."""

    certified_um: float
    uncertainty_um: float  # expanded (k = 2), of the certificate; 0 where it is not known
    measured: int  # particles of the run with a size
    beads: int  # of these: whole, round, and of the main population
    sizes: tuple[BeadSize, ...]
    pixel: PixelCheck | None  # None where no corrected diameter is known
    created: str  # ISO 8601, UTC
    source: str  # title of the run

    def as_dict(self) -> dict[str, Any]:
        """For a profile's size_standard; from_dict reads it."""
        return asdict(self)


def from_dict(content: Mapping[str, Any] | None) -> SizeStandard | None:
    """The stored result; None where there is none, or this version cannot read it."""
    if not content:
        return None
    try:
        sizes = tuple(BeadSize(**size) for size in content["sizes"])
        pixel = PixelCheck(**content["pixel"]) if content["pixel"] else None
        return SizeStandard(**{**content, "sizes": sizes, "pixel": pixel})
    except (TypeError, KeyError):
        return None


def evaluate_beads(
    diameters: Mapping[str, ArrayLike],
    *,
    selected_by: str,
    corrected: str,
    aspect_ratio: ArrayLike,
    cut: ArrayLike,
    um_per_px: float,
    certified_um: float,
    uncertainty_um: float = 0.0,
    correction_sd: float = 0.0,
    created: str = "",
    source: str = "",
) -> SizeStandard:
    """SizeStandard of a run of beads.

    diameters: column -> µm (N,), NaN where not measured. selected_by, corrected: the columns by which the main
    population is found, and whose mean should be the certified one. correction_sd: relative s.d. between instruments
    of that mean. Raises LabError for an impossible certificate and for fewer than MIN_BEADS beads.
    """
    check_certificate(certified_um, uncertainty_um)
    columns = {name: np.asarray(values, float) for name, values in diameters.items()}
    sizes, round_ones = columns[selected_by], np.asarray(aspect_ratio, float) >= MIN_ASPECT
    whole = np.isfinite(sizes) & ~np.asarray(cut, bool) & round_ones
    beads = whole & main_population(np.where(whole, sizes, np.nan))
    if beads.sum() < MIN_BEADS:
        raise LabError(
            f"Only {beads.sum():,} of {len(sizes):,} particles are whole, round and of one size; a size standard needs "
            f"{MIN_BEADS}, so choose a run of beads."
        )
    certificate = uncertainty_um / 2 / certified_um
    found = [
        _bead_size(
            *(name, values[beads], certified_um, math.hypot(certificate, correction_sd if name == corrected else 0.0))
        )
        for name, values in columns.items()
        if np.isfinite(values[beads]).sum() >= MIN_BEADS
    ]
    by_name = {size.diameter: size for size in found}
    pixel = _pixel_check(by_name[corrected], um_per_px) if corrected in by_name else None
    total = int(np.isfinite(sizes).sum())
    return SizeStandard(
        certified_um, uncertainty_um, total, int(beads.sum()), tuple(found), pixel, created=created, source=source
    )


def check_certificate(certified_um: float, uncertainty_um: float) -> None:
    """Raise LabError where this is no certified diameter with its uncertainty."""
    low, high = CERTIFIED_UM
    if not low <= certified_um <= high:
        raise LabError(f"A certified diameter of {certified_um:g} µm is not possible; give {low:g} to {high:g} µm.")
    if not 0 <= uncertainty_um < certified_um / 2:
        raise LabError(
            f"An uncertainty of {uncertainty_um:g} µm is not possible for {certified_um:g} µm; give that of the "
            "certificate (k = 2), or 0."
        )


def main_population(sizes: ArrayLike) -> Mask:
    """Mask (N,) of the sizes within WINDOW of the median of the largest population; NaN are not in it."""
    values = np.asarray(sizes, float)
    known = values[np.isfinite(values) & (values > 0)]
    if not len(known):
        return np.zeros(len(values), bool)
    centre = math.exp(_half_sample_mode(np.sort(np.log(known))))
    for _ in range(_ROUNDS):
        near = known[abs(known / centre - 1) <= WINDOW]
        centre = float(np.median(near))
    with np.errstate(invalid="ignore"):
        return abs(values / centre - 1) <= WINDOW


def _half_sample_mode(ordered: NDArray[np.float64]) -> float:
    """Mode of ordered values: of the half with the smallest range, again and again (Robertson and Cryer 1974)."""
    while len(ordered) > 2:
        half = (len(ordered) + 1) // 2
        ranges = ordered[half - 1 :] - ordered[: len(ordered) - half + 1]
        start = int(ranges.argmin())
        ordered = ordered[start : start + half]
    return float(ordered.mean())


def _bead_size(name: str, values: NDArray[np.float64], certified_um: float, relative_sd: float) -> BeadSize:
    """relative_sd: of what does not become smaller with more beads."""
    values = values[np.isfinite(values)]
    mean, sd, n = float(values.mean()), float(values.std(ddof=1)), len(values)
    standard_error = math.hypot(sd / math.sqrt(n) / certified_um, relative_sd * mean / certified_um)
    half, bias = float(student.ppf(0.975, n - 1)) * standard_error, mean / certified_um - 1
    return BeadSize(name, n, mean, sd, bias, bias - half, bias + half)


def _pixel_check(size: BeadSize, um_per_px: float) -> PixelCheck:
    low, high = (um_per_px / (1 + bias) for bias in (size.bias_high, max(size.bias_low, -0.9)))
    return PixelCheck(um_per_px, um_per_px / (1 + size.bias), low, high)
