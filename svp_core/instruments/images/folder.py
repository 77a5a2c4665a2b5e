"""Read plain image files, in a folder or any other SourceFiles: each page of each file is a particle."""

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svp_core.decoding.files import ScaleOf, may_need_scale
from svp_core.errors import LabError
from svp_core.images import IMAGE_SUFFIXES, ImageUnreadable
from svp_core.instruments.archive_kinds import HEAD_BYTES, advice, unreadable_file
from svp_core.instruments.data_roots import leads_outside
from svp_core.instruments.file_types import ARCHIVE_SUFFIXES
from svp_core.instruments.images.cleaning import clean_image
from svp_core.instruments.images.collage import looks_like_collage
from svp_core.instruments.images.ome_metadata import ome_scale
from svp_core.instruments.images.stack import Page, count_pages, read_pages, summarise_pages
from svp_core.instruments.other_files import unread_kind
from svp_core.instruments.records import ParticleRecord, SourceFiles, class_from_path, is_hidden, natural_key
from svp_core.instruments.split_folders import SPLIT, split_from_path
from svp_core.instruments.sqlite_guard import is_own_database
from svp_core.instruments.text_tables import decode_text, table_columns

BOX_COLUMNS = ("top", "left", "bottom", "right")  # of a tile cropped from a collage, in its record's columns
PAGE_COLUMN = "page"  # that was read of a file whose pages show one particle several times
MAX_FILES = 200_000  # below one folder
MAX_OTHER_FILES = 50_000  # neither images nor archives: a disk or a home folder; each of them is opened to detect runs
MAX_FILE_BYTES = 512 * 1024**2  # limits the memory for one file; the largest collage known has 2 MB
LEADS_OUTSIDE = "this is a link to a place outside the folders that this server may read; copy the file itself here"
PLANES_AS_COLOURS = "planes of one page read as colours, which may be several images"
TABLE_HEAD_BYTES = 4096  # from which a table's columns are named
MAX_UNDECODED_BYTES = 2 * 1024**2  # of a file that is yielded undecoded

SplitCollage = Callable[[NDArray[np.uint8]], NDArray[np.integer]]  # pixels -> boxes (N, 4)


def list_folder(folder: Path | str) -> SourceFiles:
    """Files below this folder, recursively; links to folders are not followed, hidden files are excluded.

    Raises LabError as soon as there are too many to be the images of one source.
    """
    folder, others = Path(folder), 0
    paths: dict[str, Path] = {}
    refused: dict[str, str] = {}

    def refuse(error: OSError) -> None:
        refused[_printable(os.path.relpath(error.filename, folder))] = (
            f"the folder cannot be opened ({error.strerror}); check that it may be read"
        )

    for root, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [f for f in folders if not is_hidden(f)]
        for name in names:
            if not is_hidden(name):
                path = Path(root, name)
                paths[_printable(os.path.relpath(path, folder))] = path
                others += not name.casefold().endswith((*IMAGE_SUFFIXES, *ARCHIVE_SUFFIXES))
        _check_number(folder, len(paths), others)

    def read(name: str, limit: int | None = None) -> bytes:
        if name in refused:
            raise ImageUnreadable(refused[name])
        return read_file(paths[name], limit)

    sizes = {name: _size(paths.get(name)) for name in sorted({*paths, *refused}, key=natural_key)}
    return SourceFiles(folder.resolve().name, sizes, read)


def _check_number(folder: Path, count: int, others: int) -> None:
    if count > MAX_FILES:
        raise LabError(f"{folder} holds more than {MAX_FILES:,} files; choose one of its folders of images.")
    if others > MAX_OTHER_FILES:
        raise LabError(
            f"{folder} holds more than {MAX_OTHER_FILES:,} files that are not images; choose a folder of images or the "
            "folder of a run."
        )


