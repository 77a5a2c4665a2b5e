"""Tiles in one growing file, tiles.npy, which is readable at any moment up to the last finished batch."""

import math
import os
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from svp_core.errors import LabError
from svp_core.files import atomic_write

_BLOCK = 1 << 24  # bytes copied at once


def read_tiles(path: str | Path) -> NDArray[np.uint8]:
    """Tiles of this file, uint8 (N, H, W), memory-mapped, read-only. Raises LabError where missing or damaged."""
    return _read(path, "grey tiles (N, H, W)", 3)


def read_colour_tiles(path: str | Path) -> NDArray[np.uint8]:
    """Tiles of this file, uint8 (N, H, W, 3), memory-mapped, read-only. Raises LabError where missing or damaged."""
    return _read(path, "colour tiles (N, H, W, 3)", 4)


def _read(path: str | Path, expected: str, *dimensions: int) -> NDArray[np.uint8]:
    try:
        tiles = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        raise LabError(f"{path} is missing or not a file of tiles; create it again.") from None
    if tiles.ndim not in dimensions or tiles.dtype != np.uint8:
        raise LabError(f"{path} holds {tiles.dtype} {tiles.shape}, not 8-bit {expected}; create it again.")
    return tiles


def append_tiles(path: str | Path, tiles: NDArray[np.uint8], *, after: int) -> None:
    """Append tiles behind the first `after` tiles of the file; any tiles behind those are dropped.

    tiles: uint8 (n, H, W) or (n, H, W, 3), the same shape as those in the file. after=0 starts a new file. The count
    in the header is written last: a reader, or a process that resumes after a crash, never sees an unwritten tile.
    A file that loses tiles is written anew and replaced: cut in place, it would kill (SIGBUS) whoever has mapped it.
    """
    path = Path(path)
    stored = len(_read(path, "tiles", 3, 4)) if after else -1
    if stored < after and after:
        raise ValueError(f"{path} holds fewer tiles than the {after} to append after")
    if stored != after:
        atomic_write(path, lambda new: _write_shortened(new, path, after, tiles.shape[1:]))
    with path.open("r+b") as file:
        _write_header(file, after, tiles.shape[1:])
        file.seek(after * math.prod(tiles.shape[1:]), os.SEEK_CUR)
        file.write(np.ascontiguousarray(tiles, np.uint8).tobytes())
        file.truncate()
        file.flush()
        os.fsync(file.fileno())
        _write_header(file, after + len(tiles), tiles.shape[1:])


def _write_shortened(new: Path, path: Path, count: int, tile_shape: tuple[int, ...]) -> None:
    """Write the first `count` tiles of a file of tiles to another file."""
    with new.open("w+b") as file:
        _write_header(file, 0, tile_shape)
        if count:
            with path.open("rb") as old:
                old.seek(file.tell())  # both headers have the same length
                left = count * math.prod(tile_shape)
                while left and (block := old.read(min(left, _BLOCK))):
                    file.write(block)
                    left -= len(block)
        _write_header(file, count, tile_shape)


def _write_header(file: BinaryIO, count: int, tile_shape: tuple[int, ...]) -> None:
    # numpy reserves room in the header for a growing first axis, so its length does not depend on the count.
    file.seek(0)
    header = {"descr": "|u1", "fortran_order": False, "shape": (count, *tile_shape)}
    np.lib.format.write_array_header_1_0(file, header)
