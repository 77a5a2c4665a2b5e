"""Calibration of what is unlike a classifier's classes: writes novelty.safetensors into its model folder.

    python benchmarks/novelty_calibration.py [MODEL ...] [--tiles FOLDER] [--fit 400] [--count 1000]

Simulates particles of every class that no model was trained or selected on, under the usual law, each with an
instrument of its own. Some (--fit per class) give the Gaussians, others (--count per class) the scores by which new
particles are judged, both as whole tiles and as an instrument's crops. Prints how many particles stand behind each
named class. MODEL is a shipped name or a model folder; all shipped classifiers by default.

With --tiles, simulated tiles are kept in that folder and used again as long as the simulator still gives them.
"""

import argparse
import json
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from svp_core.classifier.resnet import load_classifier
from svp_core.embedding.features import fixed_features, start_predicting_in_layers
from svp_core.images import to_tile
from svp_core.model_files import SHIPPED_MODELS, find_model_folder, weights_sha256
from svp_core.novelty.calibration import (
    KnownExamples,
    NoveltyCalibration,
    calibrate_form,
    features_of,
    named_counts,
)
from svp_core.novelty.calibration_file import write_calibration
from svp_core.novelty.score import Views, find_directions
from svp_core.novelty.shape import shape_rows
from svp_core.novelty.tile_forms import FORMS, cut_out
from svp_core.optics import scenes

RUN_SEED = 83  # of the simulator
CHECKED = 2  # stored tiles of a kind that are simulated again, to see that the simulator has not changed
KINDS_OF = {"other": ("opaque", "cell")}  # class -> kinds of the simulator, where they are not called alike
EXAMPLES = 400  # particles per class and form of tile whose features are kept, to tell strangers from
BATCH = 128


def simulated(kind, count, folder=None):
    """The first `count` tiles of this kind, uint8 (count, 64, 64); kept in `folder`, if given."""
    path = folder / f"{kind}_{RUN_SEED}.npy" if folder else None
    stored = np.load(path) if path and path.is_file() else np.zeros((0, 64, 64), np.uint8)
    if any((draw(kind, k) != stored[k]).any() for k in range(min(CHECKED, len(stored)))):
        print(f"{kind}: the simulator has changed since; simulating anew", flush=True)
        stored = stored[:0]
    if len(stored) < count:
        with ProcessPoolExecutor() as pool:
            more = list(pool.map(partial(draw, kind), range(len(stored), count), chunksize=10))
        stored = np.concatenate([stored, np.stack(more)])
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, stored)
    return stored[:count]


def draw(kind, k):
    """Pixels of the particle of this kind and number."""
    return scenes.simulate(kind, scenes.particle_seed(RUN_SEED, k)).pixels


