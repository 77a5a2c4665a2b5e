"""Counts by class and size: Poisson intervals, cumulative and between sizes, thresholds of classes."""

import numpy as np
import pytest
from scipy.stats import poisson

from svp_core.stats import counts
from tests.helpers.confusion import KEYS


@pytest.mark.parametrize(
    ("n", "low", "high"), [(0, 0, 3.689), (1, 0.0253, 5.572), (10, 4.795, 18.39), (100, 81.36, 121.6)]
)
def test_poisson_intervals_equal_the_published_table(n, low, high):
    assert counts.poisson_interval(n) == pytest.approx((low, high), rel=2e-3)
    if n:
        assert poisson.sf(n - 1, counts.poisson_interval(n)[0]) == pytest.approx(0.025)
    assert poisson.cdf(n, counts.poisson_interval(n)[1]) == pytest.approx(0.025)


def test_counts_are_cumulative_and_add_up():
    labels = ["protein", "protein", "air_bubble", "unsure", "protein"]
    rows = counts.count_table(labels, [1.0, 5.0, 30, 12, None], class_keys=KEYS, bins_um=(0, 5, 25), volume_ml=0.5)
    found = {(row.class_key, row.at_least_um): row for row in rows}
    # A particle without a size is in no bin.
    assert [found[key, 0.0].count for key in (*KEYS, "unsure", "all")] == [2, 0, 1, 1, 4]
    # A size on the edge belongs to the upper bin.
    assert [found["protein", edge].count for edge in (5.0, 25.0)] == [1, 0]
    assert found["all", 5.0].count == 3
    assert found["all", 25.0].count == 1
    assert found["all", 0.0].per_ml == 8
    assert found["all", 0.0].per_ml_high == pytest.approx(2 * 10.242, rel=1e-3)
    assert counts.count_table(labels, [9] * 5, class_keys=KEYS)[0].per_ml is None


def test_differential_bins_and_dilution():
    rows = counts.count_table(
        ["protein"] * 4,
        [2, 4.9, 5, 40],
        class_keys=KEYS,
        bins_um=(2, 5, 10),
        volume_ml=0.1,
        dilution=3,
        differential=True,
    )
    protein = [row for row in rows if row.class_key == "protein"]
    assert [(row.at_least_um, row.below_um, row.count) for row in protein] == [(2, 5, 2), (5, 10, 1), (10, None, 1)]
    assert protein[0].per_ml == pytest.approx(60)


def test_a_particle_below_the_threshold_of_its_class_is_unsure():
    probs = np.array([[0.6, 0.3, 0.1], [0.2, 0.6, 0.2], [0.1, 0.1, 0.8]])
    assert list(counts.apply_thresholds(probs, KEYS)) == list(KEYS)
    assert list(counts.apply_thresholds(probs, KEYS, thresholds={"protein": 0.7, "air_bubble": 0.8})) == [
        "unsure",
        "silicone_oil",
        "air_bubble",
    ]
    assert len(counts.apply_thresholds(np.zeros((0, 3)), KEYS)) == 0


def test_weights_make_the_concentration_and_leave_the_counts():
    labels, sizes, weights = ["a", "a", "b"], [6.0, 12.0, 30.0], [1.1, 1.3, 2.0]
    table = counts.count_table(labels, sizes, class_keys=["a", "b"], bins_um=[5, 10], volume_ml=0.5, weights=weights)
    by_key = {(row.class_key, row.at_least_um): row for row in table}
    assert by_key["a", 5.0].count == 2
    assert by_key["a", 5.0].per_ml == pytest.approx(2.4 / 0.5)
    assert by_key["b", 10.0].per_ml == pytest.approx(2.0 / 0.5)
    assert by_key["all", 10.0].per_ml == pytest.approx(3.3 / 0.5)
    same = counts.count_table(labels, sizes, class_keys=["a", "b"], bins_um=[5, 10], volume_ml=0.5, weights=[1, 1, 1])
    assert [row.per_ml_high for row in same] == pytest.approx(
        [
            row.per_ml_high
            for row in counts.count_table(labels, sizes, class_keys=["a", "b"], bins_um=[5, 10], volume_ml=0.5)
        ]
    )


def test_the_interval_of_a_weighted_sum_is_the_exact_one_for_equal_weights_and_covers_for_unequal_ones():
    low, high = counts.weighted_interval([2.0] * 7, 2.0)
    assert (low, high) == pytest.approx(tuple(2 * end for end in counts.poisson_interval(7)))
    assert counts.weighted_interval([], 1.5) == pytest.approx((0, 1.5 * counts.poisson_interval(0)[1]))
    rng, held = np.random.default_rng(3), 0
    weights, means = np.array([1.05, 1.2, 2.5]), np.array([6.0, 3.0, 1.0])
    for _ in range(600):
        drawn = np.repeat(weights, rng.poisson(means))
        low, high = counts.weighted_interval(drawn, 2.5)
        held += low <= (weights * means).sum() <= high
    assert held / 600 >= 0.94
