"""Quality of a generator of the shipped classes, measured against held-out simulated particles.

    python benchmarks/generator_quality.py [RUN] [--count 1000] [--sampler standard] [--guidance 1.5] [--steps K]
        [--training 2000] [--tiles FOLDER] [--out report.json] [--write]

RUN: name of a model or a model folder, by default the shipped generator. Simulates twice --count held-out particles per
class (twice, for real-vs-real baselines at the same number) and --training ones of those it was trained on (run seed
0), generates --count per class, and prints every metric of svp_core.quality and which of the product's targets are met.
--tiles: folder in which tiles are stored and reused; simulating 1,000 takes minutes.
--write: put the table into the model's card.md as its section Quality; without it it is only printed.
"""

import argparse
import hashlib
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from _card_section import write_section

from svp_core.classifier.resnet import load_classifier
from svp_core.generator.load import load_generator
from svp_core.generator.sampling import image_seeds, sample_tiles, sampler_of
from svp_core.model_files import find_model_folder, weights_sha256
from svp_core.optics import scenes
from svp_core.progress import run_to_end
from svp_core.quality import METRICS, compare
from svp_core.quality.text_table import LEGEND, as_table, number, ratio_text

HELD_OUT_SEED, TRAINING_SEED = 6, 0  # runs of the simulator: no model was trained or selected on the first
MADE_SEED = 777
CHUNK = 250  # simulated tiles between two saves
SECTION = "## Quality"

# Metric, value or ratio to the real baseline, required range, target range. Missed ones are listed in the card.
TARGETS = (
    ("kid", "ratio", (-np.inf, 3), (-np.inf, 2)),
    ("texture", "value", (0.85, 1.15), (0.9, 1.1)),
    ("brightness", "value", (-2, 2), (-2, 2)),
    ("recall", "value", (0.6, 1), (0.7, 1)),
    ("named", "value", (0.97, 1), (0.97, 1)),
    ("ct_z", "value", (-2, np.inf), (-2, np.inf)),
    ("told_apart", "value", (0, 1), (0, 0.65)),
)


