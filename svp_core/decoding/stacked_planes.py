"""Grey images that a program has stored as the colours of one, told from colours by what a TIFF states or shows.

tifffile stores an array of three or four images as RGB with separate planes unless it is told otherwise, and with it
every program that saves by it. Its description says the shape of the array, and sometimes what the axes are.
"""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from svp_core.decoding.tiff import TiffPages, samples_of
from svp_core.images import ImageUnreadable

COLOURS, IMAGES = "colours", "images"
MIN_COLOUR_CORRELATION = 0.9  # of the planes of one particle; those of different particles rarely reach it
_OLD_SHAPE = re.compile(r"shape=\(([\d, ]{1,80})\)")  # as tifffile described arrays until 2018


@dataclass(frozen=True)
class Planes:
    """What the values of each pixel are, beside grey or three colours."""

    split: int = 1  # planes of a page that are pages of their own
    channels: int = 1  # of each image: so many pages that follow each other show one particle
    taken_for: str = ""  # COLOURS or IMAGES: what planes seem to be, where the file does not say it
    left_values: int = 0  # of each pixel, beside its colours, which are not read


PLAIN = Planes()


def decide_planes(data: bytes, pages: TiffPages, count: int, *, one_each: bool) -> Planes:
    """Planes of a TIFF of so many pages. one_each: planes that may be colours or images are images."""
    samples = samples_of(data)
    if samples is None or samples.count - samples.has_alpha < 2:
        return PLAIN
    if samples.colours == 3 and samples.count > 4:
        return Planes(left_values=samples.count - 3 - samples.has_alpha)
    if (samples.colours == 3 and not samples.separate) or not pages.have_samples(samples.count):
        return PLAIN
    stated, certain = stated_planes(pages.description, samples.count, count)
    if samples.colours == 1:
        are_images = samples.separate and certain and stated == IMAGES
        return Planes(samples.count, 1 if are_images else samples.count)
    if certain:
        return Planes(samples.count) if stated == IMAGES else PLAIN
    try:
        alike = look_alike([pages.read(0, plane).values for plane in range(samples.count)])
    except ImageUnreadable:
        return PLAIN
    # A file without a description is seldom an array: its colours are doubted only where they do not look so.
    if alike and not pages.description:
        return PLAIN
    taken_for = COLOURS if alike or not pages.description else IMAGES
    return Planes(samples.count if one_each or taken_for == IMAGES else 1, taken_for=taken_for)


def stated_planes(description: str, planes: int, pages: int) -> tuple[str, bool]:
    """(COLOURS or IMAGES, whether this is certain) for so many pages of so many separate planes, by their description.

    Uncertain are only files of programs that store any array of this shape in this way.
    """
    text = description.strip()
    if not text:
        return COLOURS, pages > 1
    try:
        stated = json.loads(text) if text.startswith("{") else {}
        old = _OLD_SHAPE.match(text)
        shape = [int(size) for size in (old[1].strip(", ").split(",") if old else stated["shape"])]
        axes = str(stated.get("axes", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        return COLOURS, True
    if len(shape) < 3 or shape[-3] != planes or math.prod(shape[:-3]) != pages:
        return COLOURS, True
    axis = axes[-3] if len(axes) == len(shape) else ""
    if axis in ("S", ""):
        return COLOURS, axis == "S"
    return IMAGES, axis != "C"  # channels may be those of a colour camera


def look_alike(images: Sequence[NDArray[np.generic]]) -> bool:
    """Whether these (H, W), equally large, look like one particle at several wavelengths; also where nothing shows."""
    shown = [values for image in images if np.ptp(values := np.nan_to_num(image.astype(np.float32))) > 0]
    pairs = [correlation(one, other) for one, other in combinations(shown, 2)]
    return not pairs or float(np.median(pairs)) >= MIN_COLOUR_CORRELATION


def correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Pearson's correlation of the pixels of two images, -1 to 1; 0 for different shapes or a constant one."""
    if one.shape != other.shape:
        return 0.0
    deviations = one - one.mean(), other - other.mean()
    norm = float(np.sqrt((deviations[0] ** 2).sum() * (deviations[1] ** 2).sum()))
    return float((deviations[0] * deviations[1]).sum()) / norm if norm else 0.0
