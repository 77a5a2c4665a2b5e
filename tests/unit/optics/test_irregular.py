"""Irregular particles: outlines of the requested size and shape, fillings that differ, maps spread over slices."""

import numpy as np
import pytest

from svp_core.optics import irregular, shapes

GRID = shapes.Grid(128, 0.5, 1.0)
ROUND = irregular.Outline(half_length_um=12.0, aspect=0.9, bend=0.0, roughness=0.0)


def test_smooth_outline_is_its_ellipse():
    depth = irregular.depth_inside(np.random.default_rng(0), ROUND, GRID)
    area = (depth > 0).sum() * GRID.px_um**2
    assert area == pytest.approx(np.pi * 12 * 12 * 0.9, rel=0.02)
    assert depth.max() == pytest.approx(1, abs=0.05)


def test_roughness_makes_the_outline_longer():
    def perimeter(roughness):
        outline = irregular.Outline(12.0, 0.7, 0.0, roughness)
        inside = irregular.depth_inside(np.random.default_rng(1), outline, GRID) > 0
        return (inside[1:] != inside[:-1]).sum() + (inside[:, 1:] != inside[:, :-1]).sum()

    assert perimeter(0.3) > 1.2 * perimeter(0.0)


def test_random_field_is_standardised_and_its_structures_have_the_requested_size():
    def correlation(longest_um):
        field = irregular.random_field(np.random.default_rng(2), GRID, longest_um, exponent=2.0)
        assert field.mean() == pytest.approx(0, abs=1e-3)
        assert field.std() == pytest.approx(1, abs=1e-3)
        return (field[:, 8:] * field[:, :-8]).mean()

    assert correlation(20.0) > correlation(2.0) + 0.2


@pytest.mark.parametrize("filling", irregular.PROTEIN_FILLINGS)
def test_filling_is_a_map_from_0_to_1_that_ends_within_the_grid(filling):
    path = irregular.filled(np.random.default_rng(3), filling, ROUND, GRID)
    assert path.dtype == np.float32
    assert path.max() == pytest.approx(1, abs=1e-5)
    assert path.min() == 0
    assert not np.pad(np.zeros((112, 112), bool), 8, constant_values=True)[path > 0].any()


def test_folds_cover_less_of_the_particle_than_its_bulk():
    def covered(filling):
        paths = [irregular.filled(np.random.default_rng(k), filling, ROUND, GRID) for k in range(8)]
        return np.mean([(path > 0.5).mean() for path in paths])

    assert covered("strands") < covered("bulk")
    assert covered("sheet") < covered("bulk")


def test_slices_add_up_to_the_map():
    rng = np.random.default_rng(4)
    path = irregular.filled(rng, "sheet", ROUND, GRID)
    volume = irregular.place(rng, path, GRID, relief_um=4.0)
    assert len(volume) > 1
    assert np.allclose(volume.sum(0), path, atol=1e-5)
    assert irregular.place(rng, path, GRID, relief_um=0.0).shape == (1, 128, 128)


def test_angular_piece_has_its_size():
    areas = [irregular.polygonal(np.random.default_rng(k), 10.0, GRID).sum() * GRID.px_um**2 for k in range(20)]
    diameters = np.sqrt(4 / np.pi * np.array(areas))
    assert 9 < np.median(diameters) < 18
    assert diameters.max() < 21
