"""Padded tiles are told from whole ones; crops and shapes follow the particle."""

import numpy as np
import pytest

from svp_core.images import to_tile
from svp_core.morphology import measure
from svp_core.novelty.shape import COLUMNS, shape_of_crop, shape_row, shape_rows
from svp_core.novelty.tile_forms import MARGIN_PX, PADDED, WHOLE, cut_out, forms_of
from tests.helpers.drawn_discs import draw_discs


def test_a_smaller_crop_gives_a_padded_tile():
    crops = [draw_discs(1, seed=seed)[0] for seed in range(5)]
    shapes = [(64, 64), (63, 64), (64, 40), (20, 30), (100, 64)]
    tiles = np.stack([to_tile(np.resize(crop, shape)) for crop, shape in zip(crops, shapes, strict=True)])
    assert forms_of(tiles).tolist() == [WHOLE, PADDED, PADDED, PADDED, WHOLE]
    assert forms_of(tiles[:0]).shape == (0,)


def test_a_cut_tile_holds_the_particle_and_a_margin():
    rng = np.random.default_rng(0)
    for tile in draw_discs(30, seed=1):
        crop = cut_out(tile, rng)
        assert crop is not None
        diameter = measure(tile)["feret_max_px"]
        assert diameter - 2 <= max(crop.shape) <= diameter + 2 * MARGIN_PX[1] + 2
        assert measure(crop)["ecd_px"] == pytest.approx(measure(tile)["ecd_px"], rel=0.15)
    assert cut_out(np.full((64, 64), 170, np.uint8), rng) is None


def test_a_shape_is_a_row_of_finite_numbers_or_says_that_there_is_none():
    tiles = draw_discs(4, seed=2)
    rows = shape_rows(tiles)
    assert rows.shape == (4, len(COLUMNS))
    assert np.isfinite(rows).all()
    np.testing.assert_allclose(np.exp(rows[:, 0]), [measure(tile)["ecd_px"] for tile in tiles], rtol=1e-5)
    np.testing.assert_array_equal(rows[0], shape_row(measure(tiles[0])))
    assert np.isnan(shape_of_crop(np.full((20, 20), 170, np.uint8))).all()
    assert shape_rows([]).shape == (0, len(COLUMNS))


def test_a_particle_larger_than_its_tile_is_measured_as_the_tile_shows_it():
    rows, columns = np.mgrid[:120, :120]
    disc = np.where(np.hypot(rows - 59.5, columns - 59.5) < 55, 90, 170).astype(np.uint8)
    centre = disc[28:92, 28:92]
    np.testing.assert_array_equal(shape_of_crop(disc), shape_row(measure(centre)))
