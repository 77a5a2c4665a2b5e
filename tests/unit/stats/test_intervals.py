"""Intervals: Wilson's against scipy and by hand, bootstrap on a statistic whose sampling error is known."""

import numpy as np
import pytest
from scipy.stats import binomtest

from svp_core.stats.intervals import Z95, estimate_share, interval_from_resamples, resampling_interval


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (10, 10), (1, 3), (93, 100), (5000, 20_000)])
def test_the_interval_of_a_share_is_wilsons(hits, n):
    expected = binomtest(hits, n).proportion_ci(0.95, method="wilson")
    of_items = estimate_share([True] * hits + [False] * (n - hits))
    of_share = estimate_share(hits / n, n=n)  # the formula for effective sample sizes
    for estimate in (of_items, of_share):
        assert (estimate.low, estimate.high) == pytest.approx((expected.low, expected.high), abs=1e-9)
        assert estimate.value == pytest.approx(hits / n)
        assert estimate.low <= estimate.value <= estimate.high
        assert estimate.n == n


def test_wilsons_interval_by_hand():
    # 7 of 10: centre (0.7 + z^2 / 20) / (1 + z^2 / 10).
    estimate = estimate_share([True] * 7 + [False] * 3)
    assert (estimate.low + estimate.high) / 2 == pytest.approx((0.7 + Z95**2 / 20) / (1 + Z95**2 / 10))


def test_an_effective_sample_size_need_not_be_whole():
    assert estimate_share(0.4, n=10).low < estimate_share(0.4, n=10.5).low < estimate_share(0.4, n=11).low


def test_a_bootstrap_of_the_mean_has_its_standard_error():
    sample = np.random.default_rng(0).normal(5, 2, 400)
    estimate = resampling_interval(lambda values: float(values.mean()), sample)
    assert estimate.value == pytest.approx(sample.mean())
    assert (estimate.high - estimate.low) / 2 == pytest.approx(Z95 * 2 / 20, rel=0.2)
    assert estimate.n == 400
    assert estimate == resampling_interval(lambda values: float(values.mean()), sample)


def test_an_interval_from_resamples_holds_95_percent_of_them():
    estimate = interval_from_resamples(50, np.arange(101), 7)
    assert (estimate.low, estimate.high, estimate.n) == (2.5, 97.5, 7)
