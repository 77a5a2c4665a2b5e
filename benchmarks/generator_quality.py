"""How good a generator of the shipped classes is, measured against simulated particles that nothing was trained on.

    python benchmarks/generator_quality.py [RUN] [--count 1000] [--sampler standard] [--guidance 1.5] [--steps K]
        [--training 2000] [--tiles FOLDER] [--out report.json] [--write]

RUN: name of a model or a run folder, the shipped generator without one. Draws twice --count held-out particles a class
(twice, for real-vs-real floors at the same number) and --training ones of those it was trained on (run seed 0), makes
--count a class, and gives every figure of svp_core.quality, and which of the product's targets are met.
--tiles: folder in which drawn and made tiles are kept and looked for; drawing 1,000 takes minutes, so is worth having.
--write: put the table into the run's card.md as its section Quality; without it it is only printed.
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

import numpy as np

ROOT = Path(__file__).resolve().parents[1]

from svp_core.classifier.resnet import load_classifier
from svp_core.generator.load import load_generator
from svp_core.generator.sampling import image_seeds, sample_tiles, sampler_of
from svp_core.model_files import find_model_folder
from svp_core.optics import scenes
from svp_core.quality import METRICS, compare
from svp_core.quality.text_table import LEGEND, as_table, number

HELD_OUT_SEED, TRAINING_SEED = 6, 0  # runs of the simulator: nothing was trained on or chosen by the first
MADE_SEED = 777
CHUNK = 250  # drawn tiles between two savings
SECTION = "## Quality"

# figure, what of it, (must lie from, to), (goal from, to). The numbers; what is missed is named.
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
    """Draw, make, measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", nargs="?", default="generator", help="name of a model or a run folder")
    parser.add_argument("--count", type=int, default=1000, help="made particles a class")
    parser.add_argument("--sampler", help="left out: standard")
    parser.add_argument(
        "--guidance", type=float, help="how far beyond its guide, or any class, instead of the sampler's"
    )
    parser.add_argument("--steps", type=int, help="network calls an image, instead of the sampler's")
    parser.add_argument("--training", type=int, default=2000, help="training particles a class to look for copies of")
    parser.add_argument("--classes", nargs="+", help="only these")
    parser.add_argument("--tiles", type=Path, help="folder to keep drawn and made tiles in")
    parser.add_argument("--out", type=Path, help="where to put the whole report")
    parser.add_argument("--write", action="store_true", help="put the table into the card")
    options = parser.parse_args()

    generator = load_generator(find_model_folder(options.run))
    keys = [key for key in generator.class_keys if not options.classes or key in options.classes]
    if not keys or not set(keys) <= set(scenes.KINDS):
        parser.error(
            f"only {', '.join(scenes.KINDS)} can be drawn; {options.run} makes {', '.join(generator.class_keys)}"
        )
    if options.tiles:
        options.tiles.mkdir(parents=True, exist_ok=True)
    sampler = sampler_of(generator.samplers, options.sampler)
    if options.guidance is not None:
        how = {"class_guidance": options.guidance, "autoguidance": options.guidance}
        sampler = replace(sampler, **how)
    sampler = replace(sampler, steps=options.steps or sampler.steps)

    held_out = {key: drawn(key, 2 * options.count, HELD_OUT_SEED, options.tiles) for key in keys}
    training = {key: drawn(key, options.training, TRAINING_SEED, options.tiles) for key in keys if options.training}
    made = {key: generated(generator, key, options.count, sampler, options.tiles) for key in keys}
    classifier = load_classifier(find_model_folder("resnet18"))
    report = finished(compare(real=held_out, synthetic=made, training=training or None, classifier=classifier))
    if options.out:
        options.out.write_text(json.dumps(report, indent=2) + "\n", "utf-8")
    lines = section(report, generator, sampler)
    print("", *lines, sep="\n")
    if options.write:
        write(generator.folder / "card.md", lines)


def drawn(key, count, run_seed, folder):
    """The first `count` simulated tiles of this class and run seed, uint8 (N, 64, 64); kept in `folder`, if given."""
    path = folder / f"drawn_{key}_{run_seed}.npy" if folder else None
    tiles = np.load(path) if path and path.is_file() else np.zeros((0, 64, 64), np.uint8)
    with ProcessPoolExecutor() as pool:
        for start in range(len(tiles), count, CHUNK):
            wanted = range(start, min(start + CHUNK, count))
            tiles = np.concatenate([tiles, list(pool.map(partial(_draw, key, run_seed), wanted, chunksize=10))])
            if path:
                np.save(path, tiles)
            tell(f"drawing {key}, run seed {run_seed}: {len(tiles)} of {count}")
    return tiles[:count]


