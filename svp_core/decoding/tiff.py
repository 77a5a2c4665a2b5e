"""Pages of TIFF files that Pillow cannot read, or reads with 8 bits only: any depth, kind, layout and compression."""

import io
import logging
import math
import re
import struct
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from svp_core.decoding.raw_image import RawImage, full_value, raw_image
from svp_core.images import MAX_IMAGE_PX, ImageUnreadable, check_size

# tifffile is imported in functions: most processes that read images never need it.
if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

MAX_PEEKED_PAGES = 8
MAX_SAMPLES = 16  # values a pixel, of the largest image: limits the memory
_BEYOND_THE_FILE = (struct.error, OverflowError)  # from an offset that lies behind its end, or is no offset at all
_HEADS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_SIMPLE_BITS = {1, 2, 4, 8}  # that Pillow reads as levels
_SIZES = {1: "B", 3: "H", 4: "I", 16: "Q"}  # field types of whole numbers: struct format
_DESCRIPTIONS = (270, 51123)  # ImageDescription, and Micro-Manager's metadata
_BITS, _SAMPLE_FORMAT, _ORIENTATION, _MAX_SAMPLE_VALUE = 258, 339, 274, 281
_ASSOCIATED, _UNASSOCIATED = 1, 2  # alpha, by the tag ExtraSamples
_IMAGES = re.compile(r"ImageJ=[\s\S]*?\bimages=(\d{1,7})\b")
_TRUNCATED = re.compile(r'\{(?=[\s\S]*"truncated": true)[\s\S]*"shape": \[([\d, ]{1,80})\]')  # of tifffile
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _YCBCR = 0, 1, 2, 6  # photometric interpretations
_PHOTOMETRIC, _SAMPLES, _PLANAR, _EXTRA_SAMPLES = 262, 277, 284, 338
_SEPARATE = 2  # planar configuration
_PEEKED = (_BITS, _SAMPLE_FORMAT, _PHOTOMETRIC, _SAMPLES, _PLANAR, _EXTRA_SAMPLES)

# What it warns of either does not matter here or ends as the reason of a rejected page.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)


def is_tiff(data: bytes) -> bool:
    """Whether a file that starts with these bytes is a TIFF, also one of 64-bit offsets."""
    return data[:4] in _HEADS


def needs_scale(data: bytes) -> bool:
    """Whether one of the first pages of a TIFF holds other values than levels of 8 bits; reads tags only."""
    return any(
        {*tags.get(_BITS, [8])} - _SIMPLE_BITS or {*tags.get(_SAMPLE_FORMAT, [1])} - {1, 4}
        for tags in islice(_iter_tags(data), MAX_PEEKED_PAGES)
    )


class Samples(NamedTuple):
    """The values of each pixel."""

    count: int
    colours: int  # 3 of an image in colour, else 1
    has_alpha: bool
    separate: bool  # whether those of one kind are stored as a plane


def samples_of(data: bytes) -> Samples | None:
    """Samples of the first page of a TIFF; None for pages that are neither grey nor RGB, or where tags are missing."""
    tags = next(_iter_tags(data), None)
    if tags is None:
        return None
    (photometric, *_), (count, *_), (planar, *_) = (tags.get(tag, [1]) for tag in (_PHOTOMETRIC, _SAMPLES, _PLANAR))
    if photometric not in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB):
        return None
    alpha = tags.get(_EXTRA_SAMPLES, [0])[0] in (_ASSOCIATED, _UNASSOCIATED)
    return Samples(count, 3 if photometric == _RGB else 1, alpha, planar == _SEPARATE)


