"""The images of classified particles for other programs: the crop where the source still has it, else the tile."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from svp_core.classification.results import ClassificationResults
from svp_core.errors import LabError
from svp_core.images import to_colour_tile, to_tile
from svp_core.instruments.detect import read_particles

WHOLE, TILE = "whole crop", "tile of 64 px"


@dataclass(frozen=True, eq=False)
class Vignette:
    """The image of one classified particle."""

    position: int  # in results.table and results.tiles
    pixels: NDArray[np.uint8]  # (H, W) or (H, W, 3)
    extent: str  # WHOLE or TILE


def read_vignettes(results: ClassificationResults, positions: Iterable[int]) -> Iterator[Vignette]:
    """Yield the Vignette of each of these classified particles: crops in the source's order, then tiles.

    A crop is taken from the source only if its tile is the stored one, so that a source which has changed since gives
    tiles, never other particles' images.
    """
    names = results.table["image"].tolist()
    wanted = {names[position]: int(position) for position in positions}
    try:
        for record in read_particles(results.summary.get("source", ""), results.summary.get("choices")):
            position = wanted.get(record.name)
            if position is not None and record.pixels is not None and _is_same(results, position, record.pixels):
                del wanted[record.name]
                yield Vignette(position, record.pixels, WHOLE)
    except LabError:
        pass  # the source is gone
    for position in wanted.values():
        yield Vignette(position, np.ascontiguousarray(results.tiles[position]), TILE)


def _is_same(results: ClassificationResults, position: int, pixels: NDArray[np.uint8]) -> bool:
    stored = results.tiles[position]
    return np.array_equal(to_colour_tile(pixels) if stored.ndim == 3 else to_tile(pixels), stored)
