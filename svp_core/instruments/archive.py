"""Zip and tar archives as SourceFiles, read in place: nothing is unpacked to disk, so nothing can be written elsewhere.

A whole archive is rejected, before any of its files is read, when an entry's name leads outside its folder, when it
contains links, or when it would unpack to more than the limits below.
"""

import bz2
import gzip
import lzma
import re
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TypeVar, cast

from svp_core.errors import LabError
from svp_core.images import ImageUnreadable
from svp_core.instruments import archive_kinds
from svp_core.instruments.archive_names import decode_names, encoding_notes, zip_names
from svp_core.instruments.bounded_reading import count_zip_entries, in_blocks, read_counted
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
_BLOCK_BYTES = 1024**2
_ENCRYPTED_FLAG = 0x1
# First bytes of the compressed files that may hold a tar archive -> what unpacks them.
_DECOMPRESSORS: dict[bytes, Callable[[IO[bytes]], IO[bytes]]] = {
    b"\x1f\x8b": lambda file: cast("IO[bytes]", gzip.GzipFile(fileobj=file)),
    b"BZh": lambda file: cast("IO[bytes]", bz2.BZ2File(file)),
    b"\xfd7zXZ\x00": lambda file: cast("IO[bytes]", lzma.LZMAFile(file)),  # noqa: SIM115
}
_DAMAGE = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, gzip.BadGzipFile)

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
        with path.open("rb") as file:
            return _starts_like_tar(file)
    except (OSError, *_DAMAGE):
        return False


def _is_document(path: Path) -> bool:
    """Whether a zip file without an archive's ending is a document, such as a word processor's."""
    try:
        with path.open("rb") as file:
            if count_zip_entries(file) > MAX_FILES:
                return False
        with zipfile.ZipFile(path) as archive:
            return bool({*archive.namelist()} & {*DOCUMENT_ENTRIES})
    except (zipfile.BadZipFile, OSError, NotImplementedError):
        return False  # opening it reports what is wrong


def _starts_like_tar(file: IO[bytes]) -> bool:
    head = file.read(512)
    file.seek(0)
    if decompress := _decompressor(head):
        with decompress(file) as stream:
            head = stream.read(512)
        file.seek(0)
    return head[257:262] == b"ustar"


def _decompressor(head: bytes) -> Callable[[IO[bytes]], IO[bytes]] | None:
    return next((decompress for magic, decompress in _DECOMPRESSORS.items() if head.startswith(magic)), None)


@contextmanager
def open_archive(source: Path | str | IO[bytes], title: str = "") -> Iterator[SourceFiles]:
    """SourceFiles of a zip or tar archive, compressed or not, valid inside the with block. Raises LabError.

    source: a path or an open, seekable file. title: what messages call it; by default the name of the path.
    """
    if isinstance(source, Path | str):
        title = title or Path(source).name
    with ExitStack() as stack:
        try:
            file = stack.enter_context(Path(source).open("rb")) if isinstance(source, Path | str) else source
            files = _open(file, title, stack)
        except NotImplementedError:
            raise LabError(f"The archive {title} is in a zip format that is too new; pack the folder again.") from None
        except _DAMAGE as error:
            if "multiple disks" in str(error):
                raise LabError(_unreadable(title, "one part of a zip archive in several parts")) from None
            raise LabError(f"The archive {title} is damaged; pack the folder again as a zip file.") from None
        except OSError as error:
            raise LabError(
                f"The archive {title} cannot be opened ({error.strerror or error}); check that it may be read."
            ) from None
        yield files


def _unreadable(title: str, kind: str) -> str:
    return f"{title} is {kind}, which cannot be read; {archive_kinds.advice(kind)}."


def check_readable(path: Path) -> None:
    """Raise LabError if the file at this path is an archive of a kind that cannot be read."""
    try:
        with path.open("rb") as file:
            head = file.read(archive_kinds.HEAD_BYTES)
    except OSError:
        return  # what reads it reports why
    if kind := archive_kinds.unreadable_file(path.name, head):
        raise LabError(_unreadable(path.name, kind))


def _open(file: IO[bytes], title: str, stack: ExitStack) -> SourceFiles:
    head = file.read(archive_kinds.HEAD_BYTES)
    file.seek(0)
    if kind := archive_kinds.unreadable_archive(title, head):
        raise LabError(_unreadable(title, kind))
    is_zip = zipfile.is_zipfile(file)
    file.seek(0)
    if is_zip or title.casefold().endswith(".zip"):
        _check_total(title, count_zip_entries(file), 0)
        return _zip_files(title, stack.enter_context(zipfile.ZipFile(file)))
    tar = stack.enter_context(_open_uncompressed(file, title))
    return _tar_files(title, stack.enter_context(tarfile.open(fileobj=in_blocks(tar), mode="r:")))


