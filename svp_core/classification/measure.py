"""From a source to measured particles, batch by batch in its order; several processes at once where that is quicker.

This process opens the source: it unpacks archives, takes lists apart, cuts particles from collages. What costs most,
decoding image files and measuring, other processes can do meanwhile; they give the same rows in the same order.
"""

import os
import threading
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain, repeat
from multiprocessing import get_context, parent_process

import cv2
import numpy as np

from svp_core.classification.results_csv import INSTRUMENT
from svp_core.errors import LabError
from svp_core.images import TILE_PX, to_colour_tile, to_tile
from svp_core.instruments.detect import iter_items
from svp_core.instruments.images.folder import ImageFile
from svp_core.instruments.records import unique_name
from svp_core.morphology import MEASURES, measure

BATCH_SIZE = 256  # particles
BATCH_BYTES = 16 * 1024**2  # of files or pixels; a batch of large pictures is shorter, which bounds the memory
MAX_QUEUED = 2  # batches that wait for each process, or for being named
MAX_QUEUED_BYTES = 64 * 1024**2  # of files and pixels that wait
MAX_PROCESSES = 8  # each takes some 60 MB; more than the rest could keep up with
MIN_ITEMS_FOR_PROCESSES = 2_000  # particles from which on starting processes pays
NICENESS = 10  # theirs: what a network needs on the same cores comes first, they fill the gaps

BLANK_IMAGE = "the image is blank: all of its pixels are the same"

_UNMEASURED = dict.fromkeys(("label", "confidence", *MEASURES, "um_per_px"))


@dataclass(frozen=True)
class ResultBatch:
    """Some finished rows."""

    rows: list  # dicts with the keys of results.columns(), None where there is nothing; those of a class come in naming
    tiles: np.ndarray  # uint8 (n, 64, 64), one for each row whose status is ok, in their order
    colour: np.ndarray | None  # uint8 (n, 64, 64, 3), the same in colour; None where all of them are grey


def read_measured(path, *, um_per_px=None, choices=None, instrument=(), batch=BATCH_SIZE, processes=0):
    """Yield a ResultChunk per batch, its particles measured and not yet named.

    path, choices: as instruments.sources takes them. um_per_px: used for all particles instead of what the files say.
    instrument: names of the instrument's columns that rows keep. processes: how many besides this one measure; 0: this
    one does. Raises LabError where the source as a whole cannot be read, or when such a process is ended from outside.
    """
    taken = set()
    with closing(iter_items(path, choices)) as parts:
        batches = _batches(parts, batch)
        measured = _by_others(batches, um_per_px, processes) if processes else _here(batches, um_per_px)
        with closing(measured):
            for written, (rows, counts, tiles, colour) in measured:
                for row in rows:
                    row["image"] = unique_name(row["image"], taken)
                yield ResultBatch(_with_instrument(rows, counts, written, instrument), tiles, colour)


def measure_records(records, *, um_per_px=None, instrument=()):
    """The ResultChunk of these particle records, not yet named."""
    rows, counts, tiles, colour = measure_parts(records, um_per_px)
    return ResultBatch(_with_instrument(rows, counts, _written(records), instrument), tiles, colour)


def processes_for(count):
    """How many processes to read a source of so many particles with (None: unknown); 0 for one core or a small one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MAX_PROCESSES) if cores > 1 and (count is None or count >= MIN_ITEMS_FOR_PROCESSES) else 0


def measure_parts(parts, um_per_px):
    """(rows, how many of them each part has, tiles, colour) of ParticleRecords and ImageFiles; colour may be None."""
    rows, counts, tiles, colour = [], [], [], []
    in_colour = False
    for part in parts:
        before = len(rows)
        for record in part.records() if isinstance(part, ImageFile) else (part,):
            reason = record.reason or (BLANK_IMAGE if _is_blank(record.pixels) else "")
            row = _UNMEASURED | {"image": record.name, "given": record.given, "run": record.run, "reason": reason}
            row["status"] = "rejected" if reason else "ok"
            rows.append(row)
            if reason:
                continue
            row["um_per_px"] = um_per_px or record.um_per_px
            row |= measure(record.pixels, um_per_px=row["um_per_px"], mask=record.mask)
            tiles.append(to_tile(record.pixels))
            is_colour = record.pixels.ndim == 3
            # The picture itself may be large, and is not kept.
            colour.append(to_colour_tile(record.pixels) if is_colour else tiles[-1])
            in_colour = in_colour or is_colour
        counts.append(len(rows) - before)
    if not tiles:
        return rows, counts, np.zeros((0, TILE_PX, TILE_PX), np.uint8), None
    return rows, counts, np.stack(tiles), np.stack([to_colour_tile(tile) for tile in colour]) if in_colour else None


def _is_blank(pixels):
    # A classifier would name this, too, and be sure of it.
    return bool((pixels == pixels[:1, :1]).all())


def _written(parts):
    """What the instrument wrote of each of these parts: {its name: value}."""
    return [{} if isinstance(part, ImageFile) else part.columns for part in parts]


def _with_instrument(rows, counts, written, instrument):
    """The rows, with the columns of the instrument; counts: how many rows come from each part."""
    kept = {f"{INSTRUMENT}{name}": name for name in instrument}
    of_rows = chain.from_iterable(repeat(values, count) for values, count in zip(written, counts, strict=True))
    for row, values in zip(rows, of_rows, strict=True):
        row |= {column: values.get(name) for column, name in kept.items()}
    return rows


def _batches(parts, most):
    """Yield (list of at most so many parts and some BATCH_BYTES, how many bytes they are)."""
    batch, size = [], 0
    for part in parts:
        batch.append(part)
        size += len(part.data) if isinstance(part, ImageFile) else 0 if part.rejected else part.pixels.nbytes
        if len(batch) == most or size >= BATCH_BYTES:
            yield batch, size
            batch, size = [], 0
    if batch:
        yield batch, size


def _here(batches, um_per_px):
    for parts, _ in batches:
        yield _written(parts), measure_parts(parts, um_per_px)


def _by_others(batches, um_per_px, processes):
    """As _here, measured by other processes; as many batches as they can work on are read ahead."""
    # From a server process that has done nothing yet: this one may hold threads, which do not survive a fork.
    context = get_context("forkserver" if hasattr(os, "fork") else "spawn")
    if hasattr(os, "fork"):
        context.set_forkserver_preload([__name__])
    pool = ProcessPoolExecutor(processes, mp_context=context, initializer=_begin_process)
    waiting = deque()
    try:
        for parts, size in batches:
            while waiting and (len(waiting) >= MAX_QUEUED * processes or size + _bytes_of(waiting) > MAX_QUEUED_BYTES):
                yield _result(waiting.popleft())
            # What the instrument wrote stays here, and of the pictures nothing.
            future = pool.submit(measure_parts, list(map(_bare, parts)), um_per_px)
            waiting.append((_written(parts), future, size))
        while waiting:
            yield _result(waiting.popleft())
    except BrokenProcessPool:
        raise LabError(
            "A process that read images was ended from outside, perhaps for want of memory; classify the source again."
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _bytes_of(waiting):
    return sum(size for _, _, size in waiting)


def _result(waited):
    written, future, _ = waited
    return written, future.result()


def _bare(part):
    return part if isinstance(part, ImageFile) else replace(part, columns={})


def _begin_process():
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    cv2.setNumThreads(1)
    # If the process that gives the work is killed, nobody would tell these.
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent():
    parent_process().join()
    os._exit(1)
