"""Classify every particle of a source, batch by batch, in the source's order."""

from collections.abc import Generator, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from svp_core.classification.cluster import ClassifyItems, classify_on_cluster
from svp_core.classification.measure import (
    BATCH_SIZE,
    ResultBatch,
    measure_records,
    processes_for,
    read_measured,
)
from svp_core.classification.shards import Shards
from svp_core.classification.true_diameters import add_true_diameters
from svp_core.execution import RAY
from svp_core.instruments.records import ParticleRecord
from svp_core.novelty.calibration import NoveltyCalibration
from svp_core.novelty.calibration_file import find_calibration

if TYPE_CHECKING:
    from torch import Tensor

    from svp_core.classifier.resnet import Classifier


@dataclass(frozen=True)
class _Started:
    """Predictions of a batch's tiles, possibly still being computed on a GPU."""

    probs: "Tensor"  # (n, K)
    layers: "Tensor | None"  # (n, D), features of all depths; None without a calibration of novelty


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
    calibration: NoveltyCalibration | None = None,
    engine: str | None = None,
    shards: Shards | None = None,
) -> Generator[ResultBatch, None, None]:
    """Measure and classify every particle of a source; yields one ResultBatch per batch.

    path, choices, um_per_px, instrument, batch: as for measure.read_measured. count: approximate number of particles,
    None if unknown; large sources are measured by several processes (processes: how many; None: by the count). Each
    row's status is "ok", or "rejected" with the reason. calibration: of novelty, by default that in the classifier's
    folder; novelty is empty where it holds none. engine: of execution.ENGINES; on a cluster, particles are measured and
    classified there, by `processes` workers (None: one per core), and shards, where given, keep what is finished, so
    that the same work need not be done again. Rows are the same with every engine. Raises LabError where the source as
    a whole cannot be read, or the calibration is damaged.
    """
    calibration = calibration or _calibration_of(classifier)
    if engine == RAY:
        function = ClassifyItems(classifier, um_per_px, calibration)
        yield from classify_on_cluster(
            path, function, choices=choices, instrument=instrument, batch=batch, workers=processes or 0, shards=shards
        )
        return
    processes = processes_for(count) if processes is None else processes
    measured = read_measured(
        path, um_per_px=um_per_px, choices=choices, instrument=instrument, batch=batch, processes=processes
    )
    pending = None
    with closing(measured):
        # One batch is always ahead: a GPU classifies it while this process writes the one before.
        for current in measured:
            previous, pending = pending, (current, _start(current, classifier, calibration))
            if previous:
                yield _finish(*previous, classifier, calibration)
        if pending:
            yield _finish(*pending, classifier, calibration)


def classify_records(
    records: Iterable[ParticleRecord],
    classifier: "Classifier",
    *,
    um_per_px: float | None = None,
    instrument: Iterable[str] = (),
) -> ResultBatch:
    """Measure and classify these particle records."""
    batch, calibration = (
        measure_records(records, um_per_px=um_per_px, instrument=instrument),
        _calibration_of(classifier),
    )
    return classify_batch(batch, classifier, calibration)


def classify_batch(batch: ResultBatch, classifier: "Classifier", calibration: NoveltyCalibration | None) -> ResultBatch:
    """This measured batch, classified; calibration: of novelty, None: its columns stay empty."""
    return _finish(batch, _start(batch, classifier, calibration), classifier, calibration)


def _calibration_of(classifier: "Classifier") -> NoveltyCalibration | None:
    return find_calibration(classifier.folder, classifier.config.class_keys)[0]


def _start(batch: ResultBatch, classifier: "Classifier", calibration: NoveltyCalibration | None) -> _Started | None:
    """Predictions of a batch's tiles; None without tiles."""
    from svp_core.classifier.resnet import start_predicting
    from svp_core.embedding.features import start_predicting_in_layers

    if not len(batch.tiles):
        return None
    if calibration is None:
        return _Started(start_predicting(classifier, batch.tiles), None)
    return _Started(*start_predicting_in_layers(classifier, batch.tiles))


def _finish(
    batch: ResultBatch, started: _Started | None, classifier: "Classifier", calibration: NoveltyCalibration | None
) -> ResultBatch:
    """The batch, its rows completed with probabilities, label and confidence, score and p-value of novelty."""
    keys = classifier.config.class_keys
    columns: list[str] = [f"p_{key}" for key in keys]
    empty: dict[str, Any] = dict.fromkeys(columns)
    named = [row for row in batch.rows if row["status"] == "ok"]
    for row in batch.rows:
        row |= empty
    for row, values in zip(named, [] if started is None else started.probs.tolist(), strict=True):
        row |= zip(columns, values, strict=True)
        row["confidence"] = max(values)
        row["label"] = keys[values.index(row["confidence"])]
    if calibration is not None and started is not None and started.layers is not None:
        batch = replace(batch, features=_add_novelty(batch, named, started, calibration))
    add_true_diameters(batch.rows)
    return batch


def _add_novelty(
    batch: ResultBatch, named: list[dict[str, Any]], started: _Started, calibration: NoveltyCalibration
) -> NDArray[np.float16]:
    """Complete the rows with novelty; returns the features that it was judged by."""
    from svp_core.embedding.features import fixed_features

    assert started.layers is not None
    novelty = calibration.judge(
        batch.tiles,
        fixed=fixed_features(batch.tiles),
        layers=started.layers.cpu().numpy(),
        shapes=batch.shapes,
        named=started.probs.argmax(1).cpu().numpy(),
    )
    values = zip(named, novelty.scores.tolist(), novelty.p_values.tolist(), novelty.unlike.tolist(), strict=True)
    for row, score, p_value, unlike in values:
        if p_value == p_value:  # else there is nothing to compare it with
            row |= {"novelty_score": score, "novelty_p": p_value, "unlike": unlike}
    return novelty.features
