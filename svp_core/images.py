"""Convert images: uint8 arrays <-> model tensors and PNG, and crops to tiles; files are decoded in svp_core.decoding.

Everywhere between modules an image is uint8, (H, W) or (H, W, 3), 0..255.
Inside a network it is a float32 tensor (N, 1, H, W), -1..1. This module does not depend on particle classes,
instruments or screens. PyTorch is imported only where a tensor is created: without it, processes that read images start
in a tenth of the time and memory.
"""

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError

if TYPE_CHECKING:
    import torch

TILE_PX = 64
MAX_IMAGE_PX = 60_000_000  # limits the memory for one file; larger than any camera frame or collage known
LARGE_IMAGE_PX = 16_000_000  # from which on an image needs a large part of 1 GB while it is read
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".webp")

_BLOCK_PX = 1_000_000
_refuses_large: ContextVar[bool] = ContextVar("refuses_large", default=False)


class ImageUnreadable(ValueError):
    """A file that cannot be read as an image. The text is the reason, as shown in a results table."""


class LargeImage(BaseException):
    """An image of more than LARGE_IMAGE_PX, where large ones are refused; not taken for damage."""


@contextmanager
def refusing_large() -> Iterator[None]:
    """In this block LargeImage is raised before a large image is decoded, for whom its memory would be too much."""
    token = _refuses_large.set(True)
    try:
        yield
    finally:
        _refuses_large.reset(token)


def check_size(width: int, height: int) -> None:
    """Raise ImageUnreadable where an image of so many pixels is not decoded."""
    if width * height > MAX_IMAGE_PX:
        limit = MAX_IMAGE_PX // 1_000_000
        raise ImageUnreadable(
            f"the image of {width} x {height} px has more than {limit} megapixels; cut it into smaller ones"
        )
    if _refuses_large.get() and width * height > LARGE_IMAGE_PX:
        raise LargeImage


@contextmanager
def open_image(data: bytes) -> Iterator[ImageFile.ImageFile]:
    """The image file in these bytes, opened by Pillow; errors in the with block also become ImageUnreadable."""
    if not data:
        raise ImageUnreadable("the file is empty; copy it again")
    with image_errors(), Image.open(io.BytesIO(data)) as file:
        yield file


@contextmanager
def image_errors() -> Iterator[None]:
    """Convert whatever Pillow raises in this with block on a damaged or unknown file to ImageUnreadable."""
    try:
        yield
    except ImageUnreadable:
        raise
    except UnidentifiedImageError:
        raise ImageUnreadable(
            "this is not an image in PNG, JPEG, TIFF, BMP, GIF or WebP format; save it in one of these"
        ) from None
    except Image.DecompressionBombError:
        raise ImageUnreadable(
            f"the image is larger than {MAX_IMAGE_PX // 1_000_000} megapixels; cut it into smaller ones"
        ) from None
    # Pillow's decoders raise these, and only these kinds, on damaged files.
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError, IndexError, TypeError, KeyError) as error:
        told = _told(error)
        if "nsupported" in told:
            raise ImageUnreadable(f"the image is of a kind that is not read ({told}); save it as PNG or TIFF") from None
        raise ImageUnreadable(f"the image is damaged ({told}); copy or save it again") from None


def _told(error: BaseException) -> str:
    """What an error says, without the object in a computer's memory that it says it of."""
    return re.sub(r"<[^<>]* at 0x[0-9a-f]+>", "the file", str(error)) or type(error).__name__


