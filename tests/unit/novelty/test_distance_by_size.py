"""Distances of known particles that grow with their size: marked as often at every size, and strangers still found."""

import numpy as np
import pytest
from numpy.typing import NDArray

from svp_core.novelty.calibration import LEVEL, FormCalibration
from svp_core.novelty.distance_by_size import SIZES_PX, SizeTrend, fit_trend
from tests.helpers.drawn_novelty import calibrated

KNOTS = np.log(SIZES_PX)


def known_ones(count: int, seed: int) -> tuple[NDArray, NDArray, NDArray]:
    """(distances (N, 3), log sizes, named) of known particles; small ones of class 0 lie three times as far away."""
    rng = np.random.default_rng(seed)
    named, sizes = rng.integers(0, 2, count), rng.uniform(KNOTS[0], KNOTS[-1], count)
    scale = np.where((named == 0) & (sizes < np.log(9)), 3.0, 1.0)
    return scale[:, None] * rng.gamma(9, 1, (count, 3)), sizes, named


def marked(trend: SizeTrend | None, distances: NDArray, sizes: NDArray, named: NDArray) -> NDArray[np.bool_]:
    """Which are marked at LEVEL, among 2,000 other known ones."""
    calibration, of_calibration, of_class = known_ones(2000, seed=2)
    standardise = trend.standardise if trend else lambda values, *_: values
    form = FormCalibration(calibrated(each=50).known, standardise(calibration, of_calibration, of_class), of_class)
    return form.judge_distances(standardise(distances, sizes, named), named)[1] <= LEVEL


def test_known_ones_are_marked_as_often_at_every_size_and_strangers_of_usual_size_are_found():
    trend = fit_trend(*known_ones(2000, seed=1), class_count=2)
    distances, sizes, named = known_ones(8000, seed=3)
    small = (named == 0) & (sizes < np.log(8))
    large = (named == 0) & (sizes > np.log(11))
    without, by_size = (marked(each, distances, sizes, named) for each in (None, trend))
    assert without[small].mean() > 0.1
    assert without[large].mean() < 0.01
    assert by_size[small].mean() == pytest.approx(LEVEL, abs=0.02)
    assert by_size[large].mean() == pytest.approx(LEVEL, abs=0.02)
    far = 2 * distances[large]
    assert (
        marked(trend, far, sizes[large], named[large]).mean() > 3 * marked(None, far, sizes[large], named[large]).mean()
    )


def test_the_median_and_the_tail_of_a_size_are_0_and_1():
    distances, sizes, named = known_ones(60_000, seed=4)
    found = fit_trend(distances, sizes, named, class_count=2).standardise(distances, sizes, named)
    at = np.abs(sizes - KNOTS[5]) < 0.02
    np.testing.assert_allclose(np.quantile(found[at], 0.5, axis=0), 0, atol=0.25)
    np.testing.assert_allclose(np.quantile(found[at], 0.9, axis=0), 1, atol=0.25)
    assert found.dtype == np.float32


def test_a_class_of_few_has_the_trend_of_all_and_an_unknown_size_counts_as_a_middle_one():
    distances, sizes, named = known_ones(2000, seed=5)
    named[:] = 0
    named[:20] = 1
    trend = fit_trend(distances, sizes, named, class_count=2)
    every = fit_trend(distances, sizes, np.zeros_like(named), class_count=1)
    np.testing.assert_array_equal(trend.medians[1], every.medians[0])
    one, label = np.full((1, 3), 12.0), np.zeros(1, int)
    unknown = trend.standardise(one, np.array([np.nan]), label)
    np.testing.assert_array_equal(unknown, trend.standardise(one, KNOTS[[len(KNOTS) // 2]], label))
    assert not np.isfinite(trend.standardise(np.array([[1, 2, np.inf]]), np.array([np.nan]), label)[0, 2])


def test_equal_distances_have_a_positive_unit():
    trend = fit_trend(np.ones((300, 3)), np.linspace(1, 4, 300), np.zeros(300, int), class_count=1)
    assert np.isfinite(trend.standardise(np.full((1, 3), 2.0), np.array([2.0]), np.zeros(1, int))).all()
