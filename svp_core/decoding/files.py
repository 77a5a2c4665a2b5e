"""Open the bytes of one image file and decode its pages, by Pillow where it keeps every value, else by tifffile."""

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps, TiffImagePlugin

from svp_core.decoding import tiff
from svp_core.decoding.brightness import Scale, scales_of
from svp_core.decoding.raw_image import RawImage, fill_transparent, raw_image
from svp_core.decoding.stacked_planes import PLAIN, decide_planes
from svp_core.images import ImageUnreadable, check_size, image_errors

# Of unusual tags: what matters ends as the reason of a rejected page.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)  # larger ones are rejected

MAX_PAGES = 200_000
HEAD_BYTES = 32  # that may_need_scale looks at, of all formats but TIFF

_PNG, _PNG_DEPTH, _PNG_COLOUR = b"\x89PNG\r\n\x1a\n", 24, 25  # signature, positions of bit depth and colour type
_JPEG = b"\xff\xd8\xff"
_DEEP_MODES = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")
_ALPHA_MODES = ("LA", "La", "PA", "RGBA", "RGBa")
_COMMON = {1, 2, 3, 4, 5, 6, 7, 8, 32773, 32946}  # compressions of TIFF that Pillow decodes
_CMYK = 5
_OTHERS = (  # first bytes of files that end up under an image's name, where they begin, what it is and what to do
    (b"version https://git-lfs", 0, "a pointer of Git LFS; fetch the file itself with git lfs pull"),
    (b"<!DOCTYPE", 0, "a web page; download the image again, perhaps after signing in"),
    (b"<html", 0, "a web page; download the image again, perhaps after signing in"),
    (b"%PDF", 0, "a PDF document; save the images in it as PNG"),
    (b"PK\3\4", 0, "a zip archive; rename it to end in .zip"),
    (b"\x1f\x8b", 0, "a file packed with gzip; unpack it"),
    (b"\x89HDF", 0, "an HDF5 file; save its images as TIFF or PNG"),
    (b"jP  ", 4, "a JPEG 2000 image; save it as TIFF or PNG"),
    (b"ftyp", 4, "an image of a phone (HEIC or AVIF) or a film; save it as PNG or JPEG"),
    (b"\xff\x0a", 0, "a JPEG XL image; save it as TIFF or PNG"),
    (b"ZISRAW", 0, "a file of Zeiss ZEN; export its images as TIFF"),
)
_ANIMATED = ("GIF", "PNG", "WEBP")  # not JPEG, where a camera's small preview may follow

# Scale of a group of images of a source, None for an unknown group; called only for an image that needs one.
ScaleOf = Callable[[str], Scale | None]


