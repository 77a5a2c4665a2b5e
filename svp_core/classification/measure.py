"""Read and measure the particles of a source, batch by batch in its order, with several processes where that is faster.

The main process opens the source: it unpacks archives, parses lists and cuts particles from collages. The expensive
part, decoding image files and measuring, can run in worker processes; they give the same rows in the same order.
"""

import os
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svp_core.classification.derived_columns import DERIVED_COLUMNS
from svp_core.classification.results_csv import INSTRUMENT
from svp_core.classification.size_of_record import size_of_record
from svp_core.classification.true_diameters import OWN_OUTLINE, own_outline
from svp_core.execution import WorkItem, executor
from svp_core.images import TILE_PX, to_colour_tile, to_tile
from svp_core.instruments.detect import iter_items
from svp_core.instruments.images.folder import ImageFile
from svp_core.instruments.records import ParticleRecord, unique_name
from svp_core.morphology import MEASURES, measure, segment, stands_out
from svp_core.novelty.shape import shape_of_crop, shape_row, shape_rows
from svp_core.profiles.conditions import Liquid, measure_liquid

BATCH_SIZE = 256  # particles
BATCH_BYTES = 16 * 1024**2  # of files or pixels; a batch of large images is shorter, which bounds the memory
MAX_PROCESSES = 8  # each needs about 60 MB; with more, the rest of the pipeline is the limit
MIN_ITEMS_FOR_PROCESSES = 2_000  # particles from which starting processes is worth it

LIQUID_CROPS = 64  # per batch, on which the imaging conditions are measured

BLANK_IMAGE = "the image is blank: all of its pixels are the same"
NOTHING_STANDS_OUT = "nothing stands out from the background"

_UNMEASURED = dict.fromkeys(("label", "confidence", *MEASURES, *DERIVED_COLUMNS, "um_per_px"))

Item = ParticleRecord | ImageFile
Row = dict[str, Any]


@dataclass(frozen=True)
class ResultBatch:
    """Rows of results.csv for one batch, and their tiles."""

    rows: list[Row]  # keys of results_csv.columns(), None where empty; classification adds the classes' keys
    tiles: NDArray[np.uint8]  # (n, 64, 64), one for each row whose status is "ok", in their order
    colour: NDArray[np.uint8] | None  # (n, 64, 64, 3), the same in colour; None where all of them are grey
    shapes: NDArray[np.float32]  # (n, 8), novelty.shape.shape_of_crop of the same particles
    liquid: Sequence[tuple[float | None, Liquid]] = ()  # um per px and liquid around some of the particles
    features: NDArray[np.float16] | None = None  # (n, D), added by classification: novelty.calibration.features_of


@dataclass(frozen=True)
class MeasuredItems:
    """Measured items of a source; an item (such as a stack) may hold several particles."""

    rows: list[Row]
    counts: list[int]  # rows per item
    tiles: NDArray[np.uint8]  # as in ResultBatch
    colour: NDArray[np.uint8] | None
    shapes: NDArray[np.float32]
    liquid: list[tuple[float | None, Liquid]]  # as in ResultBatch


def read_measured(
    path: str | Path,
    *,
    um_per_px: float | None = None,
    choices: Mapping[str, str] | None = None,
    instrument: Iterable[str] = (),
    batch: int = BATCH_SIZE,
    processes: int = 0,
) -> Generator[ResultBatch, None, None]:
    """Yield a ResultBatch per batch of a source, its particles measured but not classified.

    path, choices: as for instruments.detect. um_per_px: pixel size for all particles, instead of the files' own.
    instrument: names of the instrument's columns that rows keep. processes: worker processes; 0: measure in this one.
    Raises LabError where the source as a whole cannot be read, or when a worker process is killed.
    """
    instrument, taken = tuple(instrument), set()
    with closing(iter_items(path, choices)) as items:
        work, measure_batch = work_items(items, batch), partial(measure_items, um_per_px=um_per_px)
        with closing(executor().map_ordered(measure_batch, work, workers=processes)) as measured:
            for item_columns, result in measured:
                for row in result.rows:
                    row["image"] = unique_name(row["image"], taken)
                yield _result_batch(result, item_columns, instrument)


def measure_records(
    records: Iterable[ParticleRecord], *, um_per_px: float | None = None, instrument: Iterable[str] = ()
) -> ResultBatch:
    """Measure these particle records; they are not classified."""
    records = list(records)
    return _result_batch(measure_items(records, um_per_px), _item_columns(records), tuple(instrument))