class TiffPages:
    """A TIFF that is read by tifffile, opened when its first page is asked for."""

    def __init__(self, data: bytes | Path) -> None:
        """data: the file's bytes, or its path where it is too large to be in memory as a whole."""
        self._data = data

    @cached_property
    def _size(self) -> int:
        return self._data.stat().st_size if isinstance(self._data, Path) else len(self._data)

    @cached_property
    def _file(self) -> "TiffFile":
        from tifffile import TiffFile

        return TiffFile(self._data if isinstance(self._data, Path) else io.BytesIO(self._data))

    @cached_property
    def count(self) -> int:
        """Number of pages that can be found; 0 for a file that cannot be opened."""
        try:
            return len(self._file.pages)
        except Exception:  # its decoders raise whatever a damaged file leads to
            return 0

    @cached_property
    def description(self) -> str:
        """Description of the first page, which holds for all: OME and others write it once; "" if it is damaged."""
        try:
            return described({tag.code: tag.value for tag in self._page(0).tags if tag.code in _DESCRIPTIONS})
        except Exception:  # as for count
            return ""

    def have_samples(self, count: int) -> bool:
        """Whether each pixel of every page has so many values."""
        try:
            return all(self._page(number).samplesperpixel == count for number in range(self.count))
        except Exception:  # as for count
            return False

    def unlisted(self) -> int:
        """Number of images that lie one after the other behind the only page, as its description says; 1 without.

        So ImageJ writes stacks of more than 4 GB, and tifffile truncated ones. Raises ImageUnreadable where the file
        does not hold as many.
        """
        stated = _IMAGES.search(self.description) if self.count == 1 else None
        shaped = None if stated else _TRUNCATED.match(self.description) if self.count == 1 else None
        if stated is None and shaped is None:
            return 1
        page = self._page(0)
        count = int(stated[1]) if stated else math.prod(map(int, shaped[1].split(","))) // max(1, page.size)  # pyright: ignore[reportOptionalSubscript]
        if count < 2:
            return 1
        size = sum(page.databytecounts)
        if not page.is_contiguous or size != page.nbytes or page.dataoffsets[0] + count * size > self._size:
            raise ImageUnreadable(
                f"its description states {count:,} images, but only one can be found; save the stack again, as a TIFF "
                "with a page for each image"
            )
        return count

    def read_unlisted(self, number: int) -> RawImage:
        """Image `number` of those that unlisted() has counted. Raises ImageUnreadable with the reason."""
        page = self._page(0)
        start = page.dataoffsets[0] + number * page.nbytes
        kind = np.dtype(page.dtype).newbyteorder(page.parent.byteorder)
        if isinstance(self._data, Path):
            values = np.fromfile(self._data, kind, page.size, offset=start)
        else:
            values = np.frombuffer(self._data, kind, page.size, start)
        values = values.reshape(page.shape).astype(kind.newbyteorder("="))
        inverted = page.photometric == _WHITE_IS_ZERO
        if inverted and values.dtype == np.uint8:
            values, inverted = 255 - values, False
        bits = stated_bits({}, self.description) if values.dtype.kind in "ui" and values.dtype.itemsize > 1 else None
        return raw_image(np.ascontiguousarray(values), bits=bits, white_is_zero=inverted)

    def read(self, number: int, plane: int | None = None) -> RawImage:
        """Page `number`, or this plane of it, both counted from 0. Raises ImageUnreadable with the reason."""
        try:
            return _decode(self._page(number), self._size, self.description, plane)
        except ImageUnreadable:
            raise
        except Exception as error:
            raise ImageUnreadable(self._reason(number, error)) from None

    def _page(self, number: int) -> "TiffPage":
        return self._file.pages[number].aspage()

    def _reason(self, number: int, error: Exception) -> str:
        """Why a page cannot be read, with its kind, and what to save instead."""
        kind = ""
        try:
            page = self._page(number)
            compression = getattr(page.compression, "name", page.compression)
            kind = f" of {page.bitspersample} bits a sample, compression {compression}"
        except Exception:
            kind = ""
        detail = str(error).strip().splitlines()
        fault = detail[0][:120] if detail else type(error).__name__
        return f"this TIFF{kind} cannot be read ({fault}); save it as a TIFF of 8 or 16 bits, uncompressed or with LZW"


def may_hold_unlisted(description: str) -> bool:
    """Whether a page of this description may be followed by images that no page lists."""
    return "images=" in description or '"truncated"' in description


def described(tags: Mapping[int, object]) -> str:
    """The descriptions among a page's tags, as one text."""
    return " ".join(str(tags[code]) for code in _DESCRIPTIONS if code in tags)


def stated_bits(tags: Mapping[int, object], description: str) -> int | None:
    """Bits that a page says its values use, by BitsPerSample, MaxSampleValue or a microscope's description."""
    bits = tags.get(_BITS)
    bits = int(bits[0] if isinstance(bits, tuple) else bits or 8)  # pyright: ignore[reportArgumentType, reportIndexIssue]
    if bits not in (8, 16, 32, 64):
        return bits
    top = tags.get(_MAX_SAMPLE_VALUE)
    top = top[0] if isinstance(top, tuple) else top
    if isinstance(top, int) and 255 < top < 65535 and (top + 1) & top == 0:
        return top.bit_length()
    stated = re.search(r'SignificantBits="(\d+)"|["\']BitDepth["\']\s*:\s*["\']?(\d+)', description)
    number = int(stated[1] or stated[2]) if stated else 0
    return number if 8 <= number < bits else None


