"""Zip and tar archives as SourceFiles, read in place: nothing is unpacked to disk, so nothing can be written elsewhere.

A whole archive is rejected, before any of its files is read, when an entry's name leads outside its folder, when it
contains links, or when it would unpack to more than the limits below.
"""

import gzip
import re
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TypeVar

from svp_core.errors import LabError
from svp_core.images import ImageUnreadable
from svp_core.instruments.file_types import ARCHIVE_SUFFIXES
from svp_core.instruments.images.folder import MAX_FILE_BYTES
from svp_core.instruments.records import SourceFiles, is_hidden, natural_key, unique_name
from svp_core.instruments.sqlite_guard import is_own_database

MAX_FILES = 200_000  # in one archive
MAX_UNPACKED_BYTES = 4 * 1024**3  # all files together
MAX_RATIO = 200  # unpacked to packed size of a large archive: images and tables shrink to a fiftieth at best
RATIO_CHECKED_FROM_BYTES = 256 * 1024**2  # unpacked size above which the ratio is checked
# Entries that identify a zip file as a document or a program: .docx and .xlsx, .odt and .epub, .jar.
DOCUMENT_ENTRIES = ("[Content_Types].xml", "mimetype", "META-INF/MANIFEST.MF")
_GZIP_MAGIC = b"\x1f\x8b"
_BLOCK_BYTES = 1024**2

Entry = TypeVar("Entry", zipfile.ZipInfo, tarfile.TarInfo)


def is_archive_name(name: str) -> bool:
    """Whether a file name has the ending of a zip or tar archive."""
    return name.casefold().endswith(ARCHIVE_SUFFIXES)


def is_archive(path: Path | str) -> bool:
    """Whether a file is a zip or tar archive, by its ending or its content."""
    path = Path(path)
    if is_own_database(path.stat()):
        return False
    if is_archive_name(path.name):
        return True
    if zipfile.is_zipfile(path):
        return not _is_document(path)
    try:
        return _starts_like_tar(path)
    except (OSError, EOFError, zlib.error):
        return False


def _is_document(path: Path) -> bool:
    """Whether a zip file without an archive's ending is a document, such as a word processor's."""
    try:
        with zipfile.ZipFile(path) as archive:
            return bool({*archive.namelist()} & {*DOCUMENT_ENTRIES})
    except (zipfile.BadZipFile, OSError, NotImplementedError):
        return False  # opening it reports what is wrong


def _starts_like_tar(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(512)
        if head[:2] == _GZIP_MAGIC:
            file.seek(0)
            with gzip.open(file) as stream:
                head = stream.read(512)
    return head[257:262] == b"ustar"


@contextmanager
def open_archive(path: Path | str) -> Iterator[SourceFiles]:
    """SourceFiles of a zip, tar or tar.gz archive, valid inside the with block. Raises LabError."""
    path = Path(path)
    with ExitStack() as stack:
        try:
            files = _open(path, stack)
        except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, gzip.BadGzipFile, NotImplementedError):
            raise LabError(f"The archive {path.name} is damaged; pack the folder again as a zip file.") from None
        except OSError as error:
            raise LabError(f"The archive {path.name} cannot be opened ({error.strerror or error}).") from None
        yield files


def _open(path: Path, stack: ExitStack) -> SourceFiles:
    if not zipfile.is_zipfile(path) and not path.name.casefold().endswith(".zip"):
        tar = stack.enter_context(_open_uncompressed(path))
        return _tar_files(path.name, stack.enter_context(tarfile.open(fileobj=tar, mode="r:")))
    return _zip_files(path.name, stack.enter_context(zipfile.ZipFile(path)))


