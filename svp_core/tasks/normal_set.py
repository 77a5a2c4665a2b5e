"""Read a set of particles that a person calls normal, and calibrate novelty on it."""

from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from svp_core.errors import LabError
from svp_core.files import save_array, write_json
from svp_core.progress import Progress
from svp_core.tile_file import append_tiles, read_tiles

if TYPE_CHECKING:
    from svp_core.classification.measure import ResultBatch
    from svp_core.classifier.resnet import Classifier
    from svp_core.novelty.calibration import NoveltyCalibration

# In the folder of a job: tiles of the normal set's examples, uint8 (M, 64, 64), and what is known of the set.
NORMAL_TILES, NORMAL_FILE = "normal_tiles.npy", "normal.json"
_ALL_TILES = "all_normal_tiles.npy"  # while the set is read
_BATCH = 256


def calibrate_on_source(
    normal: str, classifier: "Classifier", folder: Path
) -> "Generator[Progress, None, NoveltyCalibration]":
    """Calibration of novelty by the particles of a folder, run or archive, or of a data set by its id; yields Progress.

    Writes novelty.safetensors, NORMAL_TILES and NORMAL_FILE into the folder of a job. The file lists the items that
    were left out, with their reasons, and the names of the examples. Raises LabError for too few particles, and where
    the classifier has no calibration of its own, whose features the score uses.
    """
    from svp_core.novelty.calibration_file import find_calibration, write_calibration
    from svp_core.novelty.normal_set import calibrate_on_normal, normal_facts
    from svp_core.novelty.tile_forms import forms_of
    from svp_core.profiles.conditions import LiquidSample
    from svp_core.tasks.audit import source_name

    shipped, reason = find_calibration(classifier.folder, classifier.config.class_keys)
    if shipped is None:
        raise LabError(f"{reason} Choose a shipped model, such as resnet18.")
    title, keys, liquid = source_name(normal), list(shipped.class_keys), LiquidSample()
    features, named, forms, names, left_out, kept = [], [], [], [], [], 0
    append_tiles(folder / _ALL_TILES, np.zeros((0, 64, 64), np.uint8), after=0)
    for batch in _batches(normal, classifier):
        ok = [row for row in batch.rows if row["status"] == "ok"]
        names += [row["image"] for row in ok]
        named += [keys.index(row["label"]) for row in ok]
        left_out += [[row["image"], row["reason"]] for row in batch.rows if row["status"] != "ok"]
        liquid.add(batch.liquid)
        if batch.features is not None:
            features.append(batch.features)
            forms.append(forms_of(batch.tiles))
            append_tiles(folder / _ALL_TILES, batch.tiles, after=kept)
            kept += len(batch.tiles)
        yield Progress(0, None, f"Reading the normal set: {kept:,} particles")
    if not kept:
        raise LabError(f"{title} holds no particle that can be measured; choose another normal set.")
    labels = np.array(named, int)
    calibration, shown = calibrate_on_normal(
        shipped,
        np.concatenate(features),
        labels,
        np.concatenate(forms),
        description=f"{kept:,} particles of {title}, given as normal",
    )
    save_array(folder / NORMAL_TILES, np.asarray(read_tiles(folder / _ALL_TILES)[shown]))
    (folder / _ALL_TILES).unlink()
    conditions = liquid.conditions()
    facts: Mapping[str, Any] = {
        "title": title,
        "particles": kept,
        "by_class": {key: int((labels == label).sum()) for label, key in enumerate(keys)},
        **normal_facts(calibration),
        "left_out": left_out,
        "examples": [names[k] for k in shown],
        **({"conditions": conditions.as_dict()} if conditions else {}),
    }
    write_json(folder / NORMAL_FILE, facts)
    write_calibration(folder, calibration)
    return calibration


def _batches(normal: str, classifier: "Classifier") -> "Iterator[ResultBatch]":
    """Measured and named particles of the normal set, batch by batch."""
    from svp_core.classification.classify import classify_records, classify_source
    from svp_core.instruments.brightness import settled_choices
    from svp_core.instruments.detect import detect_source
    from svp_core.instruments.records import ParticleRecord
    from svp_core.tasks.audit import is_dataset, read_tiles_of

    if is_dataset(normal):
        data = read_tiles_of(normal)
        for start in range(0, len(data.tiles), _BATCH):
            chosen = range(start, min(start + _BATCH, len(data.tiles)))
            records = [ParticleRecord(data.names[k], "", np.asarray(data.tiles[k])) for k in chosen]
            yield classify_records(records, classifier)
        return
    source = detect_source(normal)
    yield from classify_source(
        normal, classifier, choices=settled_choices(source, None), instrument=source.columns, count=source.count
    )
