"""Images of several bit depths in one source, which no file states: told apart, so that each has its own scale."""

from dataclasses import replace

import numpy as np

from svp_core.decoding.brightness import decide
from svp_core.decoding.group_range import GroupRange
from svp_core.decoding.raw_image import INVERTED

MIN_PEAK_RATIO = 2.0  # of the brightest values of images of neighbouring depths
MIN_LIQUID_RATIO = 2.5  # of the empty liquid of such images; it varies less within a run
MIN_SHARE = 0.1  # of the images that a depth needs, unless they lie in folders of their own
BRIGHTEST = ", brightest value up to "  # ends the group of the images of a smaller depth


def split_by_depth(values: GroupRange) -> list[GroupRange]:
    """The images of different depths, which one scale would not suit, smallest depth first; mostly just one group.

    Neither the brightest value nor the liquid of an image alone tells its depth: one crop has a bright spot, another is
    filled by its particle. Depths differ where both do, with a gap between, for many images or whole folders. The name
    of a group but the last one ends in the brightest value up to which an image belongs to it.
    """
    if values.bits or values.group.endswith(INVERTED) or values.low < 0:
        return [values]
    seen = sorted(values.seen, key=lambda image: image.high)
    for cut in range(len(seen) - 1, 0, -1):
        if seen[cut - 1].high > 0 and seen[cut].high >= MIN_PEAK_RATIO * seen[cut - 1].high:
            below, above = replace(values, seen=seen[:cut]), replace(values, seen=seen[cut:])
            if decide(below).text != decide(above).text and _are_depths(below, above):
                limit = np.sqrt(seen[cut - 1].high * seen[cut].high)  # between the two
                limit = f"{limit:.0f}" if limit >= 10 else f"{limit:.4g}"
                *smaller, last = split_by_depth(below)
                named = [*smaller, replace(last, group=f"{values.group}{BRIGHTEST}{limit}")]
                return [*named, *split_by_depth(above)]
    return [values]


def peak_limit(group: str) -> tuple[str, float | None]:
    """(group without its limit, brightest value up to which an image belongs to it or None), by its name."""
    name, _, limit = group.partition(BRIGHTEST)
    return name, float(limit) if limit else None


def _are_depths(below: GroupRange, above: GroupRange) -> bool:
    if above.background < MIN_LIQUID_RATIO * below.background or below.background <= 0:
        return False
    places = [{image.place for image in part.seen} for part in (below, above)]
    for attribute in ("run", "file"):
        one, other = ({getattr(place, attribute) for place in part} - {""} for part in places)
        if one & other:
            return False
    folders = [{place.folder for place in part} for part in places]
    enough = MIN_SHARE * (below.images + above.images)
    return min(below.images, above.images) >= enough or not folders[0] & folders[1]
