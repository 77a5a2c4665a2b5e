"""Name every particle of a source: results.csv, tiles.npy and summary.json, growing batch by batch."""

import numpy as np

from svp_core.errors import LabError
from svp_core.progress import Progress
from svp_core.tasks.files import write_json
from svp_core.workspace.tilefile import append_tiles


def classify(config, folder):
    """Name and measure every particle of a source.

    config: source (path of anything instruments.sources reads); optional weights (name or folder of a classifier,
    default "resnet18"); optional um_per_px (instead of what the files say).
    Makes results.csv, a row for every offered item; tiles.npy, uint8 (N, 64, 64), the tiles of the rows with status ok
    in their order; summary.json. The first two grow batch by batch; starting again starts over.
    """
    um_per_px = config.get("um_per_px")
    if um_per_px is not None and not 0.01 <= um_per_px <= 100:
        raise LabError(f"A pixel of {um_per_px} um cannot be; give 0.01 to 100.")
    from svp_core.classifier.resnet import load_classifier
    from svp_core.instruments.sources import recognise
    from svp_core.results import ResultsWriter, classify_source, count_classes
    from svp_core.workspace.models import find_model

    yield Progress(0, None, "Looking at the source")
    source = recognise(config["source"])
    classifier = load_classifier(find_model(config.get("weights") or "resnet18"))
    keys = classifier.config.class_keys
    append_tiles(folder / "tiles.npy", np.zeros((0, 64, 64), np.uint8), after=0)
    offered, kept, counts = 0, 0, {}
    yield Progress(0, source.count, f"Reading {source.title}")
    with (folder / "results.csv").open("w", encoding="utf-8", newline="") as file:
        writer = ResultsWriter(file, keys)
        for chunk in classify_source(config["source"], classifier, um_per_px=um_per_px):
            append_tiles(folder / "tiles.npy", chunk.tiles, after=kept)
            writer.write(chunk)
            file.flush()
            offered, kept = offered + len(chunk.rows), kept + len(chunk.tiles)
            counts = {key: counts.get(key, 0) + number for key, number in count_classes(chunk.rows).items()}
            write_json(folder / "summary.json", {
                "title": source.title, "kind": source.kind, "source": str(config["source"]), "notes": source.notes,
                "um_per_px": um_per_px or source.um_per_px,
                "um_per_px_from": "given by you" if um_per_px else source.um_per_px_from,
                "weights": classifier.folder.name, "offered": offered, "named": kept, "rejected": offered - kept,
                "counts": counts,
            })  # fmt: skip
            yield Progress(offered, source.count, f"{kept:,} particles named")