def _iter_tags(data: bytes) -> Iterator[dict[int, list[int]]]:
    """Yield the tags of each page as _peek_tags has them, up to the first one that lies beyond the file."""
    order, wide = ("<" if data[:2] == b"II" else ">"), data[2:4] in (b"+\0", b"\0+")
    with suppress(*_BEYOND_THE_FILE):
        (offset,) = struct.unpack_from(f"{order}{'Q' if wide else 'I'}", data, 8 if wide else 4)
        while offset:
            tags, offset = _peek_tags(data, offset, order, wide=wide)
            yield tags


def _peek_tags(data: bytes, offset: int, order: str, *, wide: bool) -> tuple[dict[int, list[int]], int]:
    """(tags of whole numbers in _PEEKED of the page at this offset, offset of the next page)."""
    count_format, size, inline = ("Q", 20, 8) if wide else ("H", 12, 4)
    (count,) = struct.unpack_from(order + count_format, data, offset)
    first, tags = offset + struct.calcsize(order + count_format), {}
    for entry in range(first, first + min(count, 4096) * size, size):
        tag, kind, values = struct.unpack_from(f"{order}HH{'Q' if wide else 'I'}", data, entry)
        if tag in _PEEKED and kind in _SIZES and 0 < values < 64:
            where = entry + size - inline
            if struct.calcsize(_SIZES[kind]) * values > inline:
                (where,) = struct.unpack_from(f"{order}{'Q' if wide else 'I'}", data, where)
            tags[tag] = list(struct.unpack_from(f"{order}{values}{_SIZES[kind]}", data, where))
    (following,) = struct.unpack_from(f"{order}{'Q' if wide else 'I'}", data, first + count * size)
    return tags, following


def _decode(page: "TiffPage", size: int, description: str, plane: int | None) -> RawImage:
    check_size(page.imagewidth, page.imagelength)
    if page.size > MAX_SAMPLES * MAX_IMAGE_PX:
        raise ImageUnreadable(
            f"the image has {page.samplesperpixel:,} values a pixel, which no image has; save it again"
        )
    # Missing parts would be filled in with zeros.
    if any(start + count > size for start, count in zip(page.dataoffsets, page.databytecounts, strict=False)):
        raise ImageUnreadable("the image is damaged (its pixels lie beyond the end of the file); copy or save it again")
    values = page.asarray()
    if values.ndim == 3 and page.axes.startswith("S"):
        values = np.moveaxis(values, 0, -1)
    if plane is not None:
        values = values[..., plane]
    alpha = None
    if values.ndim == 3:
        values, alpha = _colours(page, values)
    tags = {tag.code: tag.value for tag in page.tags if tag.code in (_BITS, _MAX_SAMPLE_VALUE)}
    inverted = page.photometric == _WHITE_IS_ZERO
    if inverted and values.dtype.kind == "b":
        values, inverted = ~values, False
    bits = stated_bits(tags, description) if values.dtype.kind in "ui" else None
    if inverted and values.dtype == np.uint8 and bits is None:
        values, inverted = 255 - values, False
    orientation = page.tags.valueof(_ORIENTATION, 1)
    return raw_image(
        np.ascontiguousarray(_upright(values, orientation)),
        alpha=None if alpha is None else _upright(alpha, orientation),
        bits=bits,
        white_is_zero=inverted,
    )


def _colours(page: "TiffPage", values: NDArray[np.generic]) -> tuple[NDArray, NDArray | None]:
    """(grey (H, W) or colour (H, W, 3), alpha (H, W) or None) of a page of several samples per pixel."""
    is_rgb = page.photometric in (_RGB, _YCBCR) and values.shape[2] >= 3
    count = 3 if is_rgb else 1
    kinds = [int(kind) for kind in page.extrasamples]
    alpha = None
    if kinds and kinds[0] in (_ASSOCIATED, _UNASSOCIATED) and values.shape[2] > count:
        alpha = values[..., count]
    shown = values[..., :3] if is_rgb else values[..., 0]
    if alpha is not None and kinds[0] == _ASSOCIATED:
        # Stored multiplied by alpha.
        full = full_value(alpha)
        share = np.maximum(alpha.astype(np.float64) / full, 1e-9)
        undone = shown.astype(np.float64) / (share[..., None] if is_rgb else share)
        shown = undone.clip(0, full).astype(values.dtype)
    return shown, alpha


def _upright(image: NDArray, orientation: int) -> NDArray:
    """The image as the tag Orientation says that it is to be shown."""
    if orientation in (5, 6, 7, 8):
        image = image.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return image
