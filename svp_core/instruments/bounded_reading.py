"""Read archives in little memory, whatever they state about their sizes."""

import os
import tarfile
from typing import IO, cast

BLOCK_BYTES = 1024**2
MAX_DIRECTORY_BYTES = 128 * 1024**2  # of a zip: 200,000 entries with names of 600 characters
_MAX_END_BYTES = 66_000  # of a zip, in which its last record is searched
_ZIP_ENTRY, _ZIP_END, _ZIP64_END = b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06"


def count_zip_entries(file: IO[bytes]) -> int:
    """Entries in a zip's directory, whatever its end says; zipfile would make an object of each first."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _MAX_END_BYTES))
    tail = file.read()
    end = tail.rfind(_ZIP_END)
    if end < 0:
        file.seek(0)
        return 0  # opening it reports what is wrong
    wide = tail.rfind(_ZIP64_END, 0, end)
    length = int.from_bytes(tail[wide + 40 : wide + 48] if wide >= 0 else tail[end + 12 : end + 16], "little")
    length = min(length, size)
    if length > MAX_DIRECTORY_BYTES:
        file.seek(0)
        return length // len(_ZIP_ENTRY)
    file.seek(max(0, size - len(tail) + (wide if wide >= 0 else end) - length))
    count = file.read(length).count(_ZIP_ENTRY)
    file.seek(0)
    return count


def read_counted(file: IO[bytes], stated: int, limit: int | None) -> bytes:
    """At most as many bytes as the archive states of an entry, or the limit where that is less, read in blocks.

    Read at once, zipfile unpacks all of a lying entry before it counts.
    """
    most, blocks = stated if limit is None else min(stated, limit), []
    while most > 0 and (block := file.read(min(most, BLOCK_BYTES))):
        blocks.append(block)
        most -= len(block)
    if most == 0:
        file.read(1)  # the end, where the checksum is compared
    return b"".join(blocks)


class _HeadersInBlocks:
    """A tar file that is read in blocks only: a header that states a name of gigabytes would be read at once."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= BLOCK_BYTES:
            raise tarfile.ReadError("a header is too long")
        return self._file.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


def in_blocks(file: IO[bytes]) -> IO[bytes]:
    """This tar file for tarfile.open, which then raises ReadError for a header that is longer than a block."""
    return cast("IO[bytes]", _HeadersInBlocks(file))
