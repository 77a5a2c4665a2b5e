"""Volumes: size, index and centring, limited index, and monomers that touch."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from svp_core.optics import shapes

GRID = shapes.Grid(96, 0.25, 0.5)


@pytest.mark.parametrize("radius", [1.5, 3.0, 6.0])
def test_sphere_has_its_volume_and_index(radius):
    volume = shapes.union_of_spheres([[0, 0, 0]], [radius], 0.07, GRID)
    assert volume.sum() * 0.25**2 * 0.5 / 0.07 == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.02)
    assert volume.max() <= 0.07 * (1 + 1e-6)
    assert volume.min() >= 0


def test_overlapping_droplets_do_not_add_up():
    apart = shapes.union_of_spheres([[-2, 0, 0], [2, 0, 0]], [2, 2], 0.07, GRID)
    merged = shapes.union_of_spheres([[-0.5, 0, 0], [0.5, 0, 0]], [2, 2], 0.07, GRID)
    assert merged.max() <= 0.07 * (1 + 1e-6)
    assert merged.sum() < 0.75 * apart.sum()


def test_blob_integral_does_not_depend_on_the_voxel_size():
    totals = []
    for px, dz in ((0.25, 0.5), (0.5, 1.0)):
        grid = shapes.Grid(64, px, dz)
        blob = shapes.gaussian_blobs(np.array([[0.3, -0.2, 0.1]]), np.array([0.6]), np.array([1.0]), grid)
        totals.append(blob.sum() * px**2 * dz)
    assert totals[0] == pytest.approx((2 * np.pi) ** 1.5 * 0.6**3, rel=0.08)
    assert totals[1] == pytest.approx(totals[0], rel=0.08)


def test_x_is_the_column_y_the_row_and_z_the_slice():
    blob = shapes.gaussian_blobs(np.array([[3.0, -5.0, 2.0]]), np.array([0.5]), np.array([1.0]), GRID)
    z, y, x = np.unravel_index(blob.argmax(), blob.shape)
    assert (x - 48) * 0.25 == pytest.approx(3.0, abs=0.25)
    assert (y - 48) * 0.25 == pytest.approx(-5.0, abs=0.25)
    assert (z - (blob.shape[0] - 1) / 2) * 0.5 == pytest.approx(2.0, abs=0.5)


def test_overlap_saturates():
    assert shapes.saturate(np.array([0.0, 1.0, 50.0]), 0.04) == pytest.approx([0, 0.04 * (1 - np.exp(-1)), 0.04])


@pytest.mark.parametrize("count", [2, 7, 32])
def test_monomers_of_an_aggregate_touch_and_do_not_overlap(count):
    points = shapes.aggregate(np.random.default_rng(count), count, 0.9, tries=3)
    distances = squareform(pdist(points)) + np.eye(count) * 9
    assert points.shape == (count, 3)
    assert np.abs(points.mean(0)).max() < 1e-9
    assert distances.min() > 0.9 - 1e-6
    assert (distances.min(1) < 0.9 + 1e-6).all()


def test_open_aggregates_are_larger_than_dense_ones():
    def size(dense):
        rng = np.random.default_rng(0)
        return np.mean([shapes.aggregate(rng, 48, 1.0, tries=6, dense=dense).std() for _ in range(6)])

    assert size(dense=False) > 1.15 * size(dense=True)


@pytest.mark.parametrize("draw", [shapes.felt, shapes.thread])
def test_worm_like_chains_stay_within_their_box(draw):
    points = draw(np.random.default_rng(2))
    assert points.shape[1] == 3
    assert np.abs(points).max() < 14
    assert np.abs(points.mean(0)).max() < 1e-9


def test_fibre_is_long_and_thin():
    points, spacing = shapes.fibre(np.random.default_rng(3))
    length = np.linalg.norm(np.diff(points, axis=0), axis=1).sum()
    assert 9 < length < 25
    assert spacing == pytest.approx(length / 79, rel=0.1)
    assert np.ptp(points[:, 2]) < 0.4 * length


def test_flake_is_flat_with_a_single_index():
    volume = shapes.flake(np.random.default_rng(4), 5.0, 0.186, GRID)
    filled = volume.sum() * 0.25**2 * 0.5 / 0.186
    assert volume.max() <= 0.186 * (1 + 1e-6)
    assert 0.5 < filled < 0.3 * 4 / 3 * np.pi * 5**3


def test_a_third_droplet_touches_the_second_and_the_area_stays():
    centres, radii = np.array([[-3.0, 0, 0], [2.0, 1.0, 0]]), np.array([3.0, 2.0])
    middle = np.average(centres, axis=0, weights=radii**2)
    for seed in range(20):
        joined, of_all = shapes.add_droplet(np.random.default_rng(seed), centres, radii)
        apart = np.linalg.norm(joined[2] - joined[1]) / (of_all[1] + of_all[2])
        assert 1 <= apart <= 1.02
        assert 0.5 <= of_all[2] / of_all[1] <= 1
        assert (of_all**2).sum() == pytest.approx((radii**2).sum())
        np.testing.assert_allclose(np.average(joined, axis=0, weights=of_all**2), middle, atol=1e-9)
