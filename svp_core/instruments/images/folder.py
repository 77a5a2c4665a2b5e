"""Plain image files, in a folder or wherever else Files can point: each page of each file is a particle."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from svp_core.images import IMAGE_SUFFIXES, ImageUnreadable
from svp_core.instruments.images.collage import looks_like_collage
from svp_core.instruments.images.stack import count_pages, read_pages
from svp_core.instruments.records import ParticleRecord, SourceFiles, class_from_path, is_hidden, natural_key
from svp_core.instruments.sqlite_guard import is_own_database

BOX_COLUMNS = ("top", "left", "bottom", "right")  # of a tile cut from a collage picture, in its columns
MAX_FILE_BYTES = 512 * 1024**2  # the largest collage seen is 2 MB; bounds what one file can take in memory
MAX_UNDECODED_BYTES = 2 * 1024**2  # of a file that is handed on as it is


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
    return SourceFiles(folder.resolve().name, sizes, read)


def list_siblings(path):
    """Files of the folder in which this file lies, without those below it; the title is the file's own name.

    An image comes alone: no run is made by an image.
    """
    path = Path(path)
    if is_image_name(path.name):
        return SourceFiles(
            _shown(path.name), {_shown(path.name): _size(path)}, lambda name, limit=None: read_file(path, limit)
        )
    try:
        beside = [path, *(p for p in path.parent.iterdir() if p.is_file() and not is_hidden(p.name))]
    except OSError:  # the folder may be entered but not listed
        beside = [path]
    paths = {_shown(p.name): p for p in beside}
    sizes = {name: _size(paths[name]) for name in sorted(paths, key=natural_key)}
    return SourceFiles(_shown(path.name), sizes, lambda name, limit=None: read_file(paths[name], limit))


def read_file(path, limit=None):
    """Bytes of a regular file, at most `limit` of them. Raises ImageUnreadable with the reason."""
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise ImageUnreadable("this is not a regular file")
        if is_own_database(status):
            raise ImageUnreadable("this is the lab's own database")
        if limit is None and status.st_size > MAX_FILE_BYTES:
            raise ImageUnreadable(too_large_reason(status.st_size))
        with open(path, "rb") as file:
            return file.read(-1 if limit is None else limit)
    except OSError as error:
        raise ImageUnreadable(f"the file cannot be opened ({error.strerror})") from None


def too_large_reason(size):
    """The reason for a file above MAX_FILE_BYTES."""
    return f"the file has {size / 1024**2:,.0f} MB; at most {MAX_FILE_BYTES // 1024**2} MB are read"


def is_image_name(name):
    return name.casefold().endswith(IMAGE_SUFFIXES)


def count_images(files):
    """How many records read_images will give: one per file, one per page of a TIFF."""
    return sum(_count(files, name) for name in files.names)


@dataclass(frozen=True, eq=False)
class ImageFile:
    """One image file, not decoded yet: that may be done in another process."""

    name: str  # as in ParticleRecord, like source and run
    source: str
    run: str
    data: bytes

    def records(self, *, split_collage=None):
        """Yield a ParticleRecord for each page; split_collage: as read_images takes it."""
        about = {"source": self.source, "run": self.run, "given": class_from_path(self.name)}
        if _is_misnamed_stack(self.name, self.data):
            reason = "this is a TIFF of several pages; end its name in .tif and every page is read"
            yield ParticleRecord(self.name, reason=reason, **about)
            return
        for number, pixels, reason in read_pages(self.data):
            page = self.name if number is None else f"{self.name}#{number}"
            if reason or not looks_like_collage(pixels):
                yield ParticleRecord(page, pixels=pixels, reason=reason, **about)
            elif split_collage is None or number is not None:
                reason = "this is a collage picture of many particles; give it alone and it is cut into them"
                yield ParticleRecord(page, reason=reason, **about)
            else:
                yield from _tiles(page, pixels, split_collage(pixels), about)


def read_images(files, *, run="", split_collage=None):
    """Yield what there is of each file, in natural order: an ImageFile, or its ParticleRecords.

    Those are of files that cannot be read or are no images, which are rejected, and of stacks and large pictures, page
    by page. split_collage: what to do with a picture of many particles: a function (pixels) -> boxes (N, 4) cuts it
    into records with their box as columns; None rejects it.
    """
    for name in files.names:
        try:
            file = ImageFile(name, files.title, run, _image_bytes(files, name))
        except ImageUnreadable as error:
            yield ParticleRecord(name, files.title, given=class_from_path(name), run=run, reason=str(error))
            continue
        if split_collage or is_tiff_name(name) or len(file.data) > MAX_UNDECODED_BYTES:
            yield from file.records(split_collage=split_collage)
        else:
            yield file


def _tiles(page, pixels, boxes, about):
    for tile, box in enumerate(boxes.tolist(), 1):
        top, left, bottom, right = box
        columns = dict(zip(BOX_COLUMNS, box, strict=True))
        yield ParticleRecord(f"{page}#{tile}", pixels=pixels[top:bottom, left:right].copy(), columns=columns, **about)


def _image_bytes(files, name):
    if not is_image_name(name):
        suffix = PurePosixPath(name).suffix or "no ending"
        # Reading first: a folder that cannot be opened has a better reason than its missing ending.
        files.read(name, limit=1)
        raise ImageUnreadable(f"this is not an image file ({suffix[:20]}); PNG, JPEG, TIFF and BMP are read")
    return files.read(name)


def is_tiff_name(name):
    return name.casefold().endswith((".tif", ".tiff"))


def _is_misnamed_stack(name, data):
    # Counting looks into files with a TIFF's name only, so that 20,000 PNG files are counted at once.
    return data[:4] in (b"II*\0", b"MM\0*") and not is_tiff_name(name) and count_pages(data) > 1


def _count(files, name):
    try:
        return count_pages(files.read(name)) if is_tiff_name(name) else 1
    except ImageUnreadable:
        return 1  # it will be one rejected record


def _size(path):
    try:
        return os.stat(path).st_size if path else 0
    except OSError:
        return 0


def _shown(relative):
    # A name that is not UTF-8 on disk must still be printable and storable.
    return os.fsencode(relative).decode("utf-8", "backslashreplace").replace(os.sep, "/")
