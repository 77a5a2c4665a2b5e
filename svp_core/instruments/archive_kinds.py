"""Archives that cannot be read, recognised by their first bytes or ending, and what to do with them instead."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

HEAD_BYTES = 16

# First bytes -> what the file is. Where they begin later than at byte 0, the position is given.
_SIGNATURES: Final = (
    (0, b"Rar!\x1a\x07", "a RAR archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (0, b"\x28\xb5\x2f\xfd", "an archive packed with Zstandard"),
    (0, b"\x04\x22\x4d\x18", "an archive packed with LZ4"),
    (0, b"MSCF", "a Windows cabinet"),
    (0, b"\x1f\x9d", "a file packed with compress"),
    (0, b"LZIP", "an archive packed with lzip"),
    (0, b"xar!", "a XAR archive"),
    (0, b"SIT!", "a StuffIt archive"),
    (0, b"StuffIt", "a StuffIt archive"),
    (0, b"PK\x07\x08", "one part of a zip archive in several parts"),
    (2, b"-lh", "an LHA archive"),
    (7, b"**ACE**", "an ACE archive"),
)
_SINGLE_FILES: Final = (  # if they hold a tar archive, they are read
    (0, b"\x1f\x8b", "a single file packed with gzip"),
    (0, b"BZh", "a single file packed with bzip2"),
    (0, b"\xfd7zXZ\x00", "a single file packed with xz"),
)
_ENDINGS: Final = {
    ".rar": "a RAR archive",
    ".7z": "a 7-Zip archive",
    ".zst": "an archive packed with Zstandard",
    ".lz4": "an archive packed with LZ4",
    ".cab": "a Windows cabinet",
    ".sit": "a StuffIt archive",
    ".sitx": "a StuffIt archive",
    ".lzh": "an LHA archive",
    ".arj": "an ARJ archive",
    ".ace": "an ACE archive",
    ".iso": "a disc image",
    ".dmg": "a disc image of macOS",
    ".z01": "one part of a zip archive in several parts",
    ".zip.001": "one part of an archive in several parts",
}
# Compression methods of zip archives (APPNOTE.TXT 6.3.10, section 4.4.5).
_READABLE_METHODS = {0, 8, 12, 14}  # stored, Deflate, bzip2, LZMA
_METHODS: Final = {
    1: "Shrink",
    2: "Reduce",
    3: "Reduce",
    4: "Reduce",
    5: "Reduce",
    6: "Implode",
    9: "Deflate64",
    10: "PKWARE DCL Implode",
    16: "IBM z/OS CMPSC",
    18: "IBM TERSE",
    19: "IBM LZ77",
    20: "Zstandard",
    93: "Zstandard",
    94: "MP3",
    95: "XZ",
    96: "a JPEG variant",
    97: "WavPack",
    98: "PPMd",
    99: "AES encryption",
}


def unreadable_archive(name: str, head: bytes) -> str:
    """What a file is, "a RAR archive", if it is an archive that cannot be read; else "".

    head: its first HEAD_BYTES bytes; the ending counts only where they say nothing.
    """
    for position, signature, kind in _SIGNATURES:
        if head.startswith(signature, position):
            return kind
    return next((kind for ending, kind in _ENDINGS.items() if name.casefold().endswith(ending)), "")


def packed_single_file(head: bytes) -> str:
    """What a file is, "a single file packed with gzip", by its first bytes, if it is not a tar archive; else ""."""
    return next((kind for _, signature, kind in _SINGLE_FILES if head.startswith(signature)), "")


def unreadable_file(name: str, head: bytes) -> str:
    """As unreadable_archive, or as packed_single_file: for a file that is not a tar archive."""
    return unreadable_archive(name, head) or packed_single_file(head)


def advice(kind: str) -> str:
    """What works instead of an archive of this kind: a clause that follows "which cannot be read"."""
    if "part of" in kind:
        return "join the parts, unpack them and choose the folder"
    if "single file" in kind:
        return "unpack it and choose the file or its folder"
    return "unpack it and choose the folder, or pack its files as a zip archive"


def unreadable_method(method: int) -> str:
    """Name of a zip compression method that cannot be read, "Deflate64 (method 9)"; "" for one that can."""
    if method in _READABLE_METHODS:
        return ""
    return f"{_METHODS[method]} (method {method})" if method in _METHODS else f"method {method}"


def method_notes(title: str, methods: Sequence[int]) -> Iterator[str]:
    """Yield a sentence for every method of these entries of an archive that cannot be read."""
    counts = Counter(map(unreadable_method, methods))
    del counts[""]
    for method, count in counts.items():
        which = "All files" if count == len(methods) else f"{count:,} of {len(methods):,} files"
        yield f"{which} in {title} are packed with {method}, which cannot be read; unpack it and choose the folder."
