"""Find image files that lie in a source twice: the same content under one name in two folders, or as "a - Copy"."""

import re

from svp_core.images import ImageUnreadable
from svp_core.instruments.records import SourceFiles

MAX_PAIRS = 100  # that are compared
# Names that file managers and browsers give to copies: "a (1).png", "a - Copy.png", "a copy 2.png", "Copy of a.png".
_COPY = re.compile(
    r"(?:copy of )?(.+?)(?: ?\(\d{1,3}\)|(?: -)?[ _](?:copy|kopie|copie|copia)(?: ?\(?\d{1,3}\)?)?)?(\.\w+)"
)


def copies_caution(files: SourceFiles, names: set[str]) -> tuple[str, ...]:
    """One sentence where images of this source are copies of one another, otherwise (). names: its images."""
    first: dict[tuple[str, int], str] = {}
    pairs = []
    for name in files.names:
        if name in names:
            key = _original(name.rpartition("/")[2]), files.sizes[name]
            if key in first:
                pairs.append((first[key], name))
            first.setdefault(key, name)
    chosen = pairs[:: max(1, -(-len(pairs) // MAX_PAIRS))]
    copies = [name for other, name in chosen if _same(files, other, name)]
    if not copies:
        return ()
    of = f"{len(copies):,} of {len(chosen):,} examined" if len(chosen) < len(pairs) else f"{len(copies):,}"
    what = "image file is a copy" if len(copies) == len(chosen) == len(pairs) == 1 else "image files are copies"
    return (f"{of} {what} of another file (such as {copies[0][:80]}), by name and content: counted twice.",)


def _original(name: str) -> str:
    match = _COPY.fullmatch(name.casefold())
    return f"{match[1]}{match[2]}" if match else name.casefold()


def _same(files: SourceFiles, one: str, other: str) -> bool:
    try:
        return files.read(one) == files.read(other)
    except ImageUnreadable:
        return False
