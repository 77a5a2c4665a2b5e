"""Copies: planted ones are found, fresh ones are not taken for copies, distances are what naive loops find."""

import numpy as np
import pytest
from scipy import ndimage
from scipy.stats import mannwhitneyu

from svp_core import audit
from svp_core.audit import two_sample
from svp_core.audit.copying import ct_z
from svp_core.audit.nearest_tiles import TileIndex
from svp_core.errors import LabError
from tests.helpers.drawn_discs import draw_discs


def orientations(tile):
    return [turned for k in range(4) for turned in (np.rot90(tile, k), np.rot90(tile, k)[:, ::-1])]


def naive_distance(tile, other):
    """Root mean square over the middle 60 x 60 px, smallest over orientations and shifts."""
    parts = [turned[2:62, 2:62].astype(float) for turned in orientations(tile)]
    windows = [other[down : down + 60, right : right + 60] for down in range(5) for right in range(5)]
    return min(np.sqrt(((part - window) ** 2).mean()) for part in parts for window in windows)


def test_nearest_tiles_are_what_naive_loops_find():
    others, tiles = draw_discs(12, seed=0), draw_discs(3, seed=1)
    tiles[2] = np.roll(np.rot90(others[7], 1)[:, ::-1], (2, -1), (0, 1))
    positions, distances = TileIndex(others).nearest(tiles)
    for tile, found, far in zip(tiles, positions, distances, strict=True):
        naive = np.array([naive_distance(tile, other) for other in others])
        assert list(found) == list(naive.argsort()[:2])
        np.testing.assert_allclose(far, np.sort(naive)[:2], atol=0.05)
    assert positions[2, 0] == 7
    assert distances[2, 0] < 0.1
    without, _ = TileIndex(others).nearest(tiles[2:], leave_out=np.array([7]))
    assert 7 not in without
    alone, far = TileIndex(others[:1]).nearest(tiles)
    assert alone[0].tolist() == [0, -1]
    assert np.isinf(far[0, 1])


def test_of_copies_in_any_orientation_the_first_stays():
    tiles = draw_discs(40, seed=0)
    tiles[5], tiles[30], tiles[31] = np.rot90(tiles[2]), tiles[8][:, ::-1], tiles[8]
    tiles[20] = tiles[19] + np.random.default_rng(0).integers(0, 2, (64, 64), dtype=np.uint8)  # 0.7 grey levels
    assert sorted(set(range(40)) - set(audit.distinct(tiles))) == [5, 20, 30, 31]
    assert 20 in audit.distinct(tiles, closer_than=0.1)
    assert audit.distinct(np.repeat(tiles[:1], 300, axis=0)).tolist() == [0]
    assert audit.distinct(tiles[:0]).tolist() == []


def quadrants(tiles):
    """A vector a tile that changes with its orientation: the mean levels of 4 x 4 parts."""
    return tiles.reshape(len(tiles), 4, 16, 4, 16).mean((2, 4)).reshape(len(tiles), 16)


@pytest.mark.parametrize("features", [None, quadrants])
def test_planted_copies_are_found(features):
    training, held_out, made = draw_discs(150, seed=0), draw_discs(60, seed=1), draw_discs(60, seed=2)
    fresh = audit.copy_test(synthetic=made, training=training, held_out=held_out, features=features)
    assert abs(fresh.ct_z) < 2.5
    assert fresh.ratio.value < 0.1
    assert fresh.closer_to_training.value == pytest.approx(0.5, abs=0.15)
    assert fresh.auth_pct == pytest.approx(fresh.held_out_auth_pct, abs=20)

    noise = np.random.default_rng(0).normal(0, 1, (40, 64, 64))
    made[:40] = (np.rot90(training[100:140], 1, (1, 2)) + noise).round().clip(0, 255).astype(np.uint8)
    found = audit.copy_test(synthetic=made, training=training, held_out=held_out, features=features)
    assert found.ct_z < -4
    assert found.ct_z < found.ct_z_unseen - 4
    assert found.ratio.low > fresh.held_out_ratio.high
    assert found.closer_to_training.value > fresh.closer_to_training.value
    assert found.auth_pct < found.held_out_auth_pct - 20
    assert (found.n, found.n_training, found.n_held_out) == (60, 150, 60)
    assert all(pair.training == pair.synthetic + 100 for pair in found.closest)


def test_smooth_tiles_are_no_copies():
    training, held_out, made = draw_discs(100, seed=0), draw_discs(200, seed=1), draw_discs(60, seed=2)
    smooth = np.stack([ndimage.gaussian_filter(tile.astype(float), 1) for tile in made]).round().astype(np.uint8)
    found = audit.copy_test(synthetic=smooth, training=training, held_out=held_out)
    assert found.ct_z < -2
    assert found.ct_z - found.ct_z_unseen > -2


def test_training_tiles_twice_are_one_picture():
    training, held_out = draw_discs(60, seed=0), draw_discs(20, seed=1)
    twice = np.concatenate([training, np.rot90(training, 2, (1, 2))])
    found = audit.copy_test(synthetic=training[:20], training=twice, held_out=held_out)
    # With the second copy counted, the two nearest were equally near and no ratio small.
    assert found.n_training == 60
    assert found.ratio.value == 1
    assert found.closest[0].training < 60


def test_ct_z_is_mann_whitney():
    rng = np.random.default_rng(0)
    made, held_out = rng.normal(0, 1, 40), rng.normal(0.3, 1, 70)
    farther = mannwhitneyu(made, held_out).statistic
    assert ct_z(made, held_out) == pytest.approx((farther - 1400) / np.sqrt(40 * 70 * 111 / 12))
    assert ct_z(held_out, made) == pytest.approx(-ct_z(made, held_out))
    assert ct_z(made - 5, held_out) < -8  # nearer to training = below 0


def test_a_copy_test_needs_tiles():
    tiles = draw_discs(10, seed=0)
    with pytest.raises(LabError, match="There are no held-out tiles"):
        audit.copy_test(synthetic=tiles, training=tiles, held_out=tiles[:0])
    with pytest.raises(LabError, match="The 9 training tiles are all one picture"):
        audit.copy_test(synthetic=tiles, training=np.repeat(tiles[:1], 9, axis=0), held_out=tiles)


def test_sets_alike_cannot_be_told_apart_and_smoother_ones_can(monkeypatch):
    monkeypatch.setattr(two_sample, "MIN_STEPS", 50)
    monkeypatch.setattr(two_sample, "PASSES", 0)
    real, made = draw_discs(120, seed=0), draw_discs(120, seed=1)
    alike = audit.two_sample_auc(real=real, synthetic=made)
    assert alike.value == pytest.approx(0.5, abs=0.1)
    assert alike.low < 0.5 < alike.high
    assert alike.n == 120
    smooth = np.stack([ndimage.gaussian_filter(tile.astype(float), 0.6) for tile in made]).round().astype(np.uint8)
    found = audit.two_sample_auc(real=real, synthetic=smooth[:100])
    assert found.value > 0.9
    assert found.n == 100
    monkeypatch.setattr(two_sample, "MIN_STEPS", 3)
    once, again = (audit.two_sample_auc(real=real[:30], synthetic=made, seed=5) for _ in range(2))
    assert once == again
    assert once.n == 30
    with pytest.raises(ValueError, match="got 5 real and 120 synthetic"):
        audit.two_sample_auc(real=real[:5], synthetic=made)
