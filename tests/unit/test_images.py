"""The pixel seam: every way in, tiles at native scale, the model's range, and what is refused."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from svp_core import images


def saved(array, kind="PNG", **options):
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, kind, **options)
    return buffer.getvalue()


def slope(height, width):
    """An asymmetric picture: brightness says row and column."""
    return (np.arange(height)[:, None] * 2 + np.arange(width)).astype(np.uint8)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
def test_grey_pictures_come_back_as_they_were(kind):
    (pixels,) = images.decode_images(saved(slope(20, 30), kind))
    assert pixels.dtype == np.uint8
    assert np.array_equal(pixels, slope(20, 30))


def test_jpeg_is_read():
    (pixels,) = images.decode_images(saved(slope(20, 30), "JPEG", quality=95))
    assert np.abs(pixels.astype(int) - slope(20, 30)).max() <= 4


def test_every_page_of_a_tiff_is_an_image():
    pages = [Image.fromarray(slope(8, 9) + k) for k in range(3)]
    buffer = io.BytesIO()
    pages[0].save(buffer, "TIFF", save_all=True, append_images=pages[1:])
    found = images.decode_images(buffer.getvalue())
    assert [int(page[0, 0]) for page in found] == [0, 1, 2]


@pytest.mark.parametrize("peak", [255, 1023, 4095, 65535])
def test_deep_pictures_are_brought_to_eight_bits(peak):
    deep = np.array([[0, peak // 2, peak]], np.uint16)
    (pixels,) = images.decode_images(saved(deep, "TIFF"))
    assert pixels.tolist() == [[0, 127, 255]]


def test_colour_stays_colour_and_grey_saved_as_colour_becomes_grey():
    colour = np.zeros((4, 5, 3), np.uint8)
    colour[..., 0] = 200
    assert images.decode_images(saved(colour))[0].shape == (4, 5, 3)
    assert images.decode_images(saved(slope(4, 5)[..., None].repeat(3, 2)))[0].shape == (4, 5)


def test_grey_of_a_colour_is_its_luma():
    assert images.to_grey(np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)).tolist() == [[76, 150, 29]]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (b"Hello, this is text.", "not an image in PNG, JPEG, TIFF or BMP"),
        (saved(np.random.default_rng(0).integers(0, 256, (40, 40), dtype=np.uint8))[:300], "damaged"),
    ],
    ids=["empty", "text", "cut off"],
)
def test_what_cannot_be_read_says_why(data, reason):
    with pytest.raises(images.ImageUnreadable, match=reason):
        images.decode_images(data)


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_unpacked(monkeypatch):
    monkeypatch.setattr(images, "MAX_IMAGE_PX", 100)
    with pytest.raises(images.ImageUnreadable, match="20 x 30 px"):
        images.decode_images(saved(slope(30, 20)))


def test_a_small_crop_is_padded_with_its_own_background_and_not_resized():
    crop = np.full((10, 21), 150, np.uint8)
    crop[5, 10] = 20
    tile = images.to_tile(crop)
    assert tile.shape == (64, 64)
    assert (tile == 20).sum() == 1
    assert (tile == 150).sum() == 64 * 64 - 1
    assert tile[27 + 5, 21 + 10] == 20


def test_a_large_crop_is_cut_to_its_centre():
    crop = slope(80, 100)
    assert np.array_equal(images.to_tile(crop), crop[8:72, 18:82])


def test_a_tile_in_colour_is_that_in_grey_with_each_channels_own_background():
    pixels = np.stack([slope(30, 80), slope(30, 80) + 9, 200 - slope(30, 80)], axis=-1)
    tile = images.to_colour_tile(pixels)
    assert tile.shape == (64, 64, 3)
    assert np.array_equal(images.to_grey(tile)[17:47], images.to_tile(pixels)[17:47])
    assert np.array_equal(tile[17:47], pixels[:, 8:72])
    assert tile[0, 0].tolist() == [round(images.background_level(pixels[..., channel])) for channel in range(3)]
    grey = images.to_colour_tile(slope(30, 80))
    assert all(np.array_equal(grey[..., channel], images.to_tile(slope(30, 80))) for channel in range(3))


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 2), (3, 3), (7, 4), (64, 64), (33, 50)])
def test_background_is_the_median_of_the_border(shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    border = np.concatenate([pixels[0], pixels[-1], pixels[1:-1, 0], pixels[1:-1, -1]])
    assert images.background_level(pixels) == np.median(border)


def test_background_is_taken_from_the_border():
    crop = np.full((20, 20), 160, np.uint8)
    crop[2:-2, 2:-2] = 0
    assert images.background_level(crop) == 160


def test_the_model_sees_minus_one_to_one_and_gives_the_same_tiles_back():
    tiles = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    tensor = images.to_model(tiles)
    assert tensor.shape == (1, 1, 16, 16)
    assert tensor.min() == -1
    assert tensor.max() == 1
    assert np.array_equal(images.from_model(tensor), tiles)


def test_values_outside_the_range_are_clipped_not_wrapped():
    assert images.from_model(torch.tensor([[[[-2.0, 3.0]]]])).tolist() == [[[0, 255]]]


def test_a_contact_sheet_runs_row_by_row():
    tiles = np.stack([np.full((3, 4), level, np.uint8) for level in (10, 20, 30)])
    sheet = images.contact_sheet(tiles, columns=2, gap_px=1)
    assert sheet.shape == (7, 9)
    assert sheet[0, 0] == 10
    assert sheet[0, 5] == 20
    assert sheet[4, 0] == 30
    assert sheet[4, 5] == 255
    assert images.contact_sheet(tiles[:0], columns=2).shape == (0, 0)


def test_png_keeps_the_pixels():
    assert np.array_equal(np.array(Image.open(io.BytesIO(images.encode_png(slope(5, 6))))), slope(5, 6))
