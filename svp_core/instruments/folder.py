"""Plain image files, in a folder or wherever else Files can point: each page of each file is a particle."""

import io
import os
import stat
from pathlib import Path, PurePosixPath

from PIL import Image

from svp_core.images import IMAGE_SUFFIXES, ImageUnreadable, decode_images
from svp_core.instruments.collage import looks_like_collage
from svp_core.instruments.records import Files, ParticleRecord, given_class, is_hidden, natural_key

MAX_FILE_BYTES = 512 * 1024**2  # the largest collage seen is 2 MB; bounds what one file can take in memory


def list_folder(folder):
    """Files below this folder, recursively; links to folders are not followed, hidden files are left out."""
    folder = Path(folder)
    paths, refused = {}, {}

    def refuse(error):
        refused[_shown(os.path.relpath(error.filename, folder))] = f"the folder cannot be opened ({error.strerror})"

    for root, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [f for f in folders if not is_hidden(f)]
        for name in names:
            path = os.path.join(root, name)
            if not is_hidden(name):
                paths[_shown(os.path.relpath(path, folder))] = path

    def read(name, limit=None):
        if name in refused:
            raise ImageUnreadable(refused[name])
        return read_file(paths[name], limit)

    sizes = {name: _size(paths.get(name)) for name in sorted({*paths, *refused}, key=natural_key)}
    return Files(folder.resolve().name, sizes, read)


def single_file(path):
    """Files with this one file in it."""
    path = Path(path)
    return Files(path.name, {_shown(path.name): _size(path)}, lambda name, limit=None: read_file(path, limit))


def read_file(path, limit=None):
    """Bytes of a regular file, at most `limit` of them. Raises ImageUnreadable with the reason."""
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise ImageUnreadable("this is not a regular file")
        if limit is None and status.st_size > MAX_FILE_BYTES:
            raise ImageUnreadable(too_large(status.st_size))
        with open(path, "rb") as file:
            return file.read(-1 if limit is None else limit)
    except OSError as error:
        raise ImageUnreadable(f"the file cannot be opened ({error.strerror})") from None


def too_large(size):
    """The reason for a file above MAX_FILE_BYTES."""
    return f"the file has {size / 1024**2:,.0f} MB; at most {MAX_FILE_BYTES // 1024**2} MB are read"


def is_image_name(name):
    return PurePosixPath(name).suffix.casefold() in IMAGE_SUFFIXES


def count_images(files):
    """How many records read_images will yield: one per file, one per page of a TIFF."""
    return sum(_pages(files, name) for name in files.names)


def read_images(files, *, split_collage=None):
    """Yield a ParticleRecord for each page of each file, in natural order; what is no image is a rejected one.

    split_collage: what to do with a picture of many particles: a function (pixels) -> boxes (N, 4) cuts it into
    records with their box as columns; None rejects it.
    """
    for name in files.names:
        given = given_class(name)
        try:
            pages = _decode(files, name)
        except ImageUnreadable as error:
            yield ParticleRecord(name, files.title, given=given, reason=str(error))
            continue
        for number, pixels in enumerate(pages, 1):
            page = name if len(pages) == 1 else f"{name}#{number}"
            if not looks_like_collage(pixels):
                yield ParticleRecord(page, files.title, pixels, given=given)
            elif split_collage is None or len(pages) > 1:
                reason = "this is a collage picture of many particles; give it alone and it is cut into them"
                yield ParticleRecord(page, files.title, given=given, reason=reason)
            else:
                for tile, (top, left, bottom, right) in enumerate(split_collage(pixels), 1):
                    box = {"top": int(top), "left": int(left), "bottom": int(bottom), "right": int(right)}
                    crop = pixels[top:bottom, left:right].copy()
                    yield ParticleRecord(f"{page}#{tile}", files.title, crop, given=given, columns=box)


def _decode(files, name):
    if not is_image_name(name):
        suffix = PurePosixPath(name).suffix or "no ending"
        # Reading first: a folder that cannot be opened has a better reason than its missing ending.
        files.read(name, limit=1)
        raise ImageUnreadable(f"this is not an image file ({suffix[:20]}); PNG, JPEG, TIFF and BMP are read")
    return decode_images(files.read(name))


def _pages(files, name):
    if not name.casefold().endswith((".tif", ".tiff")):
        return 1
    try:
        data = files.read(name)
        with Image.open(io.BytesIO(data)) as file:
            # A stack with one damaged page is one rejected record, so a stack is counted by decoding it.
            return 1 if getattr(file, "n_frames", 1) == 1 else len(decode_images(data))
    # What Pillow raises on damaged files.
    except (ImageUnreadable, Image.DecompressionBombError, OSError, SyntaxError, ValueError, TypeError, KeyError):
        return 1  # it will be one rejected record


def _size(path):
    try:
        return os.stat(path).st_size if path else 0
    except OSError:
        return 0


def _shown(relative):
    # A name that is not UTF-8 on disk must still be printable and storable.
    return os.fsencode(relative).decode("utf-8", "backslashreplace").replace(os.sep, "/")
