"""Fine-tuning on few images of a class the shipped model never saw: how near it comes, and whether it copies.

    python benchmarks/fine_tune.py --out FOLDER [--images 200] [--minutes 30] [--source PATH] [--class NAME]

Without --source the images are fibres from the simulator. A part is held out by the training itself; besides, as many
images as a third of them, never given to it, judge it: fibres of another run seed of the simulator, or the last ones
of the source. Prints KID before (the nearest of the shipped model's classes) and after, with the copy test, and leaves
the run and sheet.png (given images above, made ones below) in FOLDER. Started again it goes on.

Exit code 1 if the images made are not nearer than before by half, or copy the training images.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]

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
from svp_core.quality import kid, real_baseline
from svp_core.training.checkpoints import read_history
from svp_core.training.generator import train_generator

GIVEN_SEED, JUDGE_SEED = 21, 22  # runs of the simulator that nothing else here uses
JUDGES = 1 / 3  # of the images given
MADE = 128
SHOWN = 48


def main():
    """Train, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--source", type=Path, help="folder, archive or run; left out, simulated fibres")
    parser.add_argument("--class", dest="class_name", default="Fibre", help="what the images of the source are")
    options = parser.parse_args()

    key = key_from_name(options.class_name) if options.source else FIBRE.key
    given, judges = (recorded if options.source else simulated)(options, key)
    begun, run = time.monotonic(), options.out / "run"
    if not (run / "config.json").exists():
        note = str(options.source or "Simulated fibres, usual instruments.")
        for progress in train_generator(
            given, run, base=str(SHIPPED_MODELS / "generator"), minutes=options.minutes, note=note
        ):
            print_progress(progress.message, progress.step, progress.total)
    took = time.monotonic() - begun

    base, made = load_generator(SHIPPED_MODELS / "generator"), make(load_generator(run), key)
    before = {other: likeness(make(base, other), judges) for other in base.class_keys}
    nearest, after = min(before, key=lambda other: before[other].value), likeness(made, judges)
    least = real_baseline(lambda **sets: kid(**sets).value, real=fixed_features(judges))
    facts = read_model_folder(run).config
    held_out = set(facts["held_out"])
    seen = given.tiles[[name not in held_out for name in given.names]]
    found = copy_test(synthetic=made, training=seen, held_out=judges)
    checked = [row for row in read_history(run) if "classes" in row]

    print(
        f"{len(given.tiles)} images of {key}, {sum(facts['held_out_counts'].values())} of them held out; "
        f"{len(judges)} others judge. {took / 60:.1f} minutes, {facts['steps']:,} steps of {facts['plan']['batch']}; "
        f"kept is step {facts['best_step']:,}; it ended: {facts['ended']}.\n"
    )
    print("| step | KID to the held-out ones | CT Z | like one training tile |\n|---|---|---|---|")
    for row in checked:
        figures = row["classes"][key]
        print(f"| {row['step']:,} | {figures['kid'][0]:.3f} | {figures['ct_z']:+.1f} | {figures['copied'][0]:.1%} |")
    print(
        f"\nKID to the judges: before {before[nearest].value:.3f} ({nearest}), after {after.value:.3f} "
        f"({after.low:.3f} to {after.high:.3f}), n = {after.n}; real to real {least.median:.3f}, 95 % {least.high:.3f}."
    )
    print(
        f"Copies: CT Z {found.ct_z:+.1f}; like one training tile {found.ratio.value:.1%} "
        f"({found.ratio.low:.1%} to {found.ratio.high:.1%}), of the judges {found.held_out_ratio.value:.1%}; "
        f"n = {found.n}, {found.n_training}, {found.n_held_out}."
    )
    sheets = [contact_sheet(tiles[:SHOWN], columns=SHOWN // 3) for tiles in (seen, made)]
    gap = np.full((12, sheets[0].shape[1]), 255, np.uint8)
    Image.fromarray(np.concatenate([sheets[0], gap, sheets[1]])).save(options.out / "sheet.png")
    copied = found.ct_z <= -2 and found.ratio.low > found.held_out_ratio.value + 0.01
    sys.exit(1 if copied or after.value > before[nearest].value / 2 else 0)


def simulated(options, key):
    """(Labelled of the fibres to train on, tiles that judge)."""
    counts = options.images, round(options.images * JUDGES)
    tiles = [
        np.stack([scenes.simulate(key, scenes.particle_seed(seed, k)).pixels for k in range(count)])
        for seed, count in zip((GIVEN_SEED, JUDGE_SEED), counts, strict=True)
    ]
    names = tuple(f"{key}_{k}.png" for k in range(options.images))
    return LabelledTiles(tiles[0], np.zeros(options.images, int), (key,), names, ()), tiles[1]


def recorded(options, key):
    """The same from a source, in its order."""
    data = read_labelled(options.source, class_name=options.class_name)
    count = min(options.images, round(len(data.tiles) / (1 + JUDGES)))
    judges = data.tiles[count : count + round(count * JUDGES)]
    return LabelledTiles(data.tiles[:count], data.labels[:count], (key,), data.names[:count], ()), judges


def make(generator, key):
    """MADE tiles of one class by the standard sampler."""
    return np.concatenate([tiles for _, tiles in sample_tiles(generator, key, seeds=image_seeds(77, MADE))])


def likeness(made, judges):
    """KID of made tiles to those that judge, an Estimate."""
    return kid(real=fixed_features(judges), synthetic=fixed_features(made))


if __name__ == "__main__":
    main()
