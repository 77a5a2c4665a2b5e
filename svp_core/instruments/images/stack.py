"""Read image files page by page: a multi-page TIFF is a stack of particles, and a damaged page rejects only itself.

Pages that are channels, planes or previews of one particle, as the file says or the pages show, give one particle. Of
other formats only the first image of a file is read: a camera's JPEG may contain a small preview after it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from svp_core.decoding.files import Pages, ScaleOf, to_levels
from svp_core.decoding.stacked_planes import COLOURS, correlation
from svp_core.images import ImageUnreadable, to_grey
from svp_core.instruments.images.page_layout import Channels, PageLayout, page_layout, plain_layout

MAX_PREVIEW_PAGES = 4  # of a file in which previews are searched for that no tag tells
MAX_PREVIEW_SHARE = 0.6  # of the sides of the page that a preview shows once more
MAX_PREVIEW_DIFFERENCE = 4.0  # levels, root mean square
MAX_COMPARED_PAGES = 12  # of a file that calls its pages planes
MIN_PLANE_CORRELATION = 0.9  # of neighbouring planes of one particle; different particles rarely reach it


@dataclass(frozen=True, eq=False)
class Page:
    """What one particle of a file is read from."""

    number: int | None  # of the page, counted from 1; None if the file holds a single particle
    pixels: NDArray[np.uint8] | None  # (H, W) or (H, W, 3); None with a reason
    reason: str = ""  # why it cannot be read
    chosen: int | None = None  # the page that was taken of several of this particle, counted from 1
    left_out: int = 0  # further images of an animation, which are not read
    doubtful: bool = False  # whether its colours may be images of particles
    left_values: int = 0  # of each pixel, beside its colours, which are not read


@dataclass(frozen=True)
class PageSummary:
    """What the pages of a file are."""

    count: int  # particles that read_pages yields
    # Of "channels", "planes", "previews", "masks": why it is not the number of pages; COLOURS or IMAGES: what the
    # planes of its pages were taken for.
    kinds: tuple[str, ...] = ()


def summarise_pages(data: bytes, *, one_each: bool = False) -> PageSummary:
    """PageSummary of a file's bytes. one_each: as read_pages takes it; the kinds stay what the file says."""
    try:
        pages = Pages(data, one_each=one_each)
    except ImageUnreadable:
        return PageSummary(1)
    layout = _layout(pages, data)
    count = pages.count if one_each else len(layout.particles)
    kinds = {
        "channels": layout.most_channels > 1,
        "planes": layout.most_planes > 1,
        "previews": layout.previews > 0,
        "masks": layout.masks > 0,
        pages.planes.taken_for: bool(pages.planes.taken_for),
    }
    return PageSummary(count + bool(pages.fault), tuple(kind for kind, there in kinds.items() if there))


def count_pages(data: bytes) -> int:
    """How many pages the file has; 1 for bytes that are not an image."""
    try:
        pages = Pages(data)
        return pages.count + bool(pages.fault)
    except ImageUnreadable:
        return 1


def read_pages(data: bytes, scale_of: ScaleOf | None = None, *, one_each: bool = False) -> Iterator[Page]:
    """Yield a Page for every particle; all pages after the point where a file is damaged are one item.

    scale_of: as decode_images takes it. one_each: every page is a particle, whatever the file says.
    """
    try:
        pages = Pages(data, one_each=one_each)
    except ImageUnreadable as error:
        yield Page(None, None, str(error))
        return
    layout = plain_layout(pages.count) if one_each else _layout(pages, data)
    single = len(layout.particles) + bool(pages.fault) == 1
    several = not layout.is_plain
    for channels in layout.particles:
        number, pixels, reason = _read_particle(pages, channels, scale_of)
        chosen = number + 1 if several else None
        doubtful = not one_each and pages.planes.taken_for == COLOURS
        name = None if single else number + 1
        yield Page(name, pixels, reason, chosen, pages.left_out, doubtful, pages.planes.left_values)
    if pages.fault:
        yield Page(None if single else pages.count + 1, None, pages.fault)


