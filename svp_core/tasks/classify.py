"""Name every particle of a source: results.csv, tiles.npy and summary.json, growing batch by batch."""

from dataclasses import asdict
from importlib.metadata import version

import numpy as np

from svp_core.errors import LabError
from svp_core.files import write_json
from svp_core.progress import Progress
from svp_core.tile_file import append_tiles, read_tiles

PIXEL_UM = (0.01, 100)  # µm per pixel that can be
HASHED_BYTES = 256 * 1024**2  # of the source, between two steps of progress
_SOFTWARE = ("numpy", "opencv-python-headless", "pillow", "torch", "torchvision")  # what figures may hang on


def classify(config, folder):
    """Name and measure every particle of a source.

    config: source (path of anything instruments.sources reads); optional weights (name or folder of a classifier,
    default "resnet18"); optional um_per_px (instead of what the files say); optional choices (answers to the source's
    questions).
    Makes results.csv, a row for every offered item; tiles.npy, uint8 (N, 64, 64), the tiles of the rows with status ok
    in their order; colour.npy, uint8 (N, 64, 64, 3), only where some of them are in colour; summary.json. All grow
    batch by batch; starting again starts over.
    """
    um_per_px, choices = config.get("um_per_px"), config.get("choices")
    if um_per_px is not None and not PIXEL_UM[0] <= um_per_px <= PIXEL_UM[1]:
        raise LabError(f"A pixel of {um_per_px} µm cannot be; give {PIXEL_UM[0]:g} to {PIXEL_UM[1]:g}.")
    from svp_core.classification.classify import classify_source
    from svp_core.classification.results_csv import ResultsWriter, count_classes
    from svp_core.classifier.resnet import load_classifier
    from svp_core.instruments.detect import detect_source
    from svp_core.instruments.fingerprint import fingerprint
    from svp_core.model_files import weights_sha256
    from svp_core.workspace.models import find_model

    yield Progress(0, None, "Looking at the source")
    source = detect_source(config["source"], choices)
    classifier = load_classifier(find_model(config.get("weights") or "resnet18"))
    hashed = []
    yield from _hash(config["source"], choices, hashed)
    known = {
        "title": source.title,
        "kind": source.kind,
        "source": str(config["source"]),
        "notes": source.notes,
        "um_per_px": um_per_px or source.um_per_px,
        "um_per_px_from": "given by you" if um_per_px else source.um_per_px_from,
        "weights": classifier.folder.name,
        "weights_sha256": weights_sha256(classifier.folder),
        **_where(classifier.folder),
        "runs": [asdict(run) for run in source.runs],
        "choices": choices or {},
        "inputs": fingerprint(hashed),
        "software": software_versions(),
    }
    pictures = ResultImages(folder)
    offered, counts = 0, {}
    yield Progress(0, source.count, f"Reading {source.title}")
    with (folder / "results.csv").open("w", encoding="utf-8", newline="") as file:
        writer = ResultsWriter(file, classifier.config.class_keys, source.columns)
        for chunk in classify_source(
            config["source"],
            classifier,
            um_per_px=um_per_px,
            choices=choices,
            instrument=source.columns,
            count=source.count,
        ):
            pictures.append(chunk)
            writer.write(chunk)
            file.flush()
            offered += len(chunk.rows)
            counts = {key: counts.get(key, 0) + number for key, number in count_classes(chunk.rows).items()}
            written = {"offered": offered, "named": pictures.count, "rejected": offered - pictures.count}
            write_json(folder / "summary.json", {**known, **written, "counts": counts})
            yield Progress(offered, source.count, f"{pictures.count:,} particles named")


def _where(folder):
    """The place of a model that its name alone does not find: {"weights_folder": path}, or {}."""
    from svp_core.workspace.models import find_model

    try:
        found = find_model(folder.name).resolve() == folder.resolve()
    except LabError:
        found = False
    return {} if found else {"weights_folder": str(folder.resolve())}


def software_versions():
    """Names of what the figures were made with -> versions."""
    return {name: version(name) for name in _SOFTWARE}


class ResultImages:
    """tiles.npy and colour.npy of one job, begun anew."""

    def __init__(self, folder):
        self.count = 0
        self._grey, self._colour = folder / "tiles.npy", folder / "colour.npy"
        self._in_colour = False
        self._colour.unlink(missing_ok=True)
        append_tiles(self._grey, np.zeros((0, 64, 64), np.uint8), after=0)

    def append(self, chunk):
        """Put the tiles of a ResultChunk behind those that are there."""
        if chunk.colour is not None and not self._in_colour:
            self._begin_colour()
        if self._in_colour:
            colour = _in_three(chunk.tiles) if chunk.colour is None else chunk.colour
            append_tiles(self._colour, colour, after=self.count)
        append_tiles(self._grey, chunk.tiles, after=self.count)
        self.count += len(chunk.tiles)

    def _begin_colour(self):
        """The tiles so far, grey all of them, as colour tiles."""
        self._in_colour, grey = True, read_tiles(self._grey)
        append_tiles(self._colour, _in_three(grey[:0]), after=0)
        for start in range(0, self.count, 1000):
            append_tiles(self._colour, _in_three(grey[start : start + 1000]), after=start)


def _in_three(tiles):
    """Grey tiles (n, H, W) as (n, H, W, 3)."""
    return np.repeat(tiles[..., None], 3, axis=3)


def _hash(path, choices, hashed):
    """Put what hash_inputs yields into the list `hashed`; yields Progress."""
    from svp_core.instruments.fingerprint import hash_inputs

    size = 0
    for entry in hash_inputs(path, choices):
        hashed.append(entry)
        size += entry[1]
        if size >= HASHED_BYTES:
            size = 0
            yield Progress(0, None, f"Fingerprint of the source: {len(hashed):,} files")
