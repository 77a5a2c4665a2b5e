"""Calibration of what is unlike a classifier's classes: writes novelty.safetensors into its model folder.

    python benchmarks/novelty_calibration.py [MODEL ...] [--particles FOLDER]

Takes the particles of benchmarks/reference_library.py: of every class, ten usual and six small ones on each of 120
instruments, that no model was trained or selected on; they are simulated where FOLDER does not hold them yet. Five
sixths of each class give the distances by which new particles are judged. The rest, also mirrored, give how distances
depend on size, and the usual ones of them the Gaussians: with the small ones these would be wider, and fewer strangers
found. All this as whole tiles and as an instrument's crops. Prints how many particles stand behind each named class.
MODEL is a shipped name or a model folder; all shipped classifiers by default.
"""

import argparse
import json
import time
from functools import cache

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
from svp_core.novelty.resemblance import fit_spread
from svp_core.novelty.score import Views, find_directions
from svp_core.novelty.shape import shape_rows
from svp_core.novelty.tile_forms import FORMS, cut_out
from svp_core.optics.imaging_conditions import MAGNIFICATIONS
from svp_core.reference_library.library import LEVELS, read_library

INSTRUMENTS, EACH, SMALL = 40, 10, 6  # per magnification; usual and small particles per class and instrument
JUDGING = 5 / 6  # share of each class that new particles are judged by: 1,600 of 1,920 whole tiles
SEED = 83  # of the crops' margins
EXAMPLES = 640  # particles per class and form of tile whose features are kept, to tell strangers from
BATCH = 128


def known_tiles(class_keys, folder):
    """(tiles, labels, places, whether each is a usual one) of these classes, instruments of all magnifications in turn.

    places: see KnownExamples.library. SystemExit for an unknown class.
    """
    each = {False: EACH, True: SMALL}
    which = [(number, one, small) for number in range(INSTRUMENTS) for one in MAGNIFICATIONS for small in each]
    drawn = [pool(folder, ENTROPY, one, number, per_kind(each[small]), small=small) for number, one, small in which]
    tiles = np.concatenate([one.tiles for one in drawn])
    usual = np.concatenate([np.full(len(one.tiles), not small) for one, (*_, small) in zip(drawn, which, strict=True)])
    names = np.concatenate([np.array([class_of(kind) for kind in one.kinds], str) for one in drawn])
    if missing := set(class_keys) - set(names):
        raise SystemExit(f"{', '.join(sorted(missing))} cannot be simulated: no calibration for these classes.")
    known = np.isin(names, class_keys)
    places = np.concatenate([library_places(one, class_keys) for one in drawn])
    return tiles[known], np.array([class_keys.index(name) for name in names[known]]), places[known], usual[known]


def library_places(drawn, class_keys):
    """(magnification, row in its library) of particles, int (N, 2): the library holds those of these classes."""
    library, place = shipped_library(drawn.magnification), list(MAGNIFICATIONS).index(drawn.magnification)
    of_instrument = np.flatnonzero(library.instruments == drawn.number)
    names, rows = np.array([class_of(kind) for kind in drawn.kinds], str), np.zeros(len(drawn.tiles), int)
    for name in np.unique(names):
        mine = np.flatnonzero(names == name)
        of_class = [row for row in of_instrument if library.classes[row] == name]
        # The most similar one: in a class of two kinds, the order of simulation is not always the library's.
        images = np.stack([np.round(library.images[row] * LEVELS) for row in of_class])
        rows[mine] = [of_class[np.abs(images - drawn.images[k]).max((1, 2)).argmin()] for k in mine]
    # The same particles; another processor may round their levels otherwise.
    known = np.isin(names, class_keys)
    assert np.abs(np.round(library.images[rows[known]] * LEVELS) - drawn.images[known]).max() <= 1
    return np.stack([np.full(len(rows), place), rows], 1)


