"""Crop particles from larger images by the boxes that a list gives; each image is decoded once."""

from collections.abc import Callable, Hashable, Iterable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from svp_core.decoding.files import decode_images
from svp_core.images import ImageUnreadable, open_image, to_grey
from svp_core.instruments.records import SourceFiles, file_stem

Crop = tuple[NDArray[np.uint8] | None, NDArray[np.bool_] | None, str]  # pixels, mask, reason


class ImageCache:
    """The large images of one run (collages or frames), decoded on demand; the last two are kept."""

    def __init__(
        self,
        files: SourceFiles,
        find: Callable[[str], str | None],
        *,
        noun: str,
        masks: bool = False,
    ) -> None:
        """find: image name as the list has it -> its name in files, or None.

        noun: what messages call such an image ("collage", "frame"). masks: also read the mask file of each image.
        """
        self._files, self._find, self._noun, self._masks = files, find, noun, masks
        # Two: a list goes image by image, but a neighbouring row may step back once.
        self._image = lru_cache(maxsize=2)(self._decode)
        self._faults: dict[str, str] = {}

    def crop(self, name: str, box: tuple[int, int, int, int]) -> Crop:
        """(pixels, mask, reason) of the box (x, y, width, height) in the image of this name.

        pixels: uint8 (H, W) or (H, W, 3), a copy; mask: bool (H, W) or None. With a reason both are None.
        """
        reason = self._fault(name)
        if reason:
            return None, None, reason
        image, mask = self._image(name)
        x, y, width, height = box
        reason = box_fault(x, y, width, height, image.shape, self._noun)
        if reason:
            return None, None, reason
        window = slice(y, y + height), slice(x, x + width)
        return image[window].copy(), None if mask is None else mask[window].copy(), ""

    def _decode(self, name: str) -> tuple[NDArray[np.uint8], NDArray[np.bool_] | None]:
        file_name = self._find(name)
        assert file_name is not None, "_fault has found the file"
        image = decode_images(self._files.read(file_name), self._files.scale_of)[0]
        mask = self._mask(name) if self._masks else None
        return image, mask if mask is not None and mask.shape == image.shape[:2] else None

    def _mask(self, name: str) -> NDArray[np.bool_] | None:
        file_name = self._find(mask_file_name(name))
        try:
            return to_grey(decode_images(self._files.read(file_name))[0]) > 127 if file_name else None
        except ImageUnreadable:
            return None

    def _fault(self, name: str) -> str:
        if name not in self._faults:
            self._faults[name] = ""
            if self._find(name) is None:
                self._faults[name] = (
                    f"its {self._noun} {name[:120] or '(no name)'} is missing from the run folder; copy it there"
                )
            else:
                try:
                    self._image(name)
                except ImageUnreadable as error:
                    self._faults[name] = f"its {self._noun} {name[:120]} cannot be read: {error}"
        return self._faults[name]


def image_size(files: SourceFiles, name: str) -> tuple[int, int]:
    """(height, width) of the image in this file, without decoding it. Raises ImageUnreadable."""
    with open_image(files.read(name)) as file:
        return file.height, file.width


def mask_file_name(collage_name: str) -> str:
    """Name of a collage's mask file: run_000001.tif -> run_000001_bin.tif."""
    name = collage_name.replace("\\", "/")
    return f"{file_stem(name)}_bin{name[name.rfind('.') :] if '.' in name.rpartition('/')[2] else ''}"


def box_fault(x: int, y: int, width: int, height: int, shape: tuple[int, ...], noun: str) -> str:
    """Why this box cannot be cropped from an image of this shape; "" when it can. noun: as ImageCache takes it."""
    image_height, image_width = shape[:2]
    if width < 1 or height < 1:
        return f"its box in the list is empty ({width} x {height} px); export the run again"
    if x < 0 or y < 0 or x + width > image_width or y + height > image_height:
        return (
            f"its box ({width} x {height} px at x {x}, y {y}) extends beyond the {noun} of "
            f"{image_width} x {image_height} px; export the run again"
        )
    return ""


def group_by_image(names: Iterable[Hashable]) -> list[int]:
    """Positions in a list of image names, grouped by image, so that each is opened once."""
    groups: dict[Hashable, list[int]] = {}
    for position, name in enumerate(names):
        groups.setdefault(name, []).append(position)
    return [position for positions in groups.values() for position in positions]