def list_siblings(path: Path | str) -> SourceFiles:
    """Files of the folder that contains this file, without subfolders; the title is the file's own name.

    An image is listed alone: an image never makes a run.
    """
    path = Path(path)
    if is_image_name(path.name):
        name = _printable(path.name)
        return SourceFiles(name, {name: _size(path)}, lambda name, limit=None: read_file(path, limit))
    try:
        siblings = [path, *(p for p in path.parent.iterdir() if p.is_file() and not is_hidden(p.name))]
    except OSError:  # the folder may be entered but not listed
        siblings = [path]
    paths = {_printable(p.name): p for p in siblings}
    sizes = {name: _size(paths[name]) for name in sorted(paths, key=natural_key)}
    return SourceFiles(_printable(path.name), sizes, lambda name, limit=None: read_file(paths[name], limit))


def read_file(path: Path, limit: int | None = None) -> bytes:
    """Bytes of a regular file, at most `limit` of them. Raises ImageUnreadable with the reason."""
    try:
        if leads_outside(path):
            raise ImageUnreadable(LEADS_OUTSIDE)
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ImageUnreadable("this is not a regular file; copy it to a folder")
        if is_own_database(status):
            raise ImageUnreadable("this is the lab's own database")
        if limit is None and status.st_size > MAX_FILE_BYTES:
            raise ImageUnreadable(too_large_reason(status.st_size))
        with path.open("rb") as file:
            return file.read(-1 if limit is None else limit)
    except OSError as error:
        raise ImageUnreadable(
            f"the file cannot be opened ({error.strerror}); check that it is there and may be read"
        ) from None


def too_large_reason(size: int) -> str:
    """The reason for rejecting a file of so many bytes, above MAX_FILE_BYTES."""
    return f"the file has {size / 1024**2:,.0f} MB, more than {MAX_FILE_BYTES // 1024**2} MB; split it"


def is_image_name(name: str) -> bool:
    """Whether a file name has the ending of an image format that can be read."""
    return name.casefold().endswith(IMAGE_SUFFIXES)


@dataclass(frozen=True)
class ImageCount:
    """How many records read_images will give, and what the pages of files are."""

    count: int
    files_by_kind: dict[str, int]  # of the kinds of PageSummary -> files that hold them


def count_images(files: SourceFiles) -> ImageCount:
    """ImageCount of these files: one record per file, one per particle of a TIFF."""
    aside, count, kinds = files.aside, 0, Counter[str]()
    for name in files.names:
        if name in aside or not is_tiff_name(name):
            count += 1
            continue
        try:
            summary = summarise_pages(files.read(name), one_each=files.one_each)
        except ImageUnreadable:
            count += 1  # it will be one rejected record
            continue
        count += summary.count
        kinds.update(summary.kinds)
    return ImageCount(count, dict(kinds))


@dataclass(frozen=True, eq=False)
class ImageFile:
    """One image file, not decoded yet, so that another process may decode it."""

    name: str  # as in ParticleRecord, like source and run
    source: str
    run: str
    data: bytes
    columns: dict[str, Any] = field(default_factory=dict)  # of all of its particles

    def records(
        self,
        *,
        split_collage: SplitCollage | None = None,
        scale_of: ScaleOf | None = None,
        one_each: bool = False,
    ) -> Iterator[ParticleRecord]:
        """Yield a ParticleRecord for each particle.

        split_collage: as read_images takes it. scale_of, one_each: of the source's files.
        """
        origin = {"source": self.source, "run": self.run, "given": class_from_path(self.name)}
        origin |= {"um_per_px": ome_scale(self.data)}
        if _is_misnamed_stack(self.name, self.data):
            reason = "this is a TIFF of several pages; rename it to end in .tif and every page is read"
            yield ParticleRecord(self.name, reason=reason, **origin)
            return
        for page in read_pages(self.data, scale_of, one_each=one_each):
            name, pixels, reason, caution = self._page_name(page.number), page.pixels, page.reason, ""
            columns = self.columns if page.chosen is None else {**self.columns, PAGE_COLUMN: page.chosen}
            if pixels is not None and looks_like_collage(pixels):
                if split_collage is not None and page.number is None:
                    yield from _tile_records(name, pixels, split_collage(pixels), columns, origin)
                    continue
                reason = "this is a collage of many particles; open it on its own to split it into tiles"
            elif pixels is not None:
                clean = clean_image(pixels)
                pixels, reason = clean.pixels, clean.reason
                caution = "; ".join(filter(None, (clean.caution, _animation_caution(page.left_out), _doubt(page))))
            pixels, caution = (None, "") if reason else (pixels, caution)
            yield ParticleRecord(name, pixels=pixels, reason=reason, caution=caution, columns=columns, **origin)

    def _page_name(self, number: int | None) -> str:
        return self.name if number is None else f"{self.name}#{number}"


