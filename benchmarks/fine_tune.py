"""Fine-tuning on few images of a class that the shipped model never saw: how close it comes, and whether it copies.

    python benchmarks/fine_tune.py --out FOLDER [--images 200] [--minutes 30] [--source PATH] [--class NAME]

Without --source the images are fibres from the simulator. The training holds out a part of them; in addition a third as
many test images, never given to it, are used for evaluation: fibres of another run seed of the simulator, or the last
images of the source. Prints KID before (the nearest of the shipped model's classes) and after, with the copy test, and
writes the model and sheet.png (training images above, generated ones below) into FOLDER. Started again it resumes.

Exit status 1 if KID of the generated images is more than half of that before, or if they copy the training images.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

from svp_core.audit import copy_test
from svp_core.commands.arguments import print_progress
from svp_core.datasets.labelled_tiles import LabelledTiles, read_labelled
from svp_core.embedding.features import fixed_features
from svp_core.generator.sampling import image_seeds, sample_tiles
from svp_core.generator.unet import load_generator
from svp_core.images import contact_sheet
from svp_core.model_files import SHIPPED_MODELS, read_model_folder
from svp_core.optics import scenes
from svp_core.particle_classes import FIBRE, key_from_name
from svp_core.progress import run_to_end
from svp_core.quality import kid, kid_value, real_baseline
from svp_core.training.checkpoints import check_rows, read_history
from svp_core.training.checks import SHARE_ALARM, Z_ALARM
from svp_core.training.generator import train_generator

TRAINING_SEED, TEST_SEED = 21, 22  # runs of the simulator that nothing else here uses
TEST_SHARE = 1 / 3  # test images, relative to the training images
GENERATED = 128
SHOWN = 48


def main():
    """Train, evaluate, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--source", type=Path, help="folder, archive or run; default: simulated fibres")
    parser.add_argument("--class", dest="class_name", default="Fibre", help="class of the source's images")
    options = parser.parse_args()

    key = key_from_name(options.class_name) if options.source else FIBRE.key
    data, test_tiles = (recorded if options.source else simulated)(options, key)
    started, model = time.monotonic(), options.out / "run"
    train(data, model, options)
    minutes = (time.monotonic() - started) / 60

    base, generated = load_generator(SHIPPED_MODELS / "generator"), sample(load_generator(model), key)
    before = {other: distance(sample(base, other), test_tiles) for other in base.class_keys}
    nearest, after = min(before, key=lambda other: before[other].value), distance(generated, test_tiles)
    baseline = real_baseline(kid_value, real=fixed_features(test_tiles))
    held_out = set(read_model_folder(model).config["held_out"])
    training_tiles = data.tiles[[name not in held_out for name in data.names]]
    copies = copy_test(synthetic=generated, training=training_tiles, held_out=test_tiles)

    print_training(model, key, data, test_tiles, minutes)
    print(
        f"\nKID to the test images: before {before[nearest].value:.3f} ({nearest}), after {after.value:.3f} "
        f"({after.low:.3f} to {after.high:.3f}), n = {after.n}; real to real {baseline.median:.3f}, "
        f"95 % {baseline.high:.3f}."
    )
    print(
        f"Copies: CT Z {copies.ct_z:+.1f}; like one training tile {copies.ratio.value:.1%} "
        f"({copies.ratio.low:.1%} to {copies.ratio.high:.1%}), of the test images {copies.held_out_ratio.value:.1%}; "
        f"n = {copies.n}, {copies.n_training}, {copies.n_held_out}."
    )
    sheets = [contact_sheet(tiles[:SHOWN], columns=SHOWN // 3) for tiles in (training_tiles, generated)]
    gap = np.full((12, sheets[0].shape[1]), 255, np.uint8)
    Image.fromarray(np.concatenate([sheets[0], gap, sheets[1]])).save(options.out / "sheet.png")
    is_copying = copies.ct_z <= Z_ALARM and copies.ratio.low > copies.held_out_ratio.value + SHARE_ALARM
    sys.exit(1 if is_copying or after.value > before[nearest].value / 2 else 0)


def train(data, model, options):
    """Fine-tune the shipped generator into the folder `model`, unless it is finished already."""
    if (model / "config.json").exists():
        return
    note = str(options.source or "Simulated fibres, usual instruments.")
    base = str(SHIPPED_MODELS / "generator")
    run_to_end(
        train_generator(data, model, base=base, minutes=options.minutes, note=note),
        lambda progress: print_progress(progress.message, progress.step, progress.total),
    )


def print_training(model, key, data, test_tiles, minutes):
    """Print what was trained, and the checks."""
    facts = read_model_folder(model).config
    print(
        f"{len(data.tiles)} images of {key}, {sum(facts['held_out_counts'].values())} of them held out; "
        f"{len(test_tiles)} test images. {minutes:.1f} minutes, {facts['steps']:,} steps of {facts['plan']['batch']}; "
        f"checkpoint of step {facts['best_step']:,}; ended: {facts['ended']}.\n"
    )
    print("| step | KID to the held-out images | CT Z | like one training tile |\n|---|---|---|---|")
    for row in check_rows(read_history(model)):
        figures = row["classes"][key]
        print(f"| {row['step']:,} | {figures['kid'][0]:.3f} | {figures['ct_z']:+.1f} | {figures['copied'][0]:.1%} |")


def simulated(options, key):
    """LabelledTiles of simulated particles to train on, and test tiles."""
    counts = options.images, round(options.images * TEST_SHARE)
    tiles = [
        np.stack([scenes.simulate(key, scenes.particle_seed(seed, k)).pixels for k in range(count)])
        for seed, count in zip((TRAINING_SEED, TEST_SEED), counts, strict=True)
    ]
    names = tuple(f"{key}_{k}.png" for k in range(options.images))
    return LabelledTiles(tiles[0], np.zeros(options.images, int), (key,), names, ()), tiles[1]


def recorded(options, key):
    """LabelledTiles of a source to train on, and test tiles, in the source's order."""
    data = read_labelled(options.source, class_name=options.class_name)
    count = min(options.images, round(len(data.tiles) / (1 + TEST_SHARE)))
    test_tiles = data.tiles[count : count + round(count * TEST_SHARE)]
    return LabelledTiles(data.tiles[:count], data.labels[:count], (key,), data.names[:count], ()), test_tiles


def sample(generator, key):
    """GENERATED tiles of one class with the standard sampler."""
    return np.concatenate([tiles for _, tiles in sample_tiles(generator, key, seeds=image_seeds(77, GENERATED))])


def distance(generated, test_tiles):
    """KID of generated tiles to the test tiles, an Estimate."""
    return kid(real=fixed_features(test_tiles), synthetic=fixed_features(generated))


if __name__ == "__main__":
    main()
