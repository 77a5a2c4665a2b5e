"""Labelled tiles from instruments of all kinds: tiles.npy, particles.csv and the folder labelled/."""

import csv

import numpy as np

from svp_core.images import encode_png
from svp_core.optics import scenes
from svp_core.particle_classes import CLASSES

PER_CLASS = 320
EXAMPLES_PER_CLASS = 40  # also written as PNG, an example of a folder to hand in
RUN_SEED = 2  # seeds 2 000 000 and up; nothing is trained on them
_FIRST = ("kind", "shape", "seed", "diameter_um", "um_per_px", "z_f_um", "index")


def write_tiles(folder, *, per_class=PER_CLASS):
    """Yield a line after each tile. Rows go round the classes: protein, silicone oil, air bubble, protein, ..."""
    tiles, rows = [], []
    for k in range(per_class):
        for particle_class in CLASSES:
            drawn = scenes.simulate(particle_class.key, scenes.particle_seed(RUN_SEED, k))
            image = f"{particle_class.key}/{particle_class.key}_{drawn.truth['seed']:08d}.png"
            tiles.append(drawn.pixels)
            rows.append({"image": image, "class": particle_class.key, **drawn.truth})
            if k < EXAMPLES_PER_CLASS:
                path = folder / "labelled" / image
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(encode_png(drawn.pixels))
            yield "tiles"
    np.save(folder / "tiles.npy", np.stack(tiles))
    columns = list(dict.fromkeys(["image", "class", *_FIRST, *rows[0]]))
    write_table(folder / "particles.csv", columns, rows)


def write_table(path, columns, rows):
    """A csv file of dicts; numbers to six digits, so that the last bit of a float does not show."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_plain(row[column]) for column in columns] for row in rows)


def _plain(value):
    return f"{value:.6g}" if isinstance(value, float) else value
