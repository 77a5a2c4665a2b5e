"""From a source to a results table: one row for every particle that was offered, none missing."""

import csv
from dataclasses import dataclass
from itertools import islice

import numpy as np

from svp_core.classifier.resnet import predict_probs
from svp_core.images import TILE_PX, to_tile
from svp_core.instruments.sources import read_particles
from svp_core.morphology import measure
from svp_core.particles import CLASSES

MEASURES = (
    "ecd_um",
    "ecd_px",
    "area_px",
    "perimeter_px",
    "aspect_ratio",
    "circularity",
    "feret_max_px",
    "feret_min_px",
    "mean_level",
    "background_level",
    "contrast",
    "touches_edge",
)


@dataclass(frozen=True)
class ResultChunk:
    """Some finished rows."""

    rows: list  # dicts with the keys of columns(); values None where there is none
    tiles: np.ndarray  # uint8 (n, 64, 64), one for each row whose status is ok, in their order


def columns(class_keys):
    """Column names of results.csv for a classifier of these classes."""
    probabilities = [f"p_{key}" for key in class_keys]
    return ["image", "label", "confidence", *probabilities, "given", *MEASURES, "um_per_px", "status", "reason"]


def classify_source(path, classifier, *, um_per_px=None, batch=64):
    """Name and measure every particle of a source; yields a ResultChunk per batch.

    path: whatever instruments.sources reads. um_per_px: used for all particles instead of what the files say.
    status is "ok", or "rejected" with the reason. Raises LabError where the source as a whole cannot be read.
    """
    records = read_particles(path)
    while chunk := list(islice(records, batch)):
        yield classify_records(chunk, classifier, um_per_px=um_per_px)


def classify_records(records, classifier, *, um_per_px=None):
    """The ResultChunk of these particle records."""
    keys = classifier.config.class_keys
    tiles = [to_tile(record.pixels) for record in records if not record.rejected]
    tiles = np.stack(tiles) if tiles else np.zeros((0, TILE_PX, TILE_PX), np.uint8)
    probabilities = iter(predict_probs(classifier, tiles))
    rows = []
    for record in records:
        row = dict.fromkeys(columns(keys))
        row |= {"image": record.name, "given": record.given, "reason": record.reason}
        if record.rejected:
            rows.append(row | {"status": "rejected"})
            continue
        scale = um_per_px or record.um_per_px
        found = next(probabilities)
        measured = measure(record.pixels, um_per_px=scale, mask=record.mask)
        row |= {name: measured[name] for name in MEASURES}
        row |= {f"p_{key}": float(p) for key, p in zip(keys, found, strict=True)}
        row |= {"label": keys[found.argmax()], "confidence": float(found.max()), "um_per_px": scale, "status": "ok"}
        rows.append(row)
    return ResultChunk(rows, tiles)


class ResultsWriter:
    """results.csv, written row by row as chunks come in."""

    def __init__(self, file, class_keys):
        self._writer = csv.DictWriter(file, columns(class_keys), lineterminator="\n")
        self._writer.writeheader()

    def write(self, chunk):
        """Append a chunk's rows; probabilities and measures with four decimals, nothing for None."""
        for row in chunk.rows:
            self._writer.writerow({name: _text(value) for name, value in row.items()})


def _text(value):
    if value is None:
        return ""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float | np.floating):
        return f"{value:.4f}"
    return str(value)


def count_classes(rows):
    """How many rows with status ok carry each label: dict class key -> int, in the order of CLASSES, others after."""
    counts = {c.key: 0 for c in CLASSES}
    for row in rows:
        if row["status"] == "ok":
            counts[row["label"]] = counts.get(row["label"], 0) + 1
    return counts
