"""The tiles of a classification: tiles.npy, and colour.npy where some particles are in colour, batch by batch."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svp_core.tile_file import append_tiles, read_tiles


class ResultImages:
    """Writer of tiles.npy and colour.npy of one job; files of an earlier attempt are replaced."""

    def __init__(self, folder: Path) -> None:
        self.count = 0
        self._grey, self._colour = folder / "tiles.npy", folder / "colour.npy"
        self._in_colour = False
        self._colour.unlink(missing_ok=True)
        append_tiles(self._grey, np.zeros((0, 64, 64), np.uint8), after=0)

    def append(self, batch: Any) -> None:
        """Append the tiles of a ResultBatch."""
        if batch.colour is not None and not self._in_colour:
            self._start_colour()
        if self._in_colour:
            colour = _to_rgb(batch.tiles) if batch.colour is None else batch.colour
            append_tiles(self._colour, colour, after=self.count)
        append_tiles(self._grey, batch.tiles, after=self.count)
        self.count += len(batch.tiles)

    def _start_colour(self) -> None:
        """Write the tiles so far, all of them grey, as colour tiles."""
        self._in_colour, grey = True, read_tiles(self._grey)
        append_tiles(self._colour, _to_rgb(grey[:0]), after=0)
        for start in range(0, self.count, 1000):
            append_tiles(self._colour, _to_rgb(grey[start : start + 1000]), after=start)


def _to_rgb(tiles: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Grey tiles (n, H, W) as (n, H, W, 3)."""
    return np.repeat(tiles[..., None], 3, axis=3)
