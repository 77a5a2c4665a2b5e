"""The only pixel seam: bytes <-> uint8 arrays <-> model tensors, and how a crop becomes a tile.

Everywhere between modules an image is uint8, (H, W) or (H, W, 3), 0..255. Inside a network it is a float32 tensor
(N, 1, H, W), -1..1. This module knows no particle class, no instrument and no screen. PyTorch is loaded only where a
tensor is made: processes that read images start in a tenth of the time and memory without it.
"""

import io
from contextlib import contextmanager

import numpy as np
from PIL import Image, ImageSequence, UnidentifiedImageError

TILE_PX = 64
MAX_IMAGE_PX = 60_000_000  # larger than any camera frame or collage seen; bounds what one file can take in memory
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")

# Pillow modes that hold more than 8 bits a pixel.
_DEEP_MODES = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")


class ImageUnreadable(ValueError):
    """This file cannot be taken as an image. The text is the reason, fit for a results table."""


@contextmanager
def open_image(data):
    """The picture file in these bytes, opened by Pillow; faults in the with block, too, become ImageUnreadable."""
    if not data:
        raise ImageUnreadable("the file is empty")
    with image_errors(), Image.open(io.BytesIO(data)) as file:
        yield file


@contextmanager
def image_errors():
    """Whatever Pillow raises in this with block on a damaged or foreign file becomes ImageUnreadable."""
    try:
        yield
    except ImageUnreadable:
        raise
    except UnidentifiedImageError:
        raise ImageUnreadable("this is not an image in PNG, JPEG, TIFF or BMP format") from None
    except Image.DecompressionBombError:
        raise ImageUnreadable(f"the image is larger than {MAX_IMAGE_PX // 1_000_000} megapixels") from None
    # Pillow's decoders raise these, and only these kinds, on damaged files.
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError, IndexError, TypeError, KeyError) as error:
        raise ImageUnreadable(f"the image is damaged ({str(error) or type(error).__name__})") from None


def decode_images(data):
    """Every image in one file's bytes: a list of uint8 arrays, as page_pixels gives them, one per page.

    Raises ImageUnreadable with the reason when any page is damaged.
    """
    with open_image(data) as file:
        return [page_pixels(page) for page in ImageSequence.Iterator(file)]


def page_pixels(page):
    """uint8 array, (H, W) if grey and (H, W, 3) if colour, of the page at which a file of open_image stands.

    Deep images (10 to 16 bits) are brought to 8 by the smallest of 8, 10, 12, 14, 16 bits that holds their brightest
    pixel, since files do not say how many of the 16 bits the camera used. Transparency is dropped.
    Raises ImageUnreadable for an image that is too large, or whose values are no levels.
    """
    if page.width * page.height > MAX_IMAGE_PX:
        raise ImageUnreadable(
            f"the image is {page.width} x {page.height} px; at most {MAX_IMAGE_PX // 1_000_000} megapixels are read"
        )
    return _to_uint8(page)


def _to_uint8(page):
    if page.mode in _DEEP_MODES:
        deep = np.asarray(page).astype(np.float64)
        if not np.isfinite(deep).all() or deep.min() < 0:
            raise ImageUnreadable("the image holds negative or undefined pixel values")
        peak = deep.max()
        bits = next((b for b in (8, 10, 12, 14, 16) if peak < 2**b), None)
        if bits is None:
            raise ImageUnreadable(f"the brightest pixel is {peak:.0f}; at most 16 bits (65535) are read")
        return np.round(deep * (255 / (2**bits - 1))).astype(np.uint8)
    if page.mode in ("L", "1", "LA"):
        return np.array(page if page.mode == "L" else page.convert("L"))
    colour = np.array(page.convert("RGB"))
    # A grey picture saved as colour is a grey picture.
    if (colour[..., 0] == colour[..., 1]).all() and (colour[..., 1] == colour[..., 2]).all():
        return np.ascontiguousarray(colour[..., 0])
    return colour


def to_grey(pixels):
    """uint8 (H, W) from uint8 (H, W) or (H, W, 3), by ITU-R 601 luma."""
    if pixels.ndim == 2:
        return pixels
    return np.round(pixels @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)