def main():
    """Simulate, generate, measure, print, and write where requested."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run", nargs="?", default="generator", help="name of a model or a model folder")
    parser.add_argument("--count", type=int, default=1000, help="generated particles per class")
    parser.add_argument("--sampler", help="default: standard")
    parser.add_argument(
        "--guidance",
        type=float,
        help="weight of autoguidance and of classifier-free guidance, instead of the sampler's",
    )
    parser.add_argument("--steps", type=int, help="denoising steps, instead of the sampler's")
    parser.add_argument("--training", type=int, default=2000, help="training particles per class to search for copies")
    parser.add_argument("--classes", nargs="+", help="only these")
    parser.add_argument("--tiles", type=Path, help="folder to store tiles in")
    parser.add_argument("--out", type=Path, help="file for the whole report")
    parser.add_argument("--write", action="store_true", help="put the table into the card")
    options = parser.parse_args()

    folder = find_model_folder(options.run)
    generator = load_generator(folder)
    keys = [key for key in generator.class_keys if not options.classes or key in options.classes]
    if not keys or not set(keys) <= set(scenes.KINDS):
        parser.error(
            f"{options.run} generates {', '.join(generator.class_keys)}; only {', '.join(scenes.KINDS)} can be compared"
        )
    if options.tiles:
        options.tiles.mkdir(parents=True, exist_ok=True)
    sampler: Any = sampler_of(generator.samplers, options.sampler)
    if options.guidance is not None:
        sampler = replace(sampler, class_guidance=options.guidance, autoguidance=options.guidance)
    sampler = replace(sampler, steps=options.steps or sampler.steps)

    held_out = {key: simulated(key, 2 * options.count, HELD_OUT_SEED, options.tiles) for key in keys}
    training = {key: simulated(key, options.training, TRAINING_SEED, options.tiles) for key in keys if options.training}
    tiles = {key: generated(generator, key, options.count, sampler, options.tiles) for key in keys}
    classifier = load_classifier(find_model_folder("resnet18"))
    report = run_to_end(
        compare(real=held_out, synthetic=tiles, training=training or None, classifier=classifier),
        lambda progress: tell(f"measured {progress.message}"),
    )
    if options.out:
        options.out.write_text(json.dumps(report, indent=2) + "\n", "utf-8")
    lines = section(report, generator, sampler)
    print("", *lines, sep="\n")
    if options.write:
        write_section(folder / "card.md", SECTION, lines)
        tell(f"written into {folder / 'card.md'}")


def simulated(key, count, run_seed, folder):
    """The first `count` simulated tiles of this class and run seed, uint8 (N, 64, 64); stored in `folder`, if given."""
    path = folder / f"drawn_{key}_{run_seed}.npy" if folder else None
    tiles = np.load(path) if path and path.is_file() else np.zeros((0, 64, 64), np.uint8)
    with ProcessPoolExecutor() as pool:
        for start in range(len(tiles), count, CHUNK):
            numbers = range(start, min(start + CHUNK, count))
            tiles = np.concatenate([tiles, list(pool.map(partial(_draw, key, run_seed), numbers, chunksize=10))])
            if path:
                np.save(path, tiles)
            tell(f"simulating {key}, run seed {run_seed}: {len(tiles)} of {count}")
    return tiles[:count]


def _draw(key, run_seed, k):
    return scenes.simulate(key, scenes.particle_seed(run_seed, k)).pixels


def generated(generator, key, count, sampler, folder):
    """The first `count` generated tiles of one class, uint8 (count, 64, 64); stored in `folder`, if given."""
    weights = weights_sha256(generator.folder)[:12]
    sampling = (sampler, *(getattr(generator.config, name, ()) for name in ("class_guidance", "level_means")))
    settings = hashlib.sha256(repr(sampling).encode()).hexdigest()[:12]
    path = folder / f"made_{key}_{weights}_{settings}.npy" if folder else None
    tiles = np.load(path) if path and path.is_file() else np.zeros((0, 64, 64), np.uint8)
    seeds, before, started = image_seeds(MADE_SEED, count)[len(tiles) :], len(tiles), time.monotonic()
    for _, more in sample_tiles(generator, key, seeds=seeds, sampler=sampler):
        tiles = np.concatenate([tiles, more])
        if path:
            np.save(path, tiles)
        rate = (time.monotonic() - started) / (len(tiles) - before)
        tell(f"generating {key}: {len(tiles)} of {count}, {rate:.2f} s each")
    return tiles[:count]


def section(report, generator, sampler):
    """Lines of Markdown: table, legend, targets met and missed."""
    counts = next(iter(report["classes"].values()))
    settings = f"{sampler.steps} steps"
    if hasattr(sampler, "guidance_of"):
        settings += "; " + ", ".join(
            f"{key} {'autoguidance' if guidance.autoguidance else 'classifier-free guidance'} "
            f"{guidance.weight:g} at noise {guidance.interval[0]:g} to {guidance.interval[1]:g}"
            for label, key in enumerate(generator.class_keys)
            for guidance in [sampler.guidance_of(generator.config, label)]
        )
    origin = (
        f"By `python benchmarks/generator_quality.py`: {generator.folder.name}, sampler {sampler.key} ({settings}), "
        f"against held-out simulated particles (run seed {HELD_OUT_SEED}); copies were searched for among "
        f'{counts["n_training"]:,} training tiles per class. "Real" in the table stands for these held-out simulated '
        "particles."
    )
    lines = [
        SECTION,
        "",
        origin,
        "",
        *as_table(report),
        "",
        LEGEND,
        "",
        *(f"- {warning}" for warning in report["warnings"]),
        "",
    ]
    for heading, column in (("Must", 2), ("Goal", 3)):
        missed = list(misses(report, column))
        lines += [f"{heading}: " + ("all met." if not missed else "missed by " + "; ".join(missed) + "."), ""]
    return lines


def misses(report, column):
    """Missed targets as text. column of TARGETS: 2 for required, 3 for target ranges."""
    for target in TARGETS:
        low, high = target[column]
        for key, section in report["classes"].items():
            entry = section["figures"].get(target[0], {})
            value = entry.get(target[1])
            if target[0] == "ct_z" and entry:
                # Tiles that lie equally close to real tiles that were not trained on are not copies.
                value = max(value, value - entry["real"])
            if value is not None and not low <= value <= high:
                metric = METRICS[target[0]].name + (" relative to its baseline" if target[1] == "ratio" else "")
                required = f"{low:g} to {high:g}" if np.isfinite([low, high]).all() else f"at most {high:g}"
                found = ratio_text(target[0], entry) if target[1] == "ratio" else number(value)
                yield f"{metric} of {key} {found} ({required if high < np.inf else f'at least {low:g}'})"


def tell(text):
    """Print progress to the terminal."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
