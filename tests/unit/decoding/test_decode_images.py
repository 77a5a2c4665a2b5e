"""Decoding of image files: common formats, depths, and files that cannot be read."""

import io

import numpy as np
import pytest
from PIL import Image

from svp_core import images
from svp_core.decoding import files


def encoded(array, kind="PNG", **options):
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, kind, **options)
    return buffer.getvalue()


def ramp(height, width):
    """An asymmetric image: brightness depends on row and column."""
    return (np.arange(height)[:, None] * 2 + np.arange(width)).astype(np.uint8)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
def test_grey_images_are_decoded_exactly(kind):
    (pixels,) = files.decode_images(encoded(ramp(20, 30), kind))
    assert pixels.dtype == np.uint8
    assert np.array_equal(pixels, ramp(20, 30))


def test_jpeg_is_decoded():
    (pixels,) = files.decode_images(encoded(ramp(20, 30), "JPEG", quality=95))
    assert np.abs(pixels.astype(int) - ramp(20, 30)).max() <= 4


def test_every_page_of_a_tiff_is_an_image():
    originals = [Image.fromarray(ramp(8, 9) + k) for k in range(3)]
    buffer = io.BytesIO()
    originals[0].save(buffer, "TIFF", save_all=True, append_images=originals[1:])
    pages = files.decode_images(buffer.getvalue())
    assert [int(page[0, 0]) for page in pages] == [0, 1, 2]


@pytest.mark.parametrize("peak", [255, 1023, 4095, 65535])
def test_deep_images_are_scaled_to_eight_bits(peak):
    deep = np.array([[0, peak // 2, peak]], np.uint16)
    (pixels,) = files.decode_images(encoded(deep, "TIFF"))
    assert pixels.tolist() == [[0, 127, 255]]


def test_colour_stays_colour_and_grey_saved_as_colour_becomes_grey():
    colour = np.zeros((4, 5, 3), np.uint8)
    colour[..., 0] = 200
    assert files.decode_images(encoded(colour))[0].shape == (4, 5, 3)
    assert files.decode_images(encoded(ramp(4, 5)[..., None].repeat(3, 2)))[0].shape == (4, 5)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (b"Hello, this is text.", "not an image in PNG, JPEG, TIFF, BMP"),
        (encoded(np.random.default_rng(0).integers(0, 256, (40, 40), dtype=np.uint8))[:300], "damaged"),
    ],
    ids=["empty", "text", "cut off"],
)
def test_unreadable_data_raises_with_the_reason(data, reason):
    with pytest.raises(images.ImageUnreadable, match=reason):
        files.decode_images(data)


def test_oversized_image_is_rejected_before_it_is_decoded(monkeypatch):
    monkeypatch.setattr(images, "MAX_IMAGE_PX", 100)
    with pytest.raises(images.ImageUnreadable, match="20 x 30 px"):
        files.decode_images(encoded(ramp(30, 20)))