def background_level(pixels):
    """Grey level of the empty liquid around a particle: the median of the crop's outermost pixels, float 0..255."""
    grey = to_grey(pixels)
    border = np.concatenate([grey[0], grey[-1], grey[1:-1, 0], grey[1:-1, -1]])
    border.sort()
    # As np.median, which takes three times as long: this is asked several times of every particle.
    middle = len(border) // 2
    return float(border[middle]) if len(border) % 2 else (int(border[middle - 1]) + int(border[middle])) / 2


def to_tile(pixels, *, tile_px=TILE_PX):
    """uint8 (tile_px, tile_px) at native scale: padded with the crop's own background, centre-cropped where too large.

    pixels: uint8 (H, W) or (H, W, 3). Nothing is resized, so a pixel keeps its size in um.
    """
    middle = _middle(to_grey(pixels), tile_px)
    return middle if middle.shape == (tile_px, tile_px) else _framed(middle, round(background_level(pixels)), tile_px)


def to_colour_tile(pixels, *, tile_px=TILE_PX):
    """uint8 (tile_px, tile_px, 3): the tile of to_tile in colour, padded with the background of each channel.

    pixels: uint8 (H, W, 3), or (H, W), whose channels are then all the same.
    """
    if pixels.ndim == 2:
        return np.repeat(to_tile(pixels, tile_px=tile_px)[..., None], 3, axis=2)
    middle = _middle(pixels, tile_px)
    if middle.shape == (tile_px, tile_px, 3):
        return middle
    return _framed(middle, [round(background_level(pixels[..., channel])) for channel in range(3)], tile_px)


def _middle(pixels, tile_px):
    """The pixels, or the middle of what is larger than a tile."""
    top, left = (max(0, size - tile_px) // 2 for size in pixels.shape[:2])
    return np.ascontiguousarray(pixels[top : top + tile_px, left : left + tile_px])


def _framed(pixels, level, tile_px):
    """A square with these pixels in its middle and this level around them."""
    height, width = pixels.shape[:2]
    tile = np.empty((tile_px, tile_px, *pixels.shape[2:]), np.uint8)
    tile[:] = level
    top, left = (tile_px - height) // 2, (tile_px - width) // 2
    tile[top : top + height, left : left + width] = pixels
    return tile


def to_model(tiles, device=None):
    """float32 tensor (N, 1, H, W), -1..1, from uint8 tiles (N, H, W); on this torch.device, None is the processor."""
    import torch

    levels = torch.from_numpy(np.array(tiles))
    if device is not None and device.type == "cuda":
        # Bytes travel, while the processor goes on with something else.
        levels = levels.pin_memory().to(device, non_blocking=True)
    return levels.float().div_(127.5).sub_(1)[:, None]


def from_model(images):
    """uint8 tiles (N, H, W) from a float tensor (N, 1, H, W), -1..1; values outside are clipped."""
    import torch

    levels = images.detach().float().add(1).mul(127.5).round().clamp(0, 255)
    return levels[:, 0].to(torch.uint8).cpu().numpy()


def encode_png(pixels):
    """PNG bytes of a uint8 image (H, W) or (H, W, 3); the same pixels give the same bytes."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()


def contact_sheet(tiles, *, columns, scale=1, gap_px=2, gap_level=255):
    """One uint8 picture (H, W) of many tiles in rows of `columns`; each pixel drawn scale x scale.

    tiles: uint8 (N, h, w). gap_level: grey level between tiles. N = 0 gives a picture of shape (0, 0).
    """
    if not len(tiles):
        return np.zeros((0, 0), np.uint8)
    columns = min(columns, len(tiles))
    rows = -(-len(tiles) // columns)
    height, width = tiles[0].shape[0] * scale + gap_px, tiles[0].shape[1] * scale + gap_px
    sheet = np.full((rows * height - gap_px, columns * width - gap_px), gap_level, np.uint8)
    for position, tile in enumerate(tiles):
        top, left = position // columns * height, position % columns * width
        sheet[top : top + height - gap_px, left : left + width - gap_px] = tile.repeat(scale, 0).repeat(scale, 1)
    return sheet
