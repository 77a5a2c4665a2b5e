"""Labelled tiles from all kinds of simulated instruments: tiles.npy, particles.csv and the folder labelled/."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from svp_core.images import encode_png
from svp_core.optics import scenes
from svp_core.optics.imaging_conditions import AGGREGATE_LAW
from svp_core.particle_classes import CLASSES

PER_CLASS = 320
EXAMPLES_PER_CLASS = 40  # also written as PNG, as an example of a labelled folder
RUN_SEED = 2  # seeds from 2,000,000; no model is trained on them
_FIRST_COLUMNS = ("kind", "shape", "seed", "diameter_um", "um_per_px", "z_f_um", "index")


def write_tiles(folder: Path, *, per_class: int = PER_CLASS) -> Iterator[str]:
    """Yield "tiles" after each tile. Rows alternate between classes: protein, silicone oil, air bubble, protein, ..."""
    tiles, rows = [], []
    for k in range(per_class):
        for particle_class in CLASSES:
            particle = scenes.simulate(particle_class.key, scenes.particle_seed(RUN_SEED, k), law=AGGREGATE_LAW)
            image = f"{particle_class.key}/{particle_class.key}_{particle.truth['seed']:08d}.png"
            tiles.append(particle.pixels)
            rows.append({"image": image, "class": particle_class.key, **particle.truth})
            if k < EXAMPLES_PER_CLASS:
                path = folder / "labelled" / image
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(encode_png(particle.pixels))
            yield "tiles"
    np.save(folder / "tiles.npy", np.stack(tiles))
    columns = list(dict.fromkeys(["image", "class", *_FIRST_COLUMNS, *rows[0]]))
    write_table(folder / "particles.csv", columns, rows)


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows as csv; numbers to six digits, so that the last bit of a float has no effect."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_format(row[column]) for column in columns] for row in rows)


def _format(value: Any) -> Any:
    return f"{value:.6g}" if isinstance(value, float) else value
