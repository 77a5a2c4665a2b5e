"""Image files page by page: a multi-page TIFF is a stack of particles, read one at a time and none for another's fault.

Of other formats only the first picture of a file is taken: a camera's JPEG may carry a small preview behind it.
"""

from svp_core.images import ImageUnreadable, image_errors, open_image, page_pixels

MAX_PAGES = 200_000


def count_pages(data):
    """How many pages read_pages yields; 1 for bytes that are no image."""
    try:
        with open_image(data) as file:
            pages, fault = _known_pages(file)
            return pages + bool(fault)
    except ImageUnreadable:
        return 1


def read_pages(data):
    """Yield (page, pixels, reason) for every page, counted from 1: uint8 pixels or, with a reason, None.

    page is None where the file has a single one. Pages behind a place where the file breaks off are one item.
    """
    try:
        with open_image(data) as file:
            pages, fault = _known_pages(file)
            single = pages + bool(fault) == 1
            for page in range(1, pages + 1):
                yield None if single else page, *_page(file, page)
            if fault:
                yield None if single else pages + 1, None, fault
    except ImageUnreadable as error:
        yield None, None, str(error)


def _page(file, page):
    try:
        with image_errors():
            file.seek(page - 1)
            return page_pixels(file), ""
    except ImageUnreadable as error:
        return None, str(error)


def _known_pages(file):
    """(how many pages can be found, why the search ended before the file did or "")."""
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
            return pages, f"the file breaks off behind page {pages}: {error}"
    return MAX_PAGES, f"only the first {MAX_PAGES:,} pages are read"