def processes_for(count: int | None) -> int:
    """Number of worker processes for a source of this many particles (None: unknown); 0 for small ones or one core."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MAX_PROCESSES) if cores > 1 and (count is None or count >= MIN_ITEMS_FOR_PROCESSES) else 0


def measure_items(items: Iterable[Item], um_per_px: float | None) -> MeasuredItems:
    """Decode and measure these items."""
    items = list(items)
    rows, counts, tiles, colour, shapes, liquid = [], [], [], [], [], []
    in_colour, step = False, max(1, len(items) // LIQUID_CROPS)
    for number, item in enumerate(items):
        before = len(rows)
        for record in item.records() if isinstance(item, ImageFile) else (item,):
            row, mask = _measured_row(record, um_per_px)
            rows.append(row)
            if record.pixels is None or row["status"] == "rejected":
                continue
            tiles.append(to_tile(record.pixels))
            shapes.append(_shape(record, row))
            is_colour = record.pixels.ndim == 3
            # The image itself may be large, and is not kept.
            colour.append(to_colour_tile(record.pixels) if is_colour else tiles[-1])
            in_colour = in_colour or is_colour
            # Imaging conditions are those at a pixel size.
            if number % step == 0 and row["um_per_px"] and (around := measure_liquid(record.pixels, mask)):
                liquid.append((row["um_per_px"], around))
        counts.append(len(rows) - before)
    if not tiles:
        return MeasuredItems(rows, counts, np.zeros((0, TILE_PX, TILE_PX), np.uint8), None, shape_rows(()), [])
    colour_tiles = np.stack([to_colour_tile(tile) for tile in colour]) if in_colour else None
    return MeasuredItems(rows, counts, np.stack(tiles), colour_tiles, np.stack(shapes), liquid)


def find_particle(pixels: NDArray[np.uint8], mask: NDArray[np.bool_] | None) -> tuple[NDArray[np.bool_] | None, str]:
    """(mask (H, W) of the particle, "") or (mask or None, why nothing can be measured). mask: the instrument's own."""
    if _is_blank(pixels):
        return mask, BLANK_IMAGE
    if mask is None:
        mask = segment(pixels)
        return mask, "" if stands_out(pixels, mask) else NOTHING_STANDS_OUT
    return mask, "" if mask.any() else NOTHING_STANDS_OUT


def _measured_row(record: ParticleRecord, um_per_px: float | None) -> tuple[Row, NDArray[np.bool_] | None]:
    """(row of results, mask (H, W) that it was measured on) of a particle."""
    pixels, reason, mask = record.pixels, record.reason, record.mask
    if pixels is not None and not reason:
        mask, reason = find_particle(pixels, mask)
    row = _UNMEASURED | {"image": record.name, "given": record.given, "run": record.run}
    row |= {"status": "rejected" if reason else "ok", "reason": reason or record.caution}
    if pixels is not None and not reason:
        row["um_per_px"] = um_per_px or record.um_per_px
        row |= measure(pixels, um_per_px=row["um_per_px"], mask=mask)
        row |= size_of_record(record, row, row["um_per_px"]) | own_outline(pixels, record.mask)
    return row, mask


def _shape(record: ParticleRecord, row: Row) -> NDArray[np.float32]:
    """Shape of the particle by our own outline, as far as its tile shows it; row: its measures."""
    assert record.pixels is not None
    if max(record.pixels.shape[:2]) > TILE_PX:
        return shape_of_crop(record.pixels)
    return shape_row(row.get(OWN_OUTLINE) or row)


def _is_blank(pixels: NDArray[np.uint8]) -> bool:
    # A classifier would give this a class, too, and a high probability.
    return bool((pixels == pixels[:1, :1]).all())


def _item_columns(items: Iterable[Item]) -> list[dict[str, Any]]:
    """The instrument's own columns of each item: {name: value}."""
    return [item.columns for item in items]


def add_columns(
    rows: Iterable[Row], counts: Iterable[int], item_columns: Sequence[Mapping[str, Any]], instrument: Sequence[str]
) -> None:
    """Complete rows with the instrument's columns of the items they come from. counts: rows per item."""
    names = {f"{INSTRUMENT}{name}": name for name in instrument}
    row_columns = chain.from_iterable(repeat(values, count) for values, count in zip(item_columns, counts, strict=True))
    for row, values in zip(rows, row_columns, strict=True):
        row |= {column: values.get(name) for column, name in names.items()}


def _result_batch(
    result: MeasuredItems, item_columns: Sequence[Mapping[str, Any]], instrument: Sequence[str]
) -> ResultBatch:
    """The batch, its rows with the instrument's columns of the items they come from."""
    add_columns(result.rows, result.counts, item_columns, instrument)
    return ResultBatch(result.rows, result.tiles, result.colour, result.shapes, result.liquid)


def _batches(items: Iterable[Item], batch_size: int) -> Iterator[tuple[list[Item], int]]:
    """Yield (items, their bytes): at most batch_size items and about BATCH_BYTES."""
    batch, size = [], 0
    for item in items:
        batch.append(item)
        if isinstance(item, ImageFile):
            size += len(item.data)
        elif item.pixels is not None:
            size += item.pixels.nbytes
        if len(batch) == batch_size or size >= BATCH_BYTES:
            yield batch, size
            batch, size = [], 0
    if batch:
        yield batch, size


def work_items(items: Iterable[Item], batch: int = BATCH_SIZE) -> Iterator[WorkItem]:
    """Batches of items for an executor; the instrument's columns, one dict per item, stay in this process."""
    for members, size in _batches(items, batch):
        yield WorkItem(list(map(_without_columns, members)), size, context=_item_columns(members))


def _without_columns(item: Item) -> Item:
    return replace(item, columns={})
