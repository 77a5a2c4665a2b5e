"""Classical augmentation: every tile is a reference tile, changed within the stated limits."""

import numpy as np
import pytest
from scipy import ndimage

from svp_core import augmentation
from svp_core.images import background_level


def tile_with_disc(*, row=31.5, column=31.5, radius=9, level=170, particle=80):
    rows, columns = np.mgrid[:64, :64]
    edge = np.clip(radius + 0.5 - np.hypot(rows - row, columns - column), 0, 1)
    return np.round(level + (particle - level) * edge).astype(np.uint8)


@pytest.fixture(scope="module")
def parents():
    rng = np.random.default_rng(0)
    discs = [tile_with_disc(radius=radius) for radius in (5, 9, 14)]
    return np.stack([(disc + rng.normal(0, 1.5, disc.shape)).round().astype(np.uint8) for disc in discs])


def area(tile):
    return np.count_nonzero(tile < background_level(tile) - 30)


def test_the_same_seed_gives_the_same_tile_in_any_batch(parents):
    tiles, parents_of = augmentation.augment_tiles(parents, seeds=[5, 6, 7])
    alone, parent = augmentation.augment_tiles(parents, seeds=[6])
    assert tiles.shape == (3, 64, 64)
    assert tiles.dtype == np.uint8
    assert np.array_equal(tiles[1], alone[0])
    assert parents_of[1] == parent[0]
    assert not np.array_equal(tiles[0], tiles[1])


def test_no_seeds_give_an_empty_array_and_no_tiles_are_refused(parents):
    tiles, parents_of = augmentation.augment_tiles(parents, seeds=[])
    assert tiles.shape == (0, 64, 64)
    assert parents_of.shape == (0,)
    with pytest.raises(ValueError, match="at least one tile"):
        augmentation.augment_tiles(parents[:0], seeds=[1])


def test_changes_stay_within_the_stated_limits(parents):
    tiles, parents_of = augmentation.augment_tiles(parents, seeds=range(300))
    assert set(parents_of) == {0, 1, 2}
    levels = np.array([background_level(tile) for tile in tiles])
    assert abs(levels.mean() - 170) < 2
    assert 0.02 < np.log(levels / 170).std() < 0.04
    for tile, parent in zip(tiles, parents_of, strict=True):
        row, column = np.array(ndimage.center_of_mass(background_level(tile) - tile.astype(float) > 30))
        assert max(abs(row - 31.5), abs(column - 31.5)) <= augmentation.SHIFT_PX + 0.5
        ratio = area(tile) / area(parents[parent])
        assert 0.75 < ratio < 1.35
    # The background keeps its fine texture except for what interpolation smooths.
    texture = np.std(tiles[:, :8, :8] - tiles[:, :8, :8].mean((1, 2), keepdims=True), axis=(1, 2)).mean()
    assert 0.6 < texture / 1.5 < 1.05


def test_scale_and_shift_are_exact():
    tile = tile_with_disc(row=20, column=40).astype(np.float32)
    moved = augmentation.scale_and_shift(tile, 1.0, np.array([6.0, -3.0]))
    row, column = ndimage.center_of_mass(170 - moved)
    assert (row, column) == (pytest.approx(26, abs=0.1), pytest.approx(37, abs=0.1))
    larger = augmentation.scale_and_shift(tile_with_disc(radius=10).astype(np.float32), 1.1, np.zeros(2))
    assert np.count_nonzero(larger < 125) == pytest.approx(np.pi * 11**2, rel=0.03)


def test_all_eight_orientations_occur(monkeypatch):
    for name in ("SHIFT_PX", "BRIGHTNESS", "CONTRAST"):
        monkeypatch.setattr(augmentation, name, 0.0)
    monkeypatch.setattr(augmentation, "SCALE", 1.0)
    parent = np.full((1, 64, 64), 170, np.uint8)
    parent[0, 20:24, 30:50] = parent[0, 24:40, 30:34] = 60  # an L, unlike its mirror image
    tiles, _ = augmentation.augment_tiles(parent, seeds=range(100))
    orientations = [np.rot90(flipped, k) for flipped in (parent[0], parent[0][:, ::-1]) for k in range(4)]
    seen = {next(i for i, t in enumerate(orientations) if np.array_equal(t, tile)) for tile in tiles}
    assert seen == set(range(8))
