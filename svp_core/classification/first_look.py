"""Look at the first particles of a source before it is classified: what is off is said at once."""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from svp_core.classification.measure import find_particle
from svp_core.images import to_colour_tile
from svp_core.instruments.detect import iter_items
from svp_core.instruments.images.folder import ImageFile
from svp_core.instruments.metadata import Choices
from svp_core.instruments.records import ParticleRecord

EXAMINED = 200  # particles
FRAME_PX = 480  # shorter side from which an image may be a whole camera frame; crops of a particle are smaller
_MAX_REASONS = 3


@dataclass(frozen=True)
class FirstLook:
    """The first particles of a source, and sentences about what seems wrong with them."""

    tiles: list[tuple[str, NDArray[np.uint8]]]  # name, tile (64, 64, 3) of those that can be read
    reason: str  # why the first of them that cannot be read cannot; "" where all can
    cautions: tuple[str, ...]


def look_at_first(
    path: str | Path, choices: Choices | None = None, *, keep: int = 0, examined: int = EXAMINED
) -> FirstLook:
    """FirstLook at the first `examined` items of a source; keep: how many of them come back as tiles.

    path, choices: as for instruments.detect. Raises LabError where the source as a whole cannot be read.
    """
    tiles: list[tuple[str, NDArray[np.uint8]]] = []
    reason = ""
    faults, told, names, count, invisible, frames = Counter(), Counter(), Counter(), 0, 0, 0
    for record in islice(_records(path, choices), examined):
        count += 1
        names[record.name] += 1
        if count <= keep:
            reason = reason or record.reason
            if record.pixels is not None:
                tiles.append((record.name, to_colour_tile(record.pixels)))
        if record.rejected:
            faults[record.reason] += 1
        elif record.pixels is not None:
            told[record.caution] += bool(record.caution)
            invisible += bool(find_particle(record.pixels, record.mask)[1])
            frames += min(record.pixels.shape[:2]) >= FRAME_PX
    return FirstLook(tiles, reason, tuple(_cautions(count, faults, +told, invisible, names, frames)))


def _cautions(
    count: int, faults: Counter[str], told: Counter[str], invisible: int, names: Counter[str], frames: int
) -> Iterator[str]:
    of = f"of the first {count:,} items" if count > 1 else "of 1 item"
    if faults:
        yield f"{faults.total():,} {of} cannot be used: {_most_common(faults)}."
    if told:
        yield f"In {told.total():,} {of}, something was removed or left out: {_most_common(told)}; the results say so."
    if invisible:
        yield f"{invisible:,} {of} show nothing that stands out from the background; they will be rejected."
    if frames:
        yield (
            f"{frames:,} {of} have {FRAME_PX} px or more on each side: if they are whole camera frames, find the "
            "particles in them on the page Frames first; here, every image is one particle."
        )
    if repeated := sum(number > 1 for number in names.values()):
        yield f"{repeated:,} names {of} occur more than once; the later ones get a number."


def _most_common(texts: Counter[str]) -> str:
    parts = "; ".join(f"{text} ({number:,})" for text, number in texts.most_common(_MAX_REASONS))
    return parts + (f"; and {len(texts) - _MAX_REASONS:,} other reasons" if len(texts) > _MAX_REASONS else "")


def _records(path: str | Path, choices: Choices | None) -> Iterator[ParticleRecord]:
    with closing(iter_items(path, choices)) as items:
        yield from chain.from_iterable(item.records() if isinstance(item, ImageFile) else (item,) for item in items)
