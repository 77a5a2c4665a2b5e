"""Find image files that lie in a source twice: same name, same content, another folder."""

from svp_core.images import ImageUnreadable
from svp_core.instruments.records import SourceFiles

MAX_PAIRS = 100  # that are compared


def copies_caution(files: SourceFiles, names: set[str]) -> tuple[str, ...]:
    """One sentence where images of this source are copies of one another, otherwise (). names: its images."""
    first: dict[tuple[str, int], str] = {}
    pairs = []
    for name in files.names:
        if name in names:
            key = name.rpartition("/")[2], files.sizes[name]
            if key in first:
                pairs.append((first[key], name))
            first.setdefault(key, name)
    chosen = pairs[:: max(1, -(-len(pairs) // MAX_PAIRS))]
    copies = [name for other, name in chosen if _same(files, other, name)]
    if not copies:
        return ()
    of = f"{len(copies):,} of {len(chosen):,} examined" if len(chosen) < len(pairs) else f"{len(copies):,}"
    what = "image file is a copy" if len(copies) == len(chosen) == len(pairs) == 1 else "image files are copies"
    return (f"{of} {what} of a file of the same name in another folder (such as {copies[0][:80]}): counted twice.",)


def _same(files: SourceFiles, one: str, other: str) -> bool:
    try:
        return files.read(one) == files.read(other)
    except ImageUnreadable:
        return False
