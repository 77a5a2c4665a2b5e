"""Confusion reference of a shipped classifier: writes held_out.safetensors into its model folder.

    python benchmarks/reference.py [MODEL ...] [--count 1000] [--tiles FOLDER]

Simulates --count particles per class, of a run seed that no model was trained or selected on, in the pixel sizes of all
usual instruments, and measures them like particles of a source, in um and in pixels. Prints the confusion matrix. Run
benchmarks/novelty_calibration.py first: its marks of particles unlike all classes are stored as well.
"""

import argparse
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from _drawn_instruments import KINDS_OF

from svp_core.classification.strangers import unlike_marker
from svp_core.classifier.confusion_reference import write_confusion_reference
from svp_core.classifier.resnet import load_classifier, predict_probs
from svp_core.model_files import find_model_folder
from svp_core.morphology import measure
from svp_core.optics import scenes
from svp_core.stats.counts import ConfusionReference

RUN_SEED = 6  # of the simulator; benchmarks/generator_quality.py measures against the same run


def main():
    """Simulate, classify, write, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("models", nargs="*", default=["resnet18", "resnet18_six", "resnet50"])
    parser.add_argument("--count", type=int, default=1000, help="particles per class")
    parser.add_argument("--tiles", type=Path, help="folder to store simulated tiles in")
    options = parser.parse_args()
    for model in options.models:
        folder = find_model_folder(model)
        classifier = load_classifier(folder)
        keys = classifier.config.class_keys
        tiles, scales = zip(*(simulated(key, options.count, options.tiles) for key in keys), strict=True)
        tiles, scales = np.concatenate(tiles), np.concatenate(scales)
        sizes = np.array([measure(tile)["ecd_px"] for tile in tiles], float)
        description = f"{options.count:,} simulated particles per class, run seed {RUN_SEED}, the usual instruments"
        labels = np.repeat(np.arange(len(keys)), options.count)
        probs = predict_probs(classifier, tiles)
        mark = unlike_marker(classifier)
        unlike = mark(tiles, probs) if mark else None
        reference = ConfusionReference(probs, labels, sizes * scales, keys, description, sizes, unlike=unlike)
        write_confusion_reference(folder, reference)
        table = np.zeros((len(keys), len(keys)), int)
        np.add.at(table, (labels, probs.argmax(1)), 1)
        print(f"{model}: rows are true classes, columns predicted ones ({', '.join(keys)})", *table.tolist(), sep="\n")


def simulated(key, count, folder):
    """Tiles uint8 (count, 64, 64) and um per px (count,) of this class; stored in `folder`, if given."""
    path = folder / f"reference_{key}_{RUN_SEED}.npz" if folder else None
    if path and path.is_file() and len(stored := np.load(path)) and len(stored["tiles"]) >= count:
        return stored["tiles"][:count], stored["um_per_px"][:count]
    with ProcessPoolExecutor() as pool:
        tiles, scales = zip(*pool.map(partial(draw, key), range(count), chunksize=20), strict=True)
    if path:
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(path, tiles=tiles, um_per_px=scales)
    return np.stack(tiles), np.array(scales)


def draw(key, k):
    """(pixels, um per px) of the particle of this number; of a class of several kinds, each in turn."""
    kinds = KINDS_OF.get(key, (key,))
    particle = scenes.simulate(kinds[k % len(kinds)], scenes.particle_seed(RUN_SEED, k))
    return particle.pixels, particle.truth["um_per_px"]


if __name__ == "__main__":
    main()
