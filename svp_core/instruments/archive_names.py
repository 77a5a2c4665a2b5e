"""Names of files in archives that do not state their encoding: UTF-8, the OEM code pages of DOS or Windows-1252.

macOS and many Unix tools write UTF-8 without the flag that says so; older Windows tools write code page 437, 850 or
1252. A name that is valid UTF-8 is UTF-8: a sequence of other accented letters hardly ever is. Otherwise the encoding
is guessed for all names of an archive together, by how many of its characters are letters that fit into their word.
"""

import re
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Sequence

# Equal scores: the first one wins. DOS and Windows tools write the OEM code page, others that of the user's locale.
FROM_WINDOWS = ("cp437", "cp1252", "cp850")
FROM_OTHERS = ("cp1252", "cp437", "cp850")
ENCODING_NAMES = {"cp437": "code page 437", "cp850": "code page 850", "cp1252": "Windows-1252"}
_UNITS = re.compile(r"(?<![^\W\d_])µ[mlgL]|°|(?<=m)[²³]")
_VOWELS = "aeiouyäöü"
_UTF8_FLAG = 0x800  # of a zip entry
_UNICODE_PATH = 0x7075  # extra field of Info-ZIP: the name in UTF-8, after a version byte and the CRC of the plain name
_DOS_AND_WINDOWS = (0, 6, 10, 11, 14)  # systems that a zip entry may name as the one it was made on


def zip_names(title: str, entries: Sequence[zipfile.ZipInfo]) -> tuple[list[str], list[str]]:
    """(names of these entries, notes on how they were decoded). title: the archive's."""
    names = [entry.filename if entry.flag_bits & _UTF8_FLAG else _unicode_path(entry) for entry in entries]
    # zipfile has decoded the others as code page 437, which can be undone.
    unflagged = [entry for entry, name in zip(entries, names, strict=True) if name is None]
    raw_names = [entry.orig_filename.encode("cp437") for entry in unflagged]
    from_windows = any(entry.create_system in _DOS_AND_WINDOWS for entry in unflagged)
    decoded, encoding = decode_names(raw_names, from_windows=from_windows)
    following = iter(decoded)
    return [next(following) if name is None else name for name in names], encoding_notes(title, encoding)


def encoding_notes(title: str, encoding: str) -> list[str]:
    """The note that this archive's names were read in an encoding that was guessed; none where it is ""."""
    if not encoding:
        return []
    return [f"File names in {title} do not state their encoding; they are read as {ENCODING_NAMES[encoding]}."]


def _unicode_path(entry: zipfile.ZipInfo) -> str | None:
    """The name in the Unicode Path field of Info-ZIP, if there is one and it is of this entry's name; else None."""
    extra = entry.extra
    while len(extra) >= 4:
        kind, length = struct.unpack("<HH", extra[:4])
        if kind == _UNICODE_PATH and length > 5:
            crc = struct.unpack("<I", extra[5:9])[0]
            if crc == zlib.crc32(entry.orig_filename.encode("cp437")):
                return extra[9 : 4 + length].decode("utf-8", "replace")
        extra = extra[4 + length :]
    return None


def decode_names(raw_names: Sequence[bytes], *, from_windows: bool = False) -> tuple[list[str], str]:
    """(names, their encoding if it was guessed, else ""). from_windows: a tool of DOS or Windows wrote the archive."""
    names = [_as_utf8(raw) for raw in raw_names]
    unknown = [raw for raw, name in zip(raw_names, names, strict=True) if name is None]
    if not unknown:
        return [name for name in names if name is not None], ""
    encodings = FROM_WINDOWS if from_windows else FROM_OTHERS
    scores = {
        encoding: sum(_plausibility(raw.decode(encoding, "replace")) for raw in unknown) for encoding in encodings
    }
    best = max(encodings, key=lambda encoding: scores[encoding])  # of equal ones, the first
    decoded = (
        raw.decode(best, "replace") if name is None else name for raw, name in zip(raw_names, names, strict=True)
    )
    return list(decoded), best


def _as_utf8(raw: bytes) -> str | None:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _plausibility(name: str) -> float:
    """Higher for a name whose characters beyond ASCII are Latin letters that fit into their word, or units."""
    units = {position for match in _UNITS.finditer(name) for position in range(*match.span())}
    score = 0.0
    for position, character in enumerate(name):
        if character < "\x80":
            continue
        before, after = name[position - 1 : position] if position else "", name[position + 1 : position + 2]
        if position in units:
            score += 1
        elif not unicodedata.name(character, "").startswith("LATIN "):
            score -= 1
        else:
            score += 1 - 0.5 * _misfits(before, character, after)
    return score


def _misfits(before: str, letter: str, after: str) -> bool:
    """Whether a letter does not fit between its neighbours: in another case than both, or "ß" without a vowel."""
    if letter == "ß":
        return before.casefold() not in _VOWELS or not before
    if letter.isupper():
        return before.islower()
    return before.isupper() and after.isupper()