def _read_particle(
    pages: Pages, channels: Channels, scale_of: ScaleOf | None
) -> tuple[int, NDArray[np.uint8] | None, str]:
    """(page, pixels, reason): the sharpest plane of the first channel that shows anything."""
    found: tuple[int, NDArray[np.uint8] | None, str] | None = None
    for planes in channels:
        images = [(page, *_read_page(pages, page, scale_of)) for page in planes]
        best = max(images, key=lambda image: -1.0 if image[1] is None else _sharpness(image[1]) if images[1:] else 0.0)
        if best[1] is not None and np.ptp(best[1]) > 0:
            return best
        found = best if found is None or found[1] is None else found
    assert found is not None, "a particle has at least one page"
    return found


def _read_page(pages: Pages, page: int, scale_of: ScaleOf | None) -> tuple[NDArray[np.uint8] | None, str]:
    try:
        return to_levels(pages.read(page), scale_of), ""
    except ImageUnreadable as error:
        return None, str(error)


def _sharpness(pixels: NDArray[np.uint8]) -> float:
    """Mean squared difference of neighbouring pixels."""
    grey = to_grey(pixels).astype(np.float32)
    return (
        float((np.diff(grey, axis=0) ** 2).mean() + (np.diff(grey, axis=1) ** 2).mean()) if min(grey.shape) > 1 else 0
    )


def _layout(pages: Pages, data: bytes) -> PageLayout:
    """The layout that the file states, as far as its pages agree with it."""
    if pages.count < 2 or pages.fault:
        return plain_layout(pages.count)
    if (each := pages.planes.channels) > 1:
        starts = range(0, pages.count, each)
        return PageLayout(tuple(tuple((page,) for page in range(start, start + each)) for start in starts))
    layout = page_layout(data, pages.count)
    if not layout.certain and not all(_shows_one_particle(pages, channels) for channels in layout.particles):
        every = [((page,),) for channels in layout.particles for planes in channels for page in planes]
        layout = replace(layout, particles=tuple(sorted(every)))
    if layout.is_plain and pages.count <= MAX_PREVIEW_PAGES:
        previews = _find_previews([_levels(pages, page) for page in range(pages.count)])
        rest = tuple(((page,),) for page in range(pages.count) if page not in previews)
        layout = PageLayout(rest, previews=len(previews))
    return layout


def _levels(pages: Pages, page: int) -> NDArray[np.float32] | None:
    pixels, _ = _read_page(pages, page, None)
    return None if pixels is None else to_grey(pixels).astype(np.float32)


def _shows_one_particle(pages: Pages, channels: Channels) -> bool:
    """Whether neighbouring planes look alike, as the same particle at another focus does."""
    for planes in channels:
        compared = planes[:MAX_COMPARED_PAGES]
        images = [image for page in compared if (image := _levels(pages, page)) is not None and np.ptp(image) > 0]
        pairs = [correlation(one, other) for one, other in pairwise(images)]
        if pairs and np.median(pairs) < MIN_PLANE_CORRELATION:
            return False
    return True


def _find_previews(images: Sequence[NDArray[np.float32] | None]) -> set[int]:
    """Pages that show another page once more, smaller and otherwise the same."""
    previews = set()
    for page, small in enumerate(images):
        for large in images:
            if small is None or large is None or small is large or min(large.shape) < 2:
                continue
            ratio = small.shape[0] / large.shape[0], small.shape[1] / large.shape[1]
            if max(ratio) > MAX_PREVIEW_SHARE or abs(ratio[0] - ratio[1]) > 1.5 / min(large.shape):
                continue
            reduced = np.asarray(Image.fromarray(large).resize(small.shape[::-1], Image.Resampling.BOX))
            if np.ptp(small) > 0 and np.sqrt(((reduced - small) ** 2).mean()) <= MAX_PREVIEW_DIFFERENCE:
                previews.add(page)
    return previews
