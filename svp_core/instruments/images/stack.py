"""Read image files page by page: a multi-page TIFF is a stack of particles, and a damaged page rejects only itself.

Of other formats only the first image of a file is read: a camera's JPEG may contain a small preview after it.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from svp_core.images import ImageUnreadable, image_errors, open_image, page_pixels

MAX_PAGES = 200_000


def count_pages(data: bytes) -> int:
    """How many pages read_pages yields; 1 for bytes that are not an image."""
    try:
        with open_image(data) as file:
            pages, fault = _find_pages(file)
            return pages + bool(fault)
    except ImageUnreadable:
        return 1


def read_pages(data: bytes) -> Iterator[tuple[int | None, NDArray[np.uint8] | None, str]]:
    """Yield (page, pixels, reason) for every page, counted from 1: uint8 pixels or, with a reason, None.

    page is None if the file has a single one. All pages after the point where a file is damaged are one item.
    """
    try:
        with open_image(data) as file:
            pages, fault = _find_pages(file)
            single = pages + bool(fault) == 1
            for page in range(1, pages + 1):
                yield None if single else page, *_read_page(file, page)
            if fault:
                yield None if single else pages + 1, None, fault
    except ImageUnreadable as error:
        yield None, None, str(error)


def _read_page(file: Image.Image, page: int) -> tuple[NDArray[np.uint8] | None, str]:
    try:
        with image_errors():
            file.seek(page - 1)
            return page_pixels(file), ""
    except ImageUnreadable as error:
        return None, str(error)


def _find_pages(file: Image.Image) -> tuple[int, str]:
    """(number of pages found, why the search ended before the end of the file or "")."""
    if file.format != "TIFF":
        return 1, ""
    for pages in range(1, MAX_PAGES):
        try:
            with image_errors():
                try:
                    file.seek(pages)
                except EOFError:  # the regular end
                    return pages, ""
        except ImageUnreadable as error:
            return pages, f"the file is truncated after page {pages}: {error}"
    return MAX_PAGES, f"only the first {MAX_PAGES:,} pages are read"
