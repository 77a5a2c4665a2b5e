"""Zip and tar archives as Files, read in place: nothing is unpacked to disk, so nothing can be written astray.

An archive is refused as a whole, before anything of it is read, when a name leads outside, when it holds links, or
when it would unpack to more than the bounds below.
"""

import gzip
import os
import re
import stat
import tarfile
import tempfile
import zipfile
import zlib
from contextlib import ExitStack, contextmanager
from pathlib import Path

from svp_core.errors import LabError
from svp_core.images import ImageUnreadable
from svp_core.instruments.file_types import ARCHIVE_SUFFIXES
from svp_core.instruments.images.folder import MAX_FILE_BYTES
from svp_core.instruments.records import SourceFiles, is_hidden, natural_key, unique_name
from svp_core.instruments.sqlite_guard import is_own_database

MAX_FILES = 200_000  # files in one archive
MAX_UNPACKED_BYTES = 4 * 1024**3  # unpacked, all files together
MAX_RATIO = 200  # unpacked to packed, of what is large: pictures and tables shrink to a fiftieth at best
RATIO_CHECKED_FROM_BYTES = 256 * 1024**2  # from where on the ratio is looked at
# Entries by which a zip file is known to be a document or a program: .docx and .xlsx, .odt and .epub, .jar.
DOCUMENT_ENTRIES = ("[Content_Types].xml", "mimetype", "META-INF/MANIFEST.MF")


def is_archive_name(name):
    """True for a name that says by its ending that it is a zip or tar archive."""
    return name.casefold().endswith(ARCHIVE_SUFFIXES)


def is_archive(path):
    """True for a file that is, or says by its ending that it is, a zip or tar archive."""
    if is_own_database(os.stat(path)):
        return False
    if is_archive_name(Path(path).name):
        return True
    if zipfile.is_zipfile(path):
        return not _is_document(path)
    try:
        return _begins_like_tar(path)
    except (OSError, EOFError, zlib.error):
        return False


def _is_document(path):
    """Whether a zip file without an archive's ending is a word processor's file or the like."""
    try:
        with zipfile.ZipFile(path) as archive:
            return bool({*archive.namelist()} & {*DOCUMENT_ENTRIES})
    except (zipfile.BadZipFile, OSError, NotImplementedError):
        return False  # opening it says what is wrong


def _begins_like_tar(path):
    with open(path, "rb") as file:
        head = file.read(512)
        if head[:2] == b"\x1f\x8b":
            file.seek(0)
            with gzip.open(file) as stream:
                head = stream.read(512)
    return head[257:262] == b"ustar"


@contextmanager
def open_archive(path):
    """Files of a zip, tar or tar.gz archive; valid inside the with block. Raises LabError."""
    path = Path(path)
    with ExitStack() as stack:
        try:
            files = _open(path, stack)
        except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, gzip.BadGzipFile, NotImplementedError):
            raise LabError(f"The archive {path.name} is damaged; pack the folder again as a zip file.") from None
        except OSError as error:
            raise LabError(f"The archive {path.name} cannot be opened ({error.strerror or error}).") from None
        yield files


def _open(path, stack):
    if not zipfile.is_zipfile(path) and not path.name.casefold().endswith(".zip"):
        plain = stack.enter_context(_plain_tar(path))
        return _tar_files(path.name, stack.enter_context(tarfile.open(fileobj=plain, mode="r:")))
    return _zip_files(path.name, stack.enter_context(zipfile.ZipFile(path)))


def _zip_files(title, archive):
    entries = [e for e in archive.infolist() if not e.is_dir()]
    if any(e.flag_bits & 1 for e in entries):
        raise LabError(f"The archive {title} is locked by a password; pack the folder again without one.")
    for entry in entries:
        _check_entry(title, entry.filename, entry.file_size, is_link=stat.S_ISLNK(entry.external_attr >> 16))
    total = sum(e.file_size for e in entries)
    _check_total(title, len(entries), total)
    _check_ratio(title, total, sum(e.compress_size for e in entries))
    offered = _offered(entries, lambda e: e.filename)

    def read(name, limit=None):
        try:
            with archive.open(offered[name]) as file:
                return file.read(-1 if limit is None else limit)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError):
            raise ImageUnreadable("the file is damaged inside the archive") from None

    return SourceFiles(title, {name: entry.file_size for name, entry in offered.items()}, read)


def _tar_files(title, archive):
    entries, total = [], 0
    for entry in archive:
        if entry.isdir():
            continue
        _check_entry(title, entry.name, entry.size, is_link=not entry.isreg())
        entries.append(entry)
        total += entry.size
        _check_total(title, len(entries), total)
    offered = _offered(entries, lambda e: e.name)

    def read(name, limit=None):
        try:
            return archive.extractfile(offered[name]).read(-1 if limit is None else limit)
        except (tarfile.TarError, EOFError, OSError):
            raise ImageUnreadable("the file is damaged inside the archive") from None

    return SourceFiles(title, {name: entry.size for name, entry in offered.items()}, read)


@contextmanager
def _plain_tar(path):
    """The tar itself: a .tar.gz, readable only forwards, is first unzipped into a nameless temporary file."""
    with open(path, "rb") as packed:
        is_packed = packed.read(2) == b"\x1f\x8b"
        packed.seek(0)
        if not is_packed:
            yield packed
            return
        with gzip.open(packed) as stream, tempfile.TemporaryFile() as plain:
            while block := stream.read(1024**2):
                plain.write(block)
                _check_total(path.name, 0, plain.tell())
                _check_ratio(path.name, plain.tell(), packed.tell())
            plain.seek(0)
            yield plain


def _check_entry(title, name, size, *, is_link):
    parts = name.replace("\\", "/").split("/")
    if parts[0] == "" or re.match(r"[A-Za-z]:", name) or ".." in parts:
        raise LabError(f"The archive {title} was refused: {name[:80]!r} in it would be written outside its folder.")
    if is_link:
        raise LabError(f"The archive {title} was refused: {name[:80]!r} in it is a link; pack the files themselves.")
    if size > MAX_FILE_BYTES:
        limit = MAX_FILE_BYTES // 1024**2
        raise LabError(f"The archive {title} was refused: {name[:80]!r} in it unpacks to more than {limit} MB.")


def _check_total(title, count, total):
    if count > MAX_FILES:
        raise LabError(f"The archive {title} holds more than {MAX_FILES:,} files; pack it in parts.")
    if total > MAX_UNPACKED_BYTES:
        raise LabError(
            f"The archive {title} unpacks to more than {MAX_UNPACKED_BYTES // 1024**3} GB; pack it in parts."
        )


def _check_ratio(title, total, packed):
    if total > RATIO_CHECKED_FROM_BYTES and total > MAX_RATIO * packed:
        raise LabError(
            f"The archive {title} was refused: it unpacks to more than {MAX_RATIO} times its size, as no images do; "
            "pack the folder again."
        )


def _offered(entries, name_of):
    """Name -> entry in natural order. Two entries of one name are both kept."""
    taken, offered = set(), {}
    for entry in entries:
        name = re.sub(r"^(\./)+", "", name_of(entry).replace("\\", "/"))
        if not is_hidden(name):
            offered[unique_name(name, taken)] = entry
    return dict(sorted(offered.items(), key=lambda item: natural_key(item[0])))
