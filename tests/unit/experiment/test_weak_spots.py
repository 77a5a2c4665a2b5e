"""Conditional augmentation: only tiles of the sizes, or near the class, that a classifier gets wrong."""

import numpy as np
import pytest

from svp_core.experiment.leak_guard import Origin, SyntheticTiles
from svp_core.experiment.learners import Examples
from svp_core.experiment.weak_spots import diameters, weak_rows


def draw_disc(radius, seed):
    rows, columns = np.mgrid[:64, :64]
    inside = np.clip(radius - np.hypot(rows - 32, columns - 32) + 0.5, 0, 1)
    return (170 - 60 * inside + np.random.default_rng(seed).normal(0, 1, (64, 64))).clip(0, 255).astype(np.uint8)


@pytest.fixture
def own():
    """Class 1 has small discs that look like class 0 to the features, and large ones that do not."""
    rng = np.random.default_rng(0)
    radii = np.r_[rng.uniform(5, 20, 60), rng.uniform(5, 7, 20), rng.uniform(14, 20, 40)]
    labels = np.repeat([0, 1], 60)
    features = rng.normal(0, 1, (120, 4)).astype(np.float32)
    features[80:, 0] += 8
    tiles = np.stack([draw_disc(radius, k) for k, radius in enumerate(radii)])
    return Examples(tiles, features, labels)


def synthetic(radii):
    tiles = np.stack([draw_disc(radius, 900 + k) for k, radius in enumerate(radii)])
    count = len(radii)
    return SyntheticTiles(tiles, np.ones(count, np.int64), (Origin("drawn", frozenset()),), np.zeros(count, np.int64))


def test_only_the_sizes_with_low_recall_are_added(own):
    radii = np.r_[np.full(6, 5.5), np.full(6, 18.0)]
    rows = weak_rows("size", own, synthetic(radii), np.zeros((12, 4), np.float32), [1])
    assert rows.tolist() == [0, 1, 2, 3, 4, 5]


def test_only_tiles_near_the_confused_class_are_added(own):
    features = np.zeros((10, 4), np.float32)
    features[5:, 0] = 8  # surely class 1
    rows = weak_rows("confusion", own, synthetic(np.full(10, 9.0)), features, [1])
    assert rows.tolist() == [0, 1, 2, 3, 4]


def test_diameters_are_those_of_the_discs():
    found = diameters(np.stack([draw_disc(10, 1), np.full((64, 64), 170, np.uint8)]))
    assert found[0] == pytest.approx(20, rel=0.15)
    assert np.isnan(found[1])