def _zip_files(title: str, archive: zipfile.ZipFile) -> SourceFiles:
    entries = [e for e in archive.infolist() if not e.is_dir()]
    if any(e.flag_bits & _ENCRYPTED_FLAG for e in entries):
        raise LabError(f"The archive {title} is protected by a password; pack the folder again without one.")
    names, notes = zip_names(title, entries)
    for entry, name in zip(entries, names, strict=True):
        _check_entry(title, name, entry.file_size, is_link=stat.S_ISLNK(entry.external_attr >> 16))
    total = sum(e.file_size for e in entries)
    _check_total(title, len(entries), total)
    _check_ratio(title, total, sum(e.compress_size for e in entries))
    by_name = _by_name(entries, names)
    notes += archive_kinds.method_notes(title, [entry.compress_type for entry in by_name.values()])

    def read(name: str, limit: int | None = None) -> bytes:
        entry = by_name[name]
        if method := archive_kinds.unreadable_method(entry.compress_type):
            reason = f"it is packed with {method}, which cannot be read; unpack the archive and choose the folder"
            raise ImageUnreadable(reason)
        try:
            with archive.open(entry) as file:
                return read_counted(file, entry.file_size, limit)
        except (*_DAMAGE, OSError, NotImplementedError, RuntimeError, ValueError):
            raise ImageUnreadable("the file is damaged inside the archive; pack it again") from None

    return SourceFiles(title, {name: entry.file_size for name, entry in by_name.items()}, read, notes=tuple(notes))


def _tar_files(title: str, archive: tarfile.TarFile) -> SourceFiles:
    entries, total = [], 0
    for entry in archive:
        if entry.isdir():
            continue
        _check_entry(title, entry.name, entry.size, is_link=not entry.isreg())
        entries.append(entry)
        total += entry.size
        _check_total(title, len(entries), total)
    # tarfile keeps the bytes of names that are not UTF-8 as surrogates.
    names, encoding = decode_names([entry.name.encode("utf-8", "surrogateescape") for entry in entries])
    by_name = _by_name(entries, names)

    def read(name: str, limit: int | None = None) -> bytes:
        try:
            file = archive.extractfile(by_name[name])
            assert file is not None, "only regular files are listed"
            return read_counted(file, by_name[name].size, limit)
        except (tarfile.TarError, EOFError, OSError):
            raise ImageUnreadable("the file is damaged inside the archive; pack it again") from None

    sizes = {name: entry.size for name, entry in by_name.items()}
    return SourceFiles(title, sizes, read, notes=tuple(encoding_notes(title, encoding)))


@contextmanager
def _open_uncompressed(packed: IO[bytes], title: str) -> Iterator[IO[bytes]]:
    """The tar file, seekable.

    A compressed one, readable only forwards, is first decompressed into an unnamed temporary file.
    """
    decompress = _decompressor(packed.read(archive_kinds.HEAD_BYTES))
    packed.seek(0)
    if decompress is None:
        yield packed
        return
    with decompress(packed) as stream, tempfile.TemporaryFile() as tar:
        while block := stream.read(_BLOCK_BYTES):
            tar.write(block)
            _check_total(title, 0, tar.tell())
            _check_ratio(title, tar.tell(), packed.tell())
        tar.seek(0)
        yield tar


def _check_entry(title: str, name: str, size: int, *, is_link: bool) -> None:
    parts = name.replace("\\", "/").split("/")
    if parts[0] == "" or re.match(r"[A-Za-z]:", name) or ".." in parts:
        raise LabError(
            f"The archive {title} is rejected: its entry {name[:80]!r} would be written outside its folder; "
            "pack the folder again with plain names."
        )
    if is_link:
        raise LabError(f"The archive {title} is rejected: its entry {name[:80]!r} is a link; pack the file itself.")
    if size > MAX_FILE_BYTES:
        limit = MAX_FILE_BYTES // 1024**2
        raise LabError(
            f"The archive {title} is rejected: its entry {name[:80]!r} unpacks to more than {limit} MB; "
            "split that file."
        )


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


def _by_name(entries: Iterable[Entry], names: Iterable[str]) -> dict[str, Entry]:
    """Name -> entry, in natural order, hidden files excluded. Two entries of the same name are both kept."""
    taken: set[str] = set()
    by_name = {}
    for entry, entry_name in zip(entries, names, strict=True):
        name = re.sub(r"^(\./)+", "", entry_name.replace("\\", "/"))
        if not is_hidden(name):
            by_name[unique_name(name, taken)] = entry
    return dict(sorted(by_name.items(), key=lambda item: natural_key(item[0])))