class Pages:
    """The pages of one image file: of a TIFF all of them, of other formats the first image.

    Grey images that were stored as the colours of one page count as pages.
    """

    def __init__(self, data: bytes, *, one_each: bool = False) -> None:
        """Open the file in these bytes. Raises ImageUnreadable with the reason.

        one_each: planes that may be colours or images are images.
        """
        if not data:
            raise ImageUnreadable("the file is empty; copy it again")
        self._data, self._file, self._by_pillow, self._tiff = data, None, 0, tiff.TiffPages(data)
        self.count, self.fault = 1, ""  # pages found, why the search ended before the end of the file or ""
        self._unlisted = False  # whether its images lie behind the only page
        self.left_out = 0  # further images of an animation, which are not read
        self._open()
        whole = tiff.is_tiff(data) and not self.fault and not self._unlisted
        self.planes = decide_planes(data, self._tiff, self.count, one_each=one_each) if whole else PLAIN
        self.count *= self.planes.split

    def _open(self) -> None:
        data = self._data
        if _is_colour_png_of_16_bits(data):
            return
        try:
            with image_errors():
                self._file = Image.open(io.BytesIO(data))
        except ImageUnreadable:
            self.count = self._tiff.count if tiff.is_tiff(data) else 1
            if not self.count or not (tiff.is_tiff(data) or data.startswith(_JPEG)):
                if found := next((kind for magic, at, kind in _OTHERS if data.startswith(magic, at)), ""):
                    raise ImageUnreadable(f"the name is that of an image, but this is {found}") from None
                raise
            return
        if isinstance(self._file, TiffImagePlugin.TiffImageFile):
            self._description = tiff.described(dict(self._file.tag_v2))
            self.count, self.fault = _find_pages(self._file)
            self._by_pillow = self.count
            if self.fault and (total := self._tiff.count) > self.count:
                self.count, self.fault = total, ""
            elif self.count == 1 and tiff.may_hold_unlisted(self._description):
                self._find_unlisted()
        elif self._file.format in _ANIMATED:
            with suppress(ImageUnreadable), image_errors():
                self.left_out = getattr(self._file, "n_frames", 1) - 1

    def _find_unlisted(self) -> None:
        try:
            self.count = self._tiff.unlisted()
            self._unlisted = self.count > 1
        except ImageUnreadable as error:
            self.fault = str(error)

    def read(self, number: int) -> RawImage:
        """Page `number`, counted from 0. Raises ImageUnreadable with the reason."""
        if self.planes.split > 1:
            return self._tiff.read(*divmod(number, self.planes.split))
        if self._unlisted:
            return self._tiff.read_unlisted(number)
        if self._file is None:
            return self._tiff.read(number) if tiff.is_tiff(self._data) else _read_without_pillow(self._data)
        if isinstance(self._file, TiffImagePlugin.TiffImageFile):
            return self._read_tiff(self._file, number)
        check_size(self._file.width, self._file.height)
        with image_errors():
            return _from_pillow(self._file, self._data)

    def _read_tiff(self, file: TiffImagePlugin.TiffImageFile, number: int) -> RawImage:
        if number >= self._by_pillow:
            return self._tiff.read(number)
        with image_errors():
            file.seek(number)
        check_size(file.width, file.height)
        tags = dict(file.tag_v2)
        if _only_tifffile_keeps_values(file.mode, tags):
            return self._tiff.read(number)
        with image_errors():
            image = _from_pillow(file, self._data)
        if not image.needs_scale:
            return image
        bits = tiff.stated_bits(tags, self._description)
        return raw_image(image.values, alpha=image.alpha, bits=bits if image.values.dtype.kind in "ui" else None)


def decode_images(data: bytes, scale_of: ScaleOf | None = None) -> list[NDArray[np.uint8]]:
    """Every image in one file's bytes: a list of uint8 arrays, (H, W) if grey and (H, W, 3) if colour, one per page.

    scale_of: of the source; without it, deeper images get the scale that fits the values of this file.
    Raises ImageUnreadable with the reason when any page is damaged.
    """
    pages = Pages(data)
    images = [pages.read(number) for number in range(pages.count)]
    if pages.fault:
        raise ImageUnreadable(pages.fault)
    own = scales_of(images)
    return [to_levels(image, scale_of or own.get) for image in images]


def read_raw_pages(data: bytes) -> Iterator[RawImage]:
    """The pages of a file that can be read and whose values need a scale."""
    try:
        pages = Pages(data)
    except ImageUnreadable:
        return
    for number in range(pages.count):
        try:
            image = pages.read(number)
        except ImageUnreadable:
            continue
        if image.needs_scale:
            yield image


def to_levels(image: RawImage, scale_of: ScaleOf | None) -> NDArray[np.uint8]:
    """Levels, uint8 (H, W) or (H, W, 3), of a decoded page; of an unknown group it is scaled by its own values.

    Raises ImageUnreadable where no pixel has a value.
    """
    if not image.needs_scale:
        assert image.values.dtype == np.uint8
        return fill_transparent(image.values.astype(np.uint8, copy=False), image.alpha)
    scale = scale_of(image.group) if scale_of else None
    if scale is None:
        scale = scales_of([image])[image.group]
    return scale.levels(image)


