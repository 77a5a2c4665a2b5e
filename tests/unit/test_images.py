"""Image conversion: tiles at native scale, and the model's range."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from svp_core import images


def ramp(height, width):
    """An asymmetric image: brightness depends on row and column."""
    return (np.arange(height)[:, None] * 2 + np.arange(width)).astype(np.uint8)


def test_grey_level_of_a_colour_is_its_luma():
    assert images.to_grey(np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)).tolist() == [[76, 150, 29]]


def test_small_crop_is_padded_with_its_own_background_and_not_resized():
    crop = np.full((10, 21), 150, np.uint8)
    crop[5, 10] = 20
    tile = images.to_tile(crop)
    assert tile.shape == (64, 64)
    assert (tile == 20).sum() == 1
    assert (tile == 150).sum() == 64 * 64 - 1
    assert tile[27 + 5, 21 + 10] == 20


def test_large_crop_is_reduced_to_its_centre():
    crop = ramp(80, 100)
    assert np.array_equal(images.to_tile(crop), crop[8:72, 18:82])


def test_colour_tile_is_padded_with_the_background_of_each_channel():
    pixels = np.stack([ramp(30, 80), ramp(30, 80) + 9, 200 - ramp(30, 80)], axis=-1)
    tile = images.to_colour_tile(pixels)
    assert tile.shape == (64, 64, 3)
    assert np.array_equal(images.to_grey(tile)[17:47], images.to_tile(pixels)[17:47])
    assert np.array_equal(tile[17:47], pixels[:, 8:72])
    assert tile[0, 0].tolist() == [round(images.background_level(pixels[..., channel])) for channel in range(3)]
    grey = images.to_colour_tile(ramp(30, 80))
    assert all(np.array_equal(grey[..., channel], images.to_tile(ramp(30, 80))) for channel in range(3))


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 2), (3, 3), (7, 4), (64, 64), (33, 50)])
def test_background_is_the_median_of_the_border(shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    border = np.concatenate([pixels[0], pixels[-1], pixels[1:-1, 0], pixels[1:-1, -1]])
    assert images.background_level(pixels) == np.median(border)


def test_background_is_taken_from_the_border():
    crop = np.full((20, 20), 160, np.uint8)
    crop[2:-2, 2:-2] = 0
    assert images.background_level(crop) == 160


def test_model_range_is_minus_one_to_one_and_reversible():
    tiles = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    tensor = images.to_model(tiles)
    assert tensor.shape == (1, 1, 16, 16)
    assert tensor.min() == -1
    assert tensor.max() == 1
    assert np.array_equal(images.from_model(tensor), tiles)


def test_values_outside_the_range_are_clipped_not_wrapped():
    assert images.from_model(torch.tensor([[[[-2.0, 3.0]]]])).tolist() == [[[0, 255]]]


def test_contact_sheet_is_filled_row_by_row():
    tiles = np.stack([np.full((3, 4), level, np.uint8) for level in (10, 20, 30)])
    sheet = images.contact_sheet(tiles, columns=2, gap_px=1)
    assert sheet.shape == (7, 9)
    assert sheet[0, 0] == 10
    assert sheet[0, 5] == 20
    assert sheet[4, 0] == 30
    assert sheet[4, 5] == 255
    assert images.contact_sheet(tiles[:0], columns=2).shape == (0, 0)


def test_png_preserves_the_pixels():
    assert np.array_equal(np.array(Image.open(io.BytesIO(images.encode_png(ramp(5, 6))))), ramp(5, 6))
