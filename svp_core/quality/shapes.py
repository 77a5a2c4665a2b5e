"""Sizes, shapes and tones of two sets of particles: how far their distributions lie apart."""

import numpy as np
from scipy.stats import ks_2samp, wasserstein_distance

from svp_core.morphology import measure, segment
from svp_core.quality.texture import grain

# What is compared of each particle: see morphology.measure; grain: see texture.
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


def measure_tiles(tiles):
    """Everything compared, of each tile: float (N, 12), COLUMNS and touches_edge (0 or 1); nan where not measurable."""
    rows = np.full((len(tiles), len(COLUMNS) + 1), np.nan)
    for row, tile in zip(rows, tiles, strict=True):
        mask = segment(tile)
        found = {**measure(tile, mask=mask), "grain": grain(tile, mask)}
        row[:-1] = [np.nan if found[column] is None else found[column] for column in COLUMNS]
        row[-1] = found["touches_edge"]
    return rows


def of(rows, column):
    """One column of measure_tiles' rows, float (N,), without the tiles in which it could not be measured."""
    values = rows[:, COLUMNS.index(column)]
    return values[~np.isnan(values)]


def ks(column):
    """figure(real=, synthetic=) on measured rows: largest gap between the cumulative curves, 0..1 (Kolmogorov)."""

    def figure(*, real, synthetic):
        real, synthetic = of(real, column), of(synthetic, column)
        # Nothing measurable in one set only is as far apart as can be.
        if not len(real) or not len(synthetic):
            return float(len(real) != len(synthetic))
        return float(ks_2samp(real, synthetic, method="asymp").statistic)

    return figure


def mean_ks(*, real, synthetic):
    """Mean of the columns' gaps, 0..1."""
    return float(np.mean([ks(column)(real=real, synthetic=synthetic) for column in COLUMNS]))


def wasserstein(column):
    """figure(real=, synthetic=): how far the values have to be moved, in standard deviations of the real ones.

    nan where the real ones are all the same or nothing is measurable.
    """

    def figure(*, real, synthetic):
        real, synthetic = of(real, column), of(synthetic, column)
        if not len(real) or not len(synthetic) or not real.std():
            return float("nan")
        return float(wasserstein_distance(real, synthetic) / real.std())

    return figure


def roundness(rows):
    """Median minor / major axis of the particles that lie within their tile, 0..1; nan where none does."""
    whole = rows[(rows[:, -1] == 0) & ~np.isnan(rows[:, COLUMNS.index("aspect_ratio")])]
    return float(np.median(of(whole, "aspect_ratio"))) if len(whole) else float("nan")


def large(rows):
    """Share of tiles whose particle reaches their border."""
    return float(rows[:, -1].mean())


def unmeasurable(rows):
    """Share of tiles in which no particle stands out."""
    return float(np.isnan(rows[:, COLUMNS.index("area_px")]).mean())