def may_need_scale(data: bytes) -> bool:
    """Whether a file may hold other values than levels of 8 bits; of a TIFF its whole content, else HEAD_BYTES."""
    if data.startswith(_PNG):
        return len(data) > _PNG_DEPTH and data[_PNG_DEPTH] == 16
    return tiff.is_tiff(data) and tiff.needs_scale(data)


def _is_colour_png_of_16_bits(data: bytes) -> bool:
    # Pillow would keep the upper 8 bits only.
    return data.startswith(_PNG) and len(data) > _PNG_COLOUR and data[_PNG_DEPTH] == 16 and data[_PNG_COLOUR] != 0


def _read_without_pillow(data: bytes) -> RawImage:
    """A PNG or JPEG whose values Pillow cannot give."""
    if data.startswith(_PNG):
        width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
        check_size(width, height)
    import imagecodecs  # here: few files need it

    try:
        values = imagecodecs.png_decode(data) if data.startswith(_PNG) else imagecodecs.jpeg_decode(data)
    except Exception as error:
        raise ImageUnreadable(f"the image is damaged ({str(error)[:120]}); copy or save it again") from None
    bits = 12 if data.startswith(_JPEG) and values.dtype == np.uint16 else _png_bits(data)
    if values.ndim == 3 and values.shape[2] in (2, 4):
        colours = values[..., 0] if values.shape[2] == 2 else values[..., :3]
        return raw_image(np.ascontiguousarray(colours), alpha=values[..., -1], bits=bits)
    return raw_image(values, bits=bits)


def _png_bits(data: bytes) -> int | None:
    """Bits that a PNG says were used of 16, where it does; a file that spreads them over 16 has brighter values."""
    at = data.find(b"sBIT", 0, 1024) if data.startswith(_PNG) else -1
    length = int.from_bytes(data[at - 4 : at], "big") if at > 0 else 0
    used = max(data[at + 4 : at + 4 + length], default=16) if 0 < length <= 4 else 16
    return used if 8 <= used < 16 else None


def _from_pillow(page: Image.Image, data: bytes) -> RawImage:
    """The current page of an open file, upright."""
    page.load()
    if "exif" in page.info and not isinstance(page, TiffImagePlugin.TiffImageFile):
        page = ImageOps.exif_transpose(page) or page
    key = page.info.get("transparency")
    if page.mode in _DEEP_MODES:
        values = np.array(page)
        alpha = values != key if isinstance(key, int) else None
        return raw_image(values, alpha=alpha, bits=_png_bits(data))
    if page.mode in _ALPHA_MODES or key is not None:
        whole = np.array((page.convert("LA") if page.mode == "La" else page).convert("RGBA"))
        return raw_image(np.ascontiguousarray(whole[..., :3]), alpha=whole[..., 3])
    if page.mode in ("L", "1"):
        return RawImage(np.array(page if page.mode == "L" else page.convert("L")))
    return raw_image(np.array(page.convert("RGB")))


def _only_tifffile_keeps_values(mode: str, tags: dict[int, object]) -> bool:
    """Whether Pillow changes the values of such a page, or cannot decode it, by its tags."""
    bits, formats = _as_set(tags.get(258, 8)), _as_set(tags.get(339, 1))
    if tags.get(262) == _CMYK:
        return False
    if tags.get(259, 1) not in _COMMON:
        return True
    if mode in ("I;16", "I;16L", "I;16B", "I;16N") and tags.get(262) == 1 and bits == {16}:
        return False
    return bool(bits - {1, 2, 4, 8} or formats - {1, 4})


def _as_set(value: object) -> set[object]:
    return set(value) if isinstance(value, tuple) else {value}


def _find_pages(file: ImageFile.ImageFile) -> tuple[int, str]:
    """(number of pages that Pillow finds, why the search ended before the end of the file or "")."""
    for pages in range(1, MAX_PAGES):
        try:
            with image_errors():
                try:
                    file.seek(pages)
                except EOFError:  # the regular end
                    return pages, ""
        except ImageUnreadable as error:
            return pages, f"the pages after page {pages} cannot be read: {error}"
    return MAX_PAGES, f"only the first {MAX_PAGES:,} pages are read; split the file"