def _zip_files(title: str, archive: zipfile.ZipFile) -> SourceFiles:
    entries = [e for e in archive.infolist() if not e.is_dir()]
    if any(e.flag_bits & 1 for e in entries):
        raise LabError(f"The archive {title} is protected by a password; pack the folder again without one.")
    for entry in entries:
        _check_entry(title, entry.filename, entry.file_size, is_link=stat.S_ISLNK(entry.external_attr >> 16))
    total = sum(e.file_size for e in entries)
    _check_total(title, len(entries), total)
    _check_ratio(title, total, sum(e.compress_size for e in entries))
    by_name = _by_name(entries, lambda e: e.filename)

    def read(name: str, limit: int | None = None) -> bytes:
        try:
            with archive.open(by_name[name]) as file:
                return file.read(-1 if limit is None else limit)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError):
            raise ImageUnreadable("the file is damaged inside the archive") from None

    return SourceFiles(title, {name: entry.file_size for name, entry in by_name.items()}, read)


def _tar_files(title: str, archive: tarfile.TarFile) -> SourceFiles:
    entries, total = [], 0
    for entry in archive:
        if entry.isdir():
            continue
        _check_entry(title, entry.name, entry.size, is_link=not entry.isreg())
        entries.append(entry)
        total += entry.size
        _check_total(title, len(entries), total)
    by_name = _by_name(entries, lambda e: e.name)

    def read(name: str, limit: int | None = None) -> bytes:
        try:
            file = archive.extractfile(by_name[name])
            assert file is not None, "only regular files are listed"
            return file.read(-1 if limit is None else limit)
        except (tarfile.TarError, EOFError, OSError):
            raise ImageUnreadable("the file is damaged inside the archive") from None

    return SourceFiles(title, {name: entry.size for name, entry in by_name.items()}, read)


@contextmanager
def _open_uncompressed(path: Path) -> Iterator[IO[bytes]]:
    """The tar file, seekable.

    A .tar.gz, readable only forwards, is first decompressed into an unnamed temporary file.
    """
    with path.open("rb") as packed:
        is_packed = packed.read(2) == _GZIP_MAGIC
        packed.seek(0)
        if not is_packed:
            yield packed
            return
        with gzip.open(packed) as stream, tempfile.TemporaryFile() as tar:
            while block := stream.read(_BLOCK_BYTES):
                tar.write(block)
                _check_total(path.name, 0, tar.tell())
                _check_ratio(path.name, tar.tell(), packed.tell())
            tar.seek(0)
            yield tar


def _check_entry(title: str, name: str, size: int, *, is_link: bool) -> None:
    parts = name.replace("\\", "/").split("/")
    if parts[0] == "" or re.match(r"[A-Za-z]:", name) or ".." in parts:
        raise LabError(f"The archive {title} is rejected: its entry {name[:80]!r} would be written outside its folder.")
    if is_link:
        raise LabError(f"The archive {title} is rejected: its entry {name[:80]!r} is a link; pack the file itself.")
    if size > MAX_FILE_BYTES:
        limit = MAX_FILE_BYTES // 1024**2
        raise LabError(f"The archive {title} is rejected: its entry {name[:80]!r} unpacks to more than {limit} MB.")


def _check_total(title: str, count: int, total: int) -> None:
    if count > MAX_FILES:
        raise LabError(f"The archive {title} contains more than {MAX_FILES:,} files; split it into smaller archives.")
    if total > MAX_UNPACKED_BYTES:
        limit = MAX_UNPACKED_BYTES // 1024**3
        raise LabError(f"The archive {title} unpacks to more than {limit} GB; split it into smaller archives.")


def _check_ratio(title: str, total: int, packed: int) -> None:
    if total > RATIO_CHECKED_FROM_BYTES and total > MAX_RATIO * packed:
        raise LabError(
            f"The archive {title} is rejected: it unpacks to more than {MAX_RATIO} times its size, which images never "
            "do; pack the folder again."
        )


def _by_name(entries: Iterable[Entry], name_of: Callable[[Entry], str]) -> dict[str, Entry]:
    """Name -> entry, in natural order, hidden files excluded. Two entries of the same name are both kept."""
    taken: set[str] = set()
    by_name = {}
    for entry in entries:
        name = re.sub(r"^(\./)+", "", name_of(entry).replace("\\", "/"))
        if not is_hidden(name):
            by_name[unique_name(name, taken)] = entry
    return dict(sorted(by_name.items(), key=lambda item: natural_key(item[0])))