def in_form(form, tiles, *of_each):
    """(crops, *of_each): the tiles themselves, or what an instrument would save of each, where that is less."""
    if form == "whole":
        return list(tiles), *of_each
    rng = np.random.default_rng(SEED)
    crops = [cut_out(tile, rng) for tile in tiles]
    cut = [k for k, crop in enumerate(crops) if crop is not None]
    return [crops[k] for k in cut], *(part[cut] for part in of_each)


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
    tiles, *of_each = known_tiles(keys, options.particles)
    observed, is_fit = [], []
    for form in FORMS:
        crops, of_form, at, usual = in_form(form, tiles, *of_each)
        fit = rank_in_class(of_form) >= JUDGING * np.bincount(of_form)[of_form]
        mirrored = [
            flip(np.asarray(crops[k])) for flip in (np.fliplr, np.flipud, np.rot90) for k in np.flatnonzero(fit)
        ]
        layers, fixed, shapes, named = observe(classifier, crops + mirrored)
        at, once = np.concatenate([at, np.tile(at[fit], (3, 1))]), np.arange(len(crops) + len(mirrored)) < len(crops)
        of_form, usual = (np.r_[part, np.tile(part[fit], 3)] for part in (of_form, usual))
        fit = np.r_[fit, np.ones(len(mirrored), bool)]
        # Particles without an outline are rejected, and never judged.
        outlined = np.isfinite(shapes).all(1)
        observed.append([part[outlined] for part in (layers, fixed, shapes, named, of_form, at, once, usual)])
        is_fit.append(fit[outlined])
    directions = find_directions(np.concatenate([o[0][fit & o[-1]] for o, fit in zip(observed, is_fit, strict=True)]))
    forms, examples, spreads = [], [], []
    for index, (parts, fit) in enumerate(zip(observed, is_fit, strict=True)):
        layers, fixed, shapes, named, of_form, at, once, usual = parts
        views, given = Views(fixed, directions.project(layers), shapes, named), fit & usual
        judging, of_all_sizes = views.take(~fit), views.take(fit)
        forms.append(calibrate_form(views.take(given), of_form[given], judging, len(keys), of_all_sizes=of_all_sizes))
        examples.append(examples_of(judging, of_form[~fit], index, at[~fit]))
        spreads.append(fit_spread(views.take(once), instruments_of(at[once]), len(keys)))
    description = (
        f"{JUDGING * len(MAGNIFICATIONS) * INSTRUMENTS * (EACH + SMALL):,.0f} simulated particles per class, of "
        f"{len(MAGNIFICATIONS) * INSTRUMENTS} instruments drawn from the usual law"
    )
    known = KnownExamples(*(np.concatenate(part) for part in zip(*examples, strict=True)))
    sha256 = weights_sha256(folder)
    return NoveltyCalibration(keys, directions, tuple(forms), description, sha256, known, tuple(spreads))


def instruments_of(places):
    """A number for the instrument of each of these particles, (N,); places: see library_places."""
    numbers = [shipped_library(list(MAGNIFICATIONS)[at]).instruments[row] for at, row in places]
    return 1000 * places[:, 0] + np.array(numbers)


@cache
def shipped_library(magnification):
    """read_library(); all magnifications are kept. SystemExit where there is none."""
    library = read_library(magnification)
    if library is None:
        raise SystemExit("There is no reference library; run benchmarks/reference_library.py first.")
    return library


def rank_in_class(labels):
    """Number of each particle among those of its class, (N,)."""
    ranks = np.zeros(len(labels), int)
    for label in np.unique(labels):
        ranks[labels == label] = np.arange((labels == label).sum())
    return ranks


def examples_of(views, labels, form, places):
    """KnownExamples' fields of the first EXAMPLES particles of every class."""
    rows = np.concatenate([np.flatnonzero(labels == label)[:EXAMPLES] for label in np.unique(labels)])
    features = features_of(views.take(rows))
    return (
        features,
        views.named[rows].astype(np.uint8),
        np.full(len(rows), form, np.uint8),
        places[rows].astype(np.int32),
    )


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
