"""Particles cut out of larger pictures by the rectangles that a list gives; each picture is decoded once."""

from functools import lru_cache

from svp_core.images import ImageUnreadable, decode_images, open_image, to_grey
from svp_core.instruments.records import file_stem


class ImageCache:
    """The pictures of one run, decoded when they are asked for; two of them are held."""

    def __init__(self, files, find, *, word, masks=False):
        """find(picture) => its name in files, or None. word: what a picture is called. masks: look for theirs."""
        self._files, self._find, self._word, self._masks = files, find, word, masks
        # Two: a list goes picture by picture, but a neighbouring row may step back once.
        self._picture = lru_cache(maxsize=2)(self._decode)
        self._faults = {}

    def cut(self, name, box):
        """(pixels, mask, reason) of the rectangle box = (x, y, width, height) in the picture of this name.

        pixels: uint8 (H, W) or (H, W, 3), a copy; mask: bool (H, W) or None. With a reason both are None.
        """
        reason = self._fault(name)
        if reason:
            return None, None, reason
        picture, mask = self._picture(name)
        x, y, w, h = box
        reason = box_fault(x, y, w, h, picture.shape, self._word)
        if reason:
            return None, None, reason
        part = slice(y, y + h), slice(x, x + w)
        return picture[part].copy(), None if mask is None else mask[part].copy(), ""

    def _decode(self, name):
        picture = decode_images(self._files.read(self._find(name)))[0]
        mask = self._mask(name) if self._masks else None
        return picture, mask if mask is not None and mask.shape == picture.shape[:2] else None

    def _mask(self, name):
        mask_name = self._find(mask_file_name(name))
        try:
            return to_grey(decode_images(self._files.read(mask_name))[0]) > 127 if mask_name else None
        except ImageUnreadable:
            return None

    def _fault(self, name):
        if name not in self._faults:
            self._faults[name] = ""
            if self._find(name) is None:
                self._faults[name] = f"its {self._word} {name[:120] or '(no name)'} is missing from the run folder"
            else:
                try:
                    self._picture(name)
                except ImageUnreadable as error:
                    self._faults[name] = f"its {self._word} {name[:120]} cannot be read: {error}"
        return self._faults[name]


def image_size(files, name):
    """(height, width) of the picture in this file, without decoding it. Raises ImageUnreadable."""
    with open_image(files.read(name)) as file:
        return file.height, file.width


def mask_file_name(collage_name):
    """run_000001.tif => run_000001_bin.tif"""
    name = collage_name.replace("\\", "/")
    return f"{file_stem(name)}_bin{name[name.rfind('.') :] if '.' in name.rpartition('/')[2] else ''}"


def box_fault(x, y, w, h, shape, word):
    """Why this rectangle cannot be cut from a picture of this shape, in words; "" when it can."""
    height, width = shape[:2]
    if w < 1 or h < 1:
        return f"its rectangle in the list is empty ({w} x {h} px)"
    if x < 0 or y < 0 or x + w > width or y + h > height:
        return f"its rectangle ({w} x {h} px at x {x}, y {y}) reaches outside the {word} of {width} x {height} px"
    return ""


def group_by_image(names):
    """Positions of a list of picture names, those of one picture together, so that each is opened once."""
    groups = {}
    for position, name in enumerate(names):
        groups.setdefault(name, []).append(position)
    return [position for positions in groups.values() for position in positions]
