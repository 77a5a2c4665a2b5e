"""Classify every particle of a source, batch by batch, in the source's order."""

from collections.abc import Generator, Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from svp_core.classification.measure import (
    BATCH_SIZE,
    ResultBatch,
    measure_records,
    processes_for,
    read_measured,
)
from svp_core.instruments.records import ParticleRecord

if TYPE_CHECKING:
    from torch import Tensor

    from svp_core.classifier.resnet import Classifier


def classify_source(
    path: str | Path,
    classifier: "Classifier",
    *,
    um_per_px: float | None = None,
    choices: Mapping[str, str] | None = None,
    instrument: Iterable[str] = (),
    count: int | None = 0,
    batch: int = BATCH_SIZE,
    processes: int | None = None,
) -> Generator[ResultBatch, None, None]:
    """Measure and classify every particle of a source; yields one ResultBatch per batch.

    path, choices, um_per_px, instrument, batch: as for measure.read_measured. count: approximate number of particles,
    None if unknown; large sources are measured by several processes (processes: how many; None: by the count). Each
    row's status is "ok", or "rejected" with the reason. Raises LabError where the source as a whole cannot be read.
    """
    processes = processes_for(count) if processes is None else processes
    measured = read_measured(
        path, um_per_px=um_per_px, choices=choices, instrument=instrument, batch=batch, processes=processes
    )
    pending = None
    with closing(measured):
        # One batch is always ahead: a GPU classifies it while this process writes the one before.
        for current in measured:
            previous, pending = pending, (current, _start(current, classifier))
            if previous:
                yield _finish(*previous, classifier)
        if pending:
            yield _finish(*pending, classifier)


def classify_records(
    records: Iterable[ParticleRecord],
    classifier: "Classifier",
    *,
    um_per_px: float | None = None,
    instrument: Iterable[str] = (),
) -> ResultBatch:
    """Measure and classify these particle records."""
    batch = measure_records(records, um_per_px=um_per_px, instrument=instrument)
    return _finish(batch, _start(batch, classifier), classifier)


def _start(batch: ResultBatch, classifier: "Classifier") -> "Tensor | None":
    """Probabilities of a batch's tiles, possibly still being computed on a GPU; None without tiles."""
    from svp_core.classifier.resnet import start_predicting

    return start_predicting(classifier, batch.tiles) if len(batch.tiles) else None


def _finish(batch: ResultBatch, probabilities: "Tensor | None", classifier: "Classifier") -> ResultBatch:
    """The batch, its rows completed with probabilities, label and confidence."""
    keys = classifier.config.class_keys
    columns: list[str] = [f"p_{key}" for key in keys]
    empty: dict[str, Any] = dict.fromkeys(columns)
    probability_rows = iter(() if probabilities is None else probabilities.tolist())
    for row in batch.rows:
        row |= empty
        if row["status"] == "ok":
            values = next(probability_rows)
            row |= zip(columns, values, strict=True)
            row["confidence"] = max(values)
            row["label"] = keys[values.index(row["confidence"])]
    return batch
