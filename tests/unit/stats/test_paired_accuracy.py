"""Paired accuracy: known shares, an independent interval, weights, swapped arguments."""

import numpy as np
import pytest
from scipy.stats import norm

from svp_core.stats.paired_accuracy import paired_accuracy


def test_shares_and_their_difference():
    before, after = (
        np.array([True] * 60 + [False] * 40),
        np.array([True] * 55 + [False] * 5 + [True] * 25 + [False] * 15),
    )
    found = paired_accuracy(before, after)
    assert (found.before.value, found.after.value) == (
        pytest.approx(0.6),
        pytest.approx(0.8),
    )
    assert found.n == found.after.n == 100
    assert found.difference.value == pytest.approx(0.2)
    assert 0 < found.difference.low < 0.2 < found.difference.high
    # Agresti and Min by their formula: 25 won, 5 lost, half a particle more in each cell.
    half = norm.ppf(0.975) * np.sqrt(25.5 + 5.5 - 20**2 / 102) / 102
    assert found.difference.high == pytest.approx(20 / 102 + half)
    assert paired_accuracy(after, before).difference.value == pytest.approx(-0.2)


def test_the_interval_of_a_difference_covers_the_truth():
    rng, held = np.random.default_rng(0), 0
    for _ in range(500):
        cell = rng.choice(4, 120, p=(0.6, 0.18, 0.06, 0.16))  # both, after only, before only, none
        found = paired_accuracy(np.isin(cell, (0, 2)), np.isin(cell, (0, 1))).difference
        held += found.low <= 0.12 <= found.high
    assert held >= 0.93 * 500


def test_a_difference_of_zero_still_has_an_interval():
    same = np.array([True, False] * 10)
    found = paired_accuracy(same, same).difference
    assert found.value == 0
    assert found.low < 0 < found.high


def test_a_weight_counts_as_that_many_particles():
    before, after = np.array([True, True, False, False]), np.array([True, True, True, False])
    found = paired_accuracy(before, after, np.array([1, 1, 7, 1]))
    assert (found.before.value, found.after.value) == (pytest.approx(0.2), pytest.approx(0.9))
    even = paired_accuracy(np.tile(before, 25), np.tile(after, 25), np.full(100, 3.0))
    assert even == paired_accuracy(np.tile(before, 25), np.tile(after, 25))
