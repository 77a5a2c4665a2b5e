"""Classify a source on a cluster: batches are read here in the source's order, measured and classified there.

The batches are those of one machine, so that rows and bytes are the same.
"""

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from svp_core.classification.measure import BATCH_SIZE, Item, ResultBatch, add_columns, measure_items, work_items
from svp_core.classification.shards import Shards
from svp_core.device import Travelling
from svp_core.execution import RAY, WorkItem, executor
from svp_core.instruments.detect import iter_items
from svp_core.instruments.records import unique_name
from svp_core.novelty.calibration import NoveltyCalibration

if TYPE_CHECKING:
    from svp_core.classifier.resnet import Classifier


class ClassifyItems(Travelling):
    """Measure and classify items, on any machine."""

    def __init__(
        self, classifier: "Classifier", um_per_px: float | None, calibration: NoveltyCalibration | None
    ) -> None:
        """um_per_px: as for measure_items. calibration: of novelty."""
        super().__init__(replace(classifier, folder=None))
        self._um_per_px, self._calibration = um_per_px, calibration

    def __call__(self, items: Iterable[Item]) -> tuple[ResultBatch, list[int]]:
        """(classified batch, rows per item)."""
        from svp_core.classification.classify import classify_batch

        measured = measure_items(items, self._um_per_px)
        batch = ResultBatch(measured.rows, measured.tiles, measured.colour, measured.shapes, measured.liquid)
        return classify_batch(batch, self.model, self._calibration), measured.counts


def classify_on_cluster(
    path: str | Path,
    function: ClassifyItems,
    *,
    choices: Mapping[str, str] | None = None,
    instrument: Iterable[str] = (),
    batch: int = BATCH_SIZE,
    workers: int = 0,
    shards: Shards | None = None,
) -> Generator[ResultBatch, None, None]:
    """Yield the classified batches of a source, in its order; see classify_source. workers: see RayExecutor."""
    instrument, taken = tuple(instrument), set[str]()
    with closing(iter_items(path, choices)) as items:
        work = work_items(items, batch)
        done = shards.count() if shards else 0
        with closing(_results(function, work, workers, shards, done)) as results:
            for item_columns, (classified, counts) in results:
                for row in classified.rows:
                    row["image"] = unique_name(row["image"], taken)
                add_columns(classified.rows, counts, item_columns, instrument)
                yield classified


def _results(
    function: ClassifyItems, work: Iterator[WorkItem], workers: int, shards: Shards | None, done: int
) -> Generator[tuple[list[Mapping[str, object]], tuple[ResultBatch, list[int]]], None, None]:
    """(instrument's columns, (batch, rows per item)); the first `done` batches from their shards."""
    for index in range(done):
        assert shards is not None
        if (item := next(work, None)) is None:
            return
        yield item.context, shards.read(index)
    with closing(executor(RAY).map_ordered(function, work, workers=workers)) as results:
        for index, (context, result) in enumerate(results, done):
            if shards:
                shards.write(index, *result)
            yield context, result
