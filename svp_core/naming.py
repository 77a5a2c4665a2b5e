"""From a source to named particles: every offered item read, measured and named, batch by batch, in its order."""

from dataclasses import dataclass
from itertools import islice

import numpy as np

from svp_core.images import TILE_PX, to_colour_tile, to_tile
from svp_core.instruments.sources import read_particles
from svp_core.morphology import MEASURES, measure
from svp_core.results import INSTRUMENT


@dataclass(frozen=True)
class ResultChunk:
    """Some finished rows."""

    rows: list  # dicts with the keys of results.columns(); values None where there is none
    tiles: np.ndarray  # uint8 (n, 64, 64), one for each row whose status is ok, in their order
    colour: np.ndarray | None  # uint8 (n, 64, 64, 3), the same in colour; None where all of them are grey


def classify_source(path, classifier, *, um_per_px=None, choices=None, instrument=(), batch=256):
    """Name and measure every particle of a source; yields a ResultChunk per batch.

    path, choices: as instruments.sources takes them. um_per_px: used for all particles instead of what the files say.
    instrument: names of the instrument's columns that rows keep, SourceSummary.columns. status is "ok", or "rejected"
    with the reason. Raises LabError where the source as a whole cannot be read.
    """
    records = read_particles(path, choices)
    while chunk := list(islice(records, batch)):
        yield classify_records(chunk, classifier, um_per_px=um_per_px, instrument=instrument)


def classify_records(records, classifier, *, um_per_px=None, instrument=()):
    """The ResultChunk of these particle records."""
    return _named(_measured(records, um_per_px, instrument), classifier)


def _measured(records, um_per_px, instrument):
    """ResultChunk of these records, all but what the network says."""
    kept = {f"{INSTRUMENT}{name}": name for name in instrument}
    rows, tiles, pictures = [], [], []
    for record in records:
        row = dict.fromkeys(("label", "confidence", *MEASURES, "um_per_px"))
        row |= {"image": record.name, "given": record.given, "run": record.run, "reason": record.reason}
        row |= {column: record.columns.get(name) for column, name in kept.items()}
        row["status"] = "rejected" if record.rejected else "ok"
        if not record.rejected:
            row["um_per_px"] = um_per_px or record.um_per_px
            row |= measure(record.pixels, um_per_px=row["um_per_px"], mask=record.mask)
            tiles.append(to_tile(record.pixels))
            pictures.append(record.pixels)
        rows.append(row)
    in_colour = any(pixels.ndim == 3 for pixels in pictures)
    return ResultChunk(
        rows,
        np.stack(tiles) if tiles else np.zeros((0, TILE_PX, TILE_PX), np.uint8),
        np.stack([to_colour_tile(pixels) for pixels in pictures]) if in_colour else None,
    )


def _named(chunk, classifier):
    """The chunk, its rows with probabilities, label and confidence."""
    from svp_core.classifier.resnet import predict_probs

    keys = classifier.config.class_keys
    names, nothing = [f"p_{key}" for key in keys], dict.fromkeys(f"p_{key}" for key in keys)
    probabilities = predict_probs(classifier, chunk.tiles)
    best, found = probabilities.argmax(1).tolist(), iter(probabilities.tolist())
    for row in chunk.rows:
        row |= nothing
    for row, place in zip((row for row in chunk.rows if row["status"] == "ok"), best, strict=True):
        values = next(found)
        row |= zip(names, values, strict=True)
        row["label"], row["confidence"] = keys[place], values[place]
    return chunk
