"""Read image files page by page: a multi-page TIFF is a stack of particles, and a damaged page rejects only itself.

Of other formats only the first image of a file is read: a camera's JPEG may contain a small preview after it.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from svp_core.decoding.files import Pages, ScaleOf, to_levels
from svp_core.images import ImageUnreadable


def count_pages(data: bytes) -> int:
    """How many pages read_pages yields; 1 for bytes that are not an image."""
    try:
        pages = Pages(data)
        return pages.count + bool(pages.fault)
    except ImageUnreadable:
        return 1


def read_pages(
    data: bytes, scale_of: ScaleOf | None = None
) -> Iterator[tuple[int | None, NDArray[np.uint8] | None, str]]:
    """Yield (page, pixels, reason) for every page, counted from 1: uint8 pixels or, with a reason, None.

    page is None if the file has a single one. All pages after the point where a file is damaged are one item.
    scale_of: as decode_images takes it.
    """
    try:
        pages = Pages(data)
    except ImageUnreadable as error:
        yield None, None, str(error)
        return
    single = pages.count + bool(pages.fault) == 1
    for page in range(pages.count):
        yield None if single else page + 1, *_read_page(pages, page, scale_of)
    if pages.fault:
        yield None if single else pages.count + 1, None, pages.fault


def _read_page(pages: Pages, page: int, scale_of: ScaleOf | None) -> tuple[NDArray[np.uint8] | None, str]:
    try:
        return to_levels(pages.read(page), scale_of), ""
    except ImageUnreadable as error:
        return None, str(error)
