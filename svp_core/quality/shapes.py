"""Size, shape and grey levels of two sets of particles: distances between their distributions."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import ks_2samp, wasserstein_distance

from svp_core.morphology import measure, segment
from svp_core.quality.distances import PairMetric
from svp_core.quality.texture import grain

# Measures that are compared: those of morphology.measure, and the grain (see texture).
COLUMNS = (
    "area_px",
    "ecd_px",
    "perimeter_px",
    "aspect_ratio",
    "circularity",
    "feret_max_px",
    "feret_min_px",
    "mean_level",
    "contrast",
    "background_level",
    "grain",
)


def measure_tiles(tiles: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Measures of each tile, float (N, 12): COLUMNS, then touches_edge (0 or 1); NaN where not measurable."""
    rows = np.full((len(tiles), len(COLUMNS) + 1), np.nan)
    for row, tile in zip(rows, tiles, strict=True):
        mask = segment(tile)
        measures = {**measure(tile, mask=mask), "grain": grain(tile, mask)}
        row[:-1] = [np.nan if measures[column] is None else measures[column] for column in COLUMNS]
        row[-1] = measures["touches_edge"]
    return rows


def column_values(rows: NDArray[np.float64], column: str) -> NDArray[np.float64]:
    """One column of the rows of measure_tiles, float (N,), without the tiles in which it could not be measured."""
    values = rows[:, COLUMNS.index(column)]
    return values[~np.isnan(values)]


def ks_metric(column: str) -> PairMetric:
    """Metric(real=, synthetic=) of measured rows: Kolmogorov-Smirnov distance of one column, 0..1, 0 = equal."""

    def ks_distance(*, real: NDArray[np.float64], synthetic: NDArray[np.float64]) -> float:
        real, synthetic = column_values(real, column), column_values(synthetic, column)
        # A column that is measurable in only one of the sets is at the greatest distance.
        if not len(real) or not len(synthetic):
            return float(len(real) != len(synthetic))
        result: Any = ks_2samp(real, synthetic, method="asymp")
        return float(result.statistic)

    return ks_distance


def mean_ks(*, real: NDArray[np.float64], synthetic: NDArray[np.float64]) -> float:
    """Mean Kolmogorov-Smirnov distance over the columns, 0..1."""
    return float(np.mean([ks_metric(column)(real=real, synthetic=synthetic) for column in COLUMNS]))


def wasserstein_metric(column: str) -> PairMetric:
    """Metric(real=, synthetic=) of measured rows: Wasserstein distance of one column, in standard deviations of real.

    NaN where all real values are equal or nothing is measurable.
    """

    def scaled_distance(*, real: NDArray[np.float64], synthetic: NDArray[np.float64]) -> float:
        real, synthetic = column_values(real, column), column_values(synthetic, column)
        if not len(real) or not len(synthetic) or not real.std():
            return float("nan")
        return float(wasserstein_distance(real, synthetic) / real.std())

    return scaled_distance


def median_roundness(rows: NDArray[np.float64]) -> float:
    """Median minor / major axis of the particles that lie within their tile, 0..1; NaN where none does."""
    whole = rows[(rows[:, -1] == 0) & ~np.isnan(rows[:, COLUMNS.index("aspect_ratio")])]
    return float(np.median(column_values(whole, "aspect_ratio"))) if len(whole) else float("nan")


def large_share(rows: NDArray[np.float64]) -> float:
    """Share of tiles whose particle reaches the border."""
    return float(rows[:, -1].mean())


def unmeasurable_share(rows: NDArray[np.float64]) -> float:
    """Share of tiles in which no particle stands out from the background."""
    return float(np.isnan(rows[:, COLUMNS.index("area_px")]).mean())
