"""Lookalikes are found in every orientation and shift; different particles are not."""

import numpy as np
import pytest

from svp_core.experiment.lookalikes import find_lookalikes, group_lookalikes
from svp_core.near_duplicates import orient
from tests.helpers.drawn_discs import draw_discs
from tests.helpers.drawn_labels import draw_shapes


def shifted(tile, down, right):
    return np.roll(tile, (down, right), (0, 1))


@pytest.mark.parametrize("orientation", range(8))
@pytest.mark.parametrize(("down", "right"), [(0, 0), (2, -1), (-2, 2)])
def test_a_turned_and_shifted_copy_is_found(orientation, down, right):
    tiles = draw_discs(12, seed=3)
    copy = shifted(np.ascontiguousarray(orient(tiles[7], orientation)), down, right)
    noisy = (copy + np.random.default_rng(0).normal(6, 1.2, copy.shape)).clip(0, 255).astype(np.uint8)
    assert find_lookalikes(noisy[None], tiles).tolist() == [[0, 7]]
    assert find_lookalikes(tiles, noisy[None]).tolist() == [[7, 0]]


def test_a_copy_shifted_farther_is_another_picture():
    tiles = draw_discs(5, seed=4, grain=3)
    assert len(find_lookalikes(shifted(tiles[2], 5, 4)[None], tiles)) == 0


def test_different_particles_and_empty_tiles_are_no_lookalikes():
    tiles, _ = draw_shapes((30, 30, 30, 30), seed=5)
    empty = np.random.default_rng(6).normal(170, 1.0, (40, 64, 64)).round().astype(np.uint8)
    assert len(np.unique(group_lookalikes(np.concatenate([tiles, empty])))) == 160


def test_groups_join_copies_of_copies():
    tiles = draw_discs(4, seed=7)
    chain = np.stack([tiles[0], shifted(tiles[0], 2, 0), shifted(tiles[0], 4, 0), tiles[1]])
    groups = group_lookalikes(chain)
    assert groups[0] == groups[1] == groups[2] != groups[3]
    assert group_lookalikes(np.zeros((0, 64, 64), np.uint8)).tolist() == []


def test_small_particles_on_a_filled_background_are_told_apart():
    """A crop of 14 px in a tile of one level: almost all pixels agree, and still the particles are different ones."""
    rows, columns = np.mgrid[:14, :14] - 6.5
    far, tiles = np.hypot(rows, columns), np.full((3, 64, 64), 170, np.uint8)
    for tile, (radius, depth) in zip(tiles, ((4.0, 45), (4.6, 38), (4.0, 45)), strict=True):
        tile[25:39, 25:39] = (170 - depth * np.clip(radius - far + 0.5, 0, 1)).round()
    tiles[2] = shifted(tiles[2], 1, 2)
    assert np.sqrt(((tiles[0].astype(float) - tiles[1]) ** 2).mean()) < 2.2
    assert find_lookalikes(tiles[:1], tiles[1:]).tolist() == [[0, 1]]