def _draw(key, run_seed, k):
    return scenes.simulate(key, scenes.particle_seed(run_seed, k)).pixels


def generated(generator, key, count, sampler, folder):
    """The first `count` tiles of one class, uint8 (count, 64, 64); kept in `folder`, if given, for these weights."""
    weights = hashlib.sha256((generator.folder / "model.safetensors").read_bytes()).hexdigest()[:12]
    how = (sampler, *(getattr(generator.config, name, ()) for name in ("class_guidance", "level_means")))
    settings = hashlib.sha256(repr(how).encode()).hexdigest()[:12]
    path = folder / f"made_{key}_{weights}_{settings}.npy" if folder else None
    tiles = np.load(path) if path and path.is_file() else np.zeros((0, 64, 64), np.uint8)
    seeds, before, began = image_seeds(MADE_SEED, count)[len(tiles) :], len(tiles), time.monotonic()
    for _, more in sample_tiles(generator, key, seeds=seeds, sampler=sampler):
        tiles = np.concatenate([tiles, more])
        if path:
            np.save(path, tiles)
        rate = (time.monotonic() - began) / (len(tiles) - before)
        tell(f"making {key}: {len(tiles)} of {count}, {rate:.2f} s each")
    return tiles[:count]


def finished(steps):
    """What a generator of Progress returns."""
    while True:
        try:
            progress = next(steps)
        except StopIteration as end:
            return end.value
        tell(f"measured {progress.message}")


def section(report, generator, sampler):
    """Lines of Markdown: table, legend, what is met and what is not."""
    counts = next(iter(report["classes"].values()))
    how = f"{sampler.steps} steps"
    if hasattr(sampler, "guidance_of"):
        how += "; " + ", ".join(
            f"{key} {'autoguidance' if guidance.autoguidance else 'classifier-free guidance'} "
            f"{guidance.weight:g} at noise {guidance.interval[0]:g} to {guidance.interval[1]:g}"
            for label, key in enumerate(generator.class_keys)
            for guidance in [sampler.guidance_of(generator.config, label)]
        )
    said = (
        f"By `python benchmarks/generator_quality.py`: {generator.folder.name}, sampler {sampler.key} ({how}), "
        f"against held-out simulated particles (run seed {HELD_OUT_SEED}); copies were searched for among "
        f"{counts['n_training']:,} training tiles per class."
    )
    lines = [
        SECTION,
        "",
        said,
        "",
        *as_table(report),
        "",
        LEGEND,
        "",
        *(f"- {warning}" for warning in report["warnings"]),
        "",
    ]
    for said, place in (("Must", 2), ("Goal", 3)):
        missed = list(misses(report, place))
        lines += [f"{said}: " + ("all met." if not missed else "missed by " + "; ".join(missed) + "."), ""]
    return lines


def misses(report, place):
    """What misses its target (place 2: must, 3: goal), in words."""
    for target in TARGETS:
        low, high = target[place]
        for key, part in report["classes"].items():
            figure = part["figures"].get(target[0], {})
            value = figure.get(target[1])
            if target[0] == "ct_z" and figure:
                # Tiles that lie as near to real ones never trained on are no copies.
                value = max(value, value - figure["real"])
            if value is not None and not low <= value <= high:
                what = METRICS[target[0]].name + (" over its floor" if target[1] == "ratio" else "")
                asked = f"{low:g} to {high:g}" if np.isfinite([low, high]).all() else f"at most {high:g}"
                yield f"{what} of {key} {number(value)} ({asked if high < np.inf else f'at least {low:g}'})"


def write(card, lines):
    """Put the section into the card: in place of the one there, else before the measurements, else at the end."""
    text = card.read_text("utf-8")
    before, found, after = text.partition(f"{SECTION}\n")
    rest = after[after.find("\n## ") + 1 :] if found and "\n## " in after else ""
    if not found:
        place = text.find("## Measured")
        before, rest = (text, "") if place < 0 else (text[:place], text[place:])
    card.write_text(
        before.rstrip() + "\n\n" + "\n".join(lines).rstrip() + "\n" + (f"\n{rest}" if rest else ""), "utf-8"
    )
    tell(f"written into {card}")


def tell(text):
    """Where the work is, for the person at the terminal."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