def to_grey(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Grey levels, uint8 (H, W), of an image uint8 (H, W) or (H, W, 3), by ITU-R 601 luma."""
    if pixels.ndim == 2:
        return pixels
    grey = np.empty(pixels.shape[:2], np.uint8)
    lines = max(1, _BLOCK_PX // max(1, pixels.shape[1]))  # at once: as floats they take eight times the memory
    for start in range(0, len(pixels), lines):
        grey[start : start + lines] = np.round(pixels[start : start + lines] @ np.array([0.299, 0.587, 0.114]))
    return grey


def background_level(pixels: NDArray[np.uint8]) -> float:
    """Grey level of the empty liquid around a particle: the median of the crop's outermost pixels, 0..255."""
    grey = to_grey(pixels)
    border = np.concatenate([grey[0], grey[-1], grey[1:-1, 0], grey[1:-1, -1]])
    border.sort()
    # Equal to np.median but three times as fast: this runs several times for every particle.
    middle = len(border) // 2
    return float(border[middle]) if len(border) % 2 else (int(border[middle - 1]) + int(border[middle])) / 2


def to_tile(pixels: NDArray[np.uint8], *, tile_px: int = TILE_PX) -> NDArray[np.uint8]:
    """Tile, uint8 (tile_px, tile_px), at native scale: padded with the crop's own background, or centre-cropped.

    pixels: uint8 (H, W) or (H, W, 3). Nothing is resized, so a pixel keeps its size in um.
    """
    centre = _centre_crop(to_grey(pixels), tile_px)
    return centre if centre.shape == (tile_px, tile_px) else _pad(centre, round(background_level(pixels)), tile_px)


def to_colour_tile(pixels: NDArray[np.uint8], *, tile_px: int = TILE_PX) -> NDArray[np.uint8]:
    """The tile of to_tile in colour, uint8 (tile_px, tile_px, 3), padded with the background of each channel.

    pixels: uint8 (H, W, 3), or (H, W), which gives three equal channels.
    """
    if pixels.ndim == 2:
        return np.repeat(to_tile(pixels, tile_px=tile_px)[..., None], 3, axis=2)
    centre = _centre_crop(pixels, tile_px)
    if centre.shape == (tile_px, tile_px, 3):
        return centre
    return _pad(centre, [round(background_level(pixels[..., channel])) for channel in range(3)], tile_px)


def _centre_crop(pixels: NDArray[np.uint8], tile_px: int) -> NDArray[np.uint8]:
    """The pixels, cropped around their centre to at most tile_px in each direction."""
    top, left = (max(0, size - tile_px) // 2 for size in pixels.shape[:2])
    return np.ascontiguousarray(pixels[top : top + tile_px, left : left + tile_px])


def _pad(pixels: NDArray[np.uint8], level: int | list[int], tile_px: int) -> NDArray[np.uint8]:
    """A square of tile_px with these pixels in its centre and this level (or one per channel) around them."""
    height, width = pixels.shape[:2]
    tile = np.empty((tile_px, tile_px, *pixels.shape[2:]), np.uint8)
    tile[:] = level
    top, left = (tile_px - height) // 2, (tile_px - width) // 2
    tile[top : top + height, left : left + width] = pixels
    return tile


def to_model(
    tiles: NDArray[np.uint8] | Sequence[NDArray[np.uint8]], device: "torch.device | None" = None
) -> "torch.Tensor":
    """Model input, float32 (N, 1, H, W), -1..1, from uint8 tiles (N, H, W), on this device; None is the CPU."""
    import torch

    levels = torch.from_numpy(np.array(tiles))
    if device is not None and device.type == "cuda":
        # Bytes are copied asynchronously, while the CPU continues.
        levels = levels.pin_memory().to(device, non_blocking=True)
    return levels.float().div_(127.5).sub_(1)[:, None]


def from_model(images: "torch.Tensor") -> NDArray[np.uint8]:
    """Tiles, uint8 (N, H, W), from a float tensor (N, 1, H, W), -1..1; values outside are clipped."""
    import torch

    levels = images.detach().float().add(1).mul(127.5).round().clamp(0, 255)
    return levels[:, 0].to(torch.uint8).cpu().numpy()


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """PNG bytes of a uint8 image (H, W) or (H, W, 3); the same pixels give the same bytes."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()


def contact_sheet(
    tiles: NDArray[np.uint8] | Sequence[NDArray[np.uint8]],
    *,
    columns: int,
    scale: int = 1,
    gap_px: int = 2,
    gap_level: int = 255,
) -> NDArray[np.uint8]:
    """One uint8 image (H, W) of many tiles in rows of `columns`; each pixel is drawn scale x scale.

    tiles: uint8 (N, h, w). gap_level: grey level between tiles. N = 0 gives an image of shape (0, 0).
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