def _doubt(page: Page) -> str:
    if page.left_values:
        return f"{page.left_values:,} further values of each pixel left out, beside its colours"
    return PLANES_AS_COLOURS if page.doubtful else ""


def _animation_caution(left_out: int) -> str:
    return f"the first of {left_out + 1} images of an animation; save all of them as a TIFF" if left_out else ""


def read_images(
    files: SourceFiles, *, run: str = "", split_collage: SplitCollage | None = None
) -> Iterator[ParticleRecord | ImageFile]:
    """Yield the content of each file, in natural order: an ImageFile, or its ParticleRecords.

    ParticleRecords come from files that are unreadable or not images, which are rejected, and from stacks, large images
    and images of more than 8 bits, page by page. split_collage: function (pixels) -> boxes (N, 4) that splits an image
    of many particles into records with their box as columns; None rejects such an image.
    """
    aside, splits = files.aside, files.splits
    for name in files.names:
        columns = {SPLIT: split} if (split := split_from_path(name, splits)) else {}
        try:
            if name in aside:
                raise ImageUnreadable(aside[name])
            file = ImageFile(name, files.title, run, _image_bytes(files, name), columns)
        except ImageUnreadable as error:
            given = class_from_path(name)
            yield ParticleRecord(name, files.title, given=given, run=run, reason=str(error), columns=columns)
            continue
        large = len(file.data) > MAX_UNDECODED_BYTES
        if split_collage or is_tiff_name(name) or large or may_need_scale(file.data):
            yield from file.records(split_collage=split_collage, scale_of=files.scale_of, one_each=files.one_each)
        else:
            yield file


def _tile_records(
    page: str,
    pixels: NDArray[np.uint8],
    boxes: NDArray[np.integer],
    columns: dict[str, Any],
    origin: dict[str, Any],
) -> Iterator[ParticleRecord]:
    for number, box in enumerate(boxes.tolist(), 1):
        top, left, bottom, right = box
        tile = pixels[top:bottom, left:right].copy()
        columns = {**columns, **dict(zip(BOX_COLUMNS, box, strict=True))}
        yield ParticleRecord(f"{page}#{number}", pixels=tile, columns=columns, **origin)


def _image_bytes(files: SourceFiles, name: str) -> bytes:
    if not is_image_name(name):
        suffix = PurePosixPath(name).suffix or "no ending"
        # Reading first: "the folder cannot be opened" is a better reason than its missing ending.
        head = files.read(name, limit=HEAD_BYTES)
        if kind := unreadable_file(name, head):
            raise ImageUnreadable(f"this is {kind}, which cannot be read; {advice(kind)}")
        if known := unread_kind(name, head):
            raise ImageUnreadable(f"this is {known[0]}, which is not read; {known[1]}")
        if columns := table_columns(decode_text(files.read(name, limit=TABLE_HEAD_BYTES))):
            raise ImageUnreadable(
                f"this is a table of no instrument that is known here (its columns begin with {columns}); its "
                "images are read without it"
            )
        raise ImageUnreadable(f"this is not an image file ({suffix[:20]}); use PNG, JPEG, TIFF, BMP, GIF or WebP")
    return files.read(name)


def is_tiff_name(name: str) -> bool:
    """Whether a file name has the ending of a TIFF."""
    return name.casefold().endswith((".tif", ".tiff"))


def _is_misnamed_stack(name: str, data: bytes) -> bool:
    # count_images opens only files named as TIFF, so that 20,000 PNG files are counted without opening them.
    return data[:4] in (b"II*\0", b"MM\0*") and not is_tiff_name(name) and count_pages(data) > 1


def _size(path: Path | None) -> int:
    try:
        return path.stat().st_size if path else 0
    except OSError:
        return 0


def _printable(relative: str) -> str:
    # A name that is not UTF-8 on disk must still be printable and storable.
    return os.fsencode(relative).decode("utf-8", "backslashreplace").replace(os.sep, "/")
