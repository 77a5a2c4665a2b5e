"""Copy and two-sample tests: planted copies are found, fresh tiles are not, distances equal those of naive loops."""

import numpy as np
import pytest
from scipy import ndimage
from scipy.stats import mannwhitneyu

from svp_core import audit
from svp_core.audit.copying import ct_z
from svp_core.audit.nearest_tiles import TileIndex
from svp_core.errors import LabError
from tests.helpers.drawn_discs import draw_discs


def all_orientations(tile):
    return [oriented for k in range(4) for oriented in (np.rot90(tile, k), np.rot90(tile, k)[:, ::-1])]


def naive_distance(tile, other):
    """Root mean square over the middle 60 x 60 px, smallest over orientations and shifts."""
    centres = [oriented[2:62, 2:62].astype(float) for oriented in all_orientations(tile)]
    windows = [other[down : down + 60, right : right + 60] for down in range(5) for right in range(5)]
    return min(np.sqrt(((centre - window) ** 2).mean()) for centre in centres for window in windows)


def test_nearest_tiles_equal_those_of_naive_loops():
    others, tiles = draw_discs(12, seed=0), draw_discs(3, seed=1)
    tiles[2] = np.roll(np.rot90(others[7], 1)[:, ::-1], (2, -1), (0, 1))
    positions, distances = TileIndex(others).nearest(tiles)
    for tile, nearest, nearest_distances in zip(tiles, positions, distances, strict=True):
        naive = np.array([naive_distance(tile, other) for other in others])
        assert list(nearest) == list(naive.argsort()[:2])
        np.testing.assert_allclose(nearest_distances, np.sort(naive)[:2], atol=0.05)
    assert positions[2, 0] == 7
    assert distances[2, 0] < 0.1
    others_only, _ = TileIndex(others).nearest(tiles[2:], exclude=np.array([7]))
    assert 7 not in others_only
    single, distances = TileIndex(others[:1]).nearest(tiles)
    assert single[0].tolist() == [0, -1]
    assert np.isinf(distances[0, 1])


def test_the_first_of_near_duplicates_in_any_orientation_is_kept():
    tiles = draw_discs(40, seed=0)
    tiles[5], tiles[30], tiles[31] = np.rot90(tiles[2]), tiles[8][:, ::-1], tiles[8]
    tiles[20] = tiles[19] + np.random.default_rng(0).integers(0, 2, (64, 64), dtype=np.uint8)  # 0.7 grey levels
    assert sorted(set(range(40)) - set(audit.distinct_tiles(tiles))) == [5, 20, 30, 31]
    assert 20 in audit.distinct_tiles(tiles, closer_than=0.1)
    assert audit.distinct_tiles(np.repeat(tiles[:1], 300, axis=0)).tolist() == [0]
    assert audit.distinct_tiles(tiles[:0]).tolist() == []


def quadrants(tiles):
    """Features that depend on the orientation: mean grey levels of a 4 x 4 grid, one vector per tile."""
    return tiles.reshape(len(tiles), 4, 16, 4, 16).mean((2, 4)).reshape(len(tiles), 16)


@pytest.mark.parametrize("features", [None, quadrants])
def test_planted_copies_are_found(features):
    training, held_out, synthetic = draw_discs(150, seed=0), draw_discs(60, seed=1), draw_discs(60, seed=2)
    fresh = audit.copy_test(synthetic=synthetic, training=training, held_out=held_out, features=features)
    assert abs(fresh.ct_z) < 2.5
    assert fresh.ratio.value < 0.1
    assert fresh.closer_to_training.value == pytest.approx(0.5, abs=0.15)
    assert fresh.auth_pct == pytest.approx(fresh.held_out_auth_pct, abs=20)

    noise = np.random.default_rng(0).normal(0, 1, (40, 64, 64))
    synthetic[:40] = (np.rot90(training[100:140], 1, (1, 2)) + noise).round().clip(0, 255).astype(np.uint8)
    result = audit.copy_test(synthetic=synthetic, training=training, held_out=held_out, features=features)
    assert result.ct_z < -4
    assert result.ct_z < result.ct_z_unseen - 4
    assert result.ratio.low > fresh.held_out_ratio.high
    assert result.closer_to_training.value > fresh.closer_to_training.value
    assert result.auth_pct < result.held_out_auth_pct - 20
    assert (result.n, result.n_training, result.n_held_out) == (60, 150, 60)
    assert all(pair.training == pair.synthetic + 100 for pair in result.closest)


def test_smooth_tiles_are_not_copies():
    training, held_out, synthetic = draw_discs(100, seed=0), draw_discs(200, seed=1), draw_discs(60, seed=2)
    smooth = np.stack([ndimage.gaussian_filter(tile.astype(float), 1) for tile in synthetic]).round().astype(np.uint8)
    result = audit.copy_test(synthetic=smooth, training=training, held_out=held_out)
    assert result.ct_z < -2
    assert result.ct_z - result.ct_z_unseen > -2


def test_repeated_training_tiles_count_once():
    training, held_out = draw_discs(60, seed=0), draw_discs(20, seed=1)
    twice = np.concatenate([training, np.rot90(training, 2, (1, 2))])
    result = audit.copy_test(synthetic=training[:20], training=twice, held_out=held_out)
    # With both counted, the two nearest would be equally near and no ratio small.
    assert result.n_training == 60
    assert result.ratio.value == 1
    assert result.closest[0].training < 60


def test_ct_z_equals_mann_whitney():
    rng = np.random.default_rng(0)
    synthetic, held_out = rng.normal(0, 1, 40), rng.normal(0.3, 1, 70)
    farther = mannwhitneyu(synthetic, held_out).statistic
    assert ct_z(synthetic, held_out) == pytest.approx((farther - 1400) / np.sqrt(40 * 70 * 111 / 12))
    assert ct_z(held_out, synthetic) == pytest.approx(-ct_z(synthetic, held_out))
    assert ct_z(synthetic - 5, held_out) < -8  # nearer to training is negative


def test_a_copy_test_needs_different_tiles_in_every_set():
    tiles = draw_discs(10, seed=0)
    with pytest.raises(LabError, match="There are no held-out tiles"):
        audit.copy_test(synthetic=tiles, training=tiles, held_out=tiles[:0])
    with pytest.raises(LabError, match="The 9 training tiles all show the same picture"):
        audit.copy_test(synthetic=tiles, training=np.repeat(tiles[:1], 9, axis=0), held_out=tiles)
