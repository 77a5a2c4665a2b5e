"""Tiles in one growing file, tiles.npy: at every moment readable up to the last finished batch."""

import math
import os

import numpy as np

from svp_core.errors import LabError


def read_tiles(path):
    """The tiles in this file, uint8 (N, H, W), memory-mapped, read-only. Raises LabError when missing or damaged."""
    return _read(path, "grey tiles (N, H, W)", 3)


def read_colour_tiles(path):
    """The tiles in this file, uint8 (N, H, W, 3), memory-mapped, read-only. Raises LabError as read_tiles does."""
    return _read(path, "colour tiles (N, H, W, 3)", 4)


def _read(path, words, *dimensions):
    try:
        tiles = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        raise LabError(f"{path} is missing or no file of tiles; make it again.") from None
    if tiles.ndim not in dimensions or tiles.dtype != np.uint8:
        raise LabError(f"{path} holds {tiles.dtype} {tiles.shape}, not {words} of 8 bits; make it again.")
    return tiles


def append_tiles(path, tiles, *, after):
    """Put tiles behind the first `after` tiles of the file; what stood behind those is dropped.

    tiles: uint8 (n, H, W) or (n, H, W, 3), as those in the file. after=0 begins the file anew. The count in the head
    is written last: a reader, or a process that takes over after a crash, never sees a tile that is not there.
    """
    if after and len(_read(path, "tiles", 3, 4)) < after:
        raise ValueError(f"{path} holds fewer than the {after} tiles that were said to be in it")
    with open(path, "r+b" if after else "w+b") as file:
        _write_head(file, after, tiles.shape[1:])
        file.seek(after * math.prod(tiles.shape[1:]), os.SEEK_CUR)
        file.write(np.ascontiguousarray(tiles, np.uint8).tobytes())
        file.truncate()
        file.flush()
        os.fsync(file.fileno())
        _write_head(file, after + len(tiles), tiles.shape[1:])


def _write_head(file, count, tile_shape):
    # numpy leaves room in the head for a growing first axis, so its length does not depend on the count.
    file.seek(0)
    head = {"descr": "|u1", "fortran_order": False, "shape": (count, *tile_shape)}
    np.lib.format.write_array_header_1_0(file, head)
