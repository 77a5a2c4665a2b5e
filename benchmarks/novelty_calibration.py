"""Calibration of what is unlike a classifier's classes: writes novelty.safetensors into its model folder.

    python benchmarks/novelty_calibration.py [MODEL ...] [--particles FOLDER]

Takes the particles of benchmarks/reference_library.py: of every class, ten on each of 120 instruments drawn from the
usual law, that no model was trained or selected on; they are simulated where FOLDER does not hold them yet. Five
sixths of each class give the distances by which new particles are judged, the rest, also mirrored, the Gaussians; both
as whole tiles and as an instrument's crops. Prints how many particles stand behind each named class. MODEL is a shipped
name or a model folder; all shipped classifiers by default.
"""

import argparse
import json
import time

import numpy as np
from _drawn_instruments import add_particles_folder, class_of, pool
from reference_library import ENTROPY, per_kind

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
from svp_core.optics.imaging_conditions import MAGNIFICATIONS

INSTRUMENTS, EACH = 40, 10  # per magnification; particles per class and instrument
JUDGING = 5 / 6  # share of each class that new particles are judged by: 1,000 of 1,200 whole tiles
SEED = 83  # of the crops' margins
EXAMPLES = 400  # particles per class and form of tile whose features are kept, to tell strangers from
BATCH = 128


def known_tiles(class_keys, folder):
    """(tiles, labels) of these classes, instruments of all magnifications in turn. SystemExit for an unknown class."""
    drawn = [
        pool(folder, ENTROPY, magnification, number, per_kind(EACH))
        for number in range(INSTRUMENTS)
        for magnification in MAGNIFICATIONS
    ]
    tiles = np.concatenate([one.tiles for one in drawn])
    names = np.concatenate([np.array([class_of(kind) for kind in one.kinds], str) for one in drawn])
    if missing := set(class_keys) - set(names):
        raise SystemExit(f"{', '.join(sorted(missing))} cannot be simulated: no calibration for these classes.")
    known = np.isin(names, class_keys)
    return tiles[known], np.array([class_keys.index(name) for name in names[known]])


def in_form(form, tiles, labels):
    """(crops, labels): the tiles themselves, or what an instrument would save of each, where that is less."""
    if form == "whole":
        return list(tiles), labels
    rng = np.random.default_rng(SEED)
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
    tiles, labels = known_tiles(keys, options.particles)
    observed, is_fit = [], []
    for form in FORMS:
        crops, of_form = in_form(form, tiles, labels)
        fit = rank_in_class(of_form) >= JUDGING * np.bincount(of_form)[of_form]
        mirrored = [
            flip(np.asarray(crops[k])) for flip in (np.fliplr, np.flipud, np.rot90) for k in np.flatnonzero(fit)
        ]
        layers, fixed, shapes, named = observe(classifier, crops + mirrored)
        of_form, fit = np.r_[of_form, np.tile(of_form[fit], 3)], np.r_[fit, np.ones(len(mirrored), bool)]
        # Particles without an outline are rejected, and never judged.
        outlined = np.isfinite(shapes).all(1)
        observed.append([part[outlined] for part in (layers, fixed, shapes, named, of_form)])
        is_fit.append(fit[outlined])
    directions = find_directions(np.concatenate([o[0][fit] for o, fit in zip(observed, is_fit, strict=True)]))
    forms, examples = [], []
    for index, ((layers, fixed, shapes, named, of_form), fit) in enumerate(zip(observed, is_fit, strict=True)):
        views = Views(fixed, directions.project(layers), shapes, named)
        forms.append(calibrate_form(views.take(fit), of_form[fit], views.take(~fit), len(keys)))
        examples.append(examples_of(views.take(~fit), of_form[~fit], index))
    description = (
        f"{JUDGING * len(MAGNIFICATIONS) * INSTRUMENTS * EACH:,.0f} simulated particles per class, of "
        f"{len(MAGNIFICATIONS) * INSTRUMENTS} instruments drawn from the usual law"
    )
    known = KnownExamples(*(np.concatenate(part) for part in zip(*examples, strict=True)))
    return NoveltyCalibration(keys, directions, tuple(forms), description, weights_sha256(folder), known)


def rank_in_class(labels):
    """Number of each particle among those of its class, (N,)."""
    ranks = np.zeros(len(labels), int)
    for label in np.unique(labels):
        ranks[labels == label] = np.arange((labels == label).sum())
    return ranks


def examples_of(views, labels, form):
    """(features, most likely classes, forms) of the first EXAMPLES particles of every class."""
    rows = np.concatenate([np.flatnonzero(labels == label)[:EXAMPLES] for label in np.unique(labels)])
    features = features_of(views.take(rows))
    return features, views.named[rows].astype(np.uint8), np.full(len(rows), form, np.uint8)


def main():
    """Simulate, fit, score, write, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("models", nargs="*", metavar="MODEL")
    add_particles_folder(parser)
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