def known_tiles(class_keys, each, folder):
    """(tiles, labels) of the classes, `each` per class in a row. Raises SystemExit for a class without a simulator."""
    tiles = []
    for key in class_keys:
        kinds = KINDS_OF.get(key, (key,))
        if missing := set(kinds) - set(scenes.KINDS):
            raise SystemExit(f"{', '.join(sorted(missing))} cannot be simulated: no calibration for these classes.")
        # One of each kind in turn, so that every part of the class holds all of its kinds.
        share = -(-each // len(kinds))
        of_kinds = np.stack([simulated(kind, share, folder) for kind in kinds], 1)
        tiles.append(of_kinds.reshape(-1, *of_kinds.shape[2:])[:each])
    return np.concatenate(tiles), np.repeat(np.arange(len(class_keys)), each)


def in_form(form, tiles, labels):
    """(crops, labels): the tiles themselves, or what an instrument would save of each, where that is less."""
    if form == "whole":
        return list(tiles), labels
    rng = np.random.default_rng(RUN_SEED)
    crops = [cut_out(tile, rng) for tile in tiles]
    cut = [k for k, crop in enumerate(crops) if crop is not None]
    return [crops[k] for k in cut], labels[cut]


def observe(classifier, crops):
    """(features of all depths, fixed features, shapes, most likely classes) of crops; those without an outline NaN."""
    tiles = np.stack([to_tile(crop) for crop in crops])
    probs, layers, fixed = [], [], []
    for start in range(0, len(tiles), BATCH):
        batch = tiles[start : start + BATCH]
        of_batch, in_layers = start_predicting_in_layers(classifier, batch)
        probs.append(of_batch.cpu().numpy())
        layers.append(in_layers.cpu().numpy())
        fixed.append(fixed_features(batch))
    named = np.concatenate(probs).argmax(1)
    return np.concatenate(layers), np.concatenate(fixed), shape_rows(crops), named


def calibrate(classifier, folder, options):
    """NoveltyCalibration of the classifier of this model folder."""
    keys = classifier.config.class_keys
    tiles, labels = known_tiles(keys, options.fit + options.count, options.tiles)
    observed, is_fit = [], []
    for form in FORMS:
        crops, of_form = in_form(form, tiles, labels)
        layers, fixed, shapes, named = observe(classifier, crops)
        # Particles without an outline are rejected, and never judged.
        outlined = np.isfinite(shapes).all(1)
        layers, fixed, shapes, named, of_form = (x[outlined] for x in (layers, fixed, shapes, named, of_form))
        rank = np.concatenate([np.arange((of_form == label).sum()) for label in range(len(keys))])
        observed.append((layers, fixed, shapes, named, of_form))
        is_fit.append(rank >= options.count)
    directions = find_directions(np.concatenate([o[0][fit] for o, fit in zip(observed, is_fit, strict=True)]))
    forms, examples = [], []
    for index, ((layers, fixed, shapes, named, of_form), fit) in enumerate(zip(observed, is_fit, strict=True)):
        views = Views(fixed, directions.project(layers), shapes, named)
        forms.append(calibrate_form(views.take(fit), of_form[fit], views.take(~fit), len(keys)))
        examples.append(examples_of(views.take(~fit), of_form[~fit], index))
    description = (
        f"{options.count:,} simulated particles per class, run seed {RUN_SEED}, each with an instrument of its "
        "own of the usual law"
    )
    known = KnownExamples(*(np.concatenate(part) for part in zip(*examples, strict=True)))
    return NoveltyCalibration(keys, directions, tuple(forms), description, weights_sha256(folder), known)


def examples_of(views, labels, form):
    """(features, most likely classes, forms) of the first EXAMPLES particles of every class."""
    rows = np.concatenate([np.flatnonzero(labels == label)[:EXAMPLES] for label in np.unique(labels)])
    features = features_of(views.take(rows))
    return features, views.named[rows].astype(np.uint8), np.full(len(rows), form, np.uint8)


def main():
    """Simulate, fit, score, write, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument("--tiles", type=Path, help="folder to keep simulated tiles in")
    parser.add_argument("--fit", type=int, default=400, help="more particles per class, to fit the Gaussians to")
    parser.add_argument("--count", type=int, default=1000, help="particles per class to judge new ones by")
    options = parser.parse_args()
    for model in options.models or shipped_classifiers():
        start, folder = time.perf_counter(), find_model_folder(model)
        calibration = calibrate(load_classifier(folder), folder, options)
        write_calibration(folder, calibration)
        print(f"{model}: {time.perf_counter() - start:.0f} s; calibration particles by the class they were named")
        for name, form in zip(FORMS, calibration.forms, strict=True):
            print(f"  {name:7}", named_counts(form, calibration.class_keys), flush=True)


def shipped_classifiers():
    """Names of the shipped models that are classifiers."""
    configs = {path.parent.name: json.loads(path.read_text("utf-8")) for path in SHIPPED_MODELS.glob("*/config.json")}
    return sorted(name for name, config in configs.items() if "classifier" in config)


if __name__ == "__main__":
    main()
