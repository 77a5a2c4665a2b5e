"""What can be done as a job: kind -> task.

A task is a generator function (config, folder): it yields Progress after each finished step and leaves its files in
the folder. To stop it, stop iterating; what is finished stays. Called again with the same config and folder it goes
on where it stopped, or starts over. It knows no database and no screen, so that the command line can call it too.
Networks are imported only when a task runs.
"""

import csv
import hashlib
import json
import os
from pathlib import Path

import numpy as np

from svp_core.errors import LabError
from svp_core.progress import Progress
from svp_core.workspace.tilefile import append_tiles, read_tiles

MANIFEST_COLUMNS = ("image", "class", "run_seed", "position", "image_seed", "sampler", "steps", "weights", "kind")
MOST_IMAGES = 100_000  # of one order


def generate(config, folder):
    """Make synthetic particles of one class.

    config: class_key; count; seed (of the run, int >= 0); sampler (key of generator.sample.SAMPLERS); optional steps
    (instead of the sampler's own); optional weights (name or folder of a generator, default "generator").
    Makes tiles.npy, uint8 (N, 64, 64), and manifest.csv, a row a tile, both growing batch by batch and both complete
    up to Progress.step; provenance.json.
    """
    generator, sampler, steps = _ready_generator(config)
    class_key, count, seed = config["class_key"], config["count"], config["seed"]
    _check_order(generator, [class_key], count, seed)
    from svp_core.generator.sample import image_seeds, sample_tiles

    _write_json(folder / "provenance.json", {**_made_by(generator, sampler, steps), "class": class_key, "seed": seed})
    tiles_file, manifest = folder / "tiles.npy", folder / "manifest.csv"
    done = _finished_rows(manifest, tiles_file)
    seeds, making = image_seeds(seed, count), f"Making {count:,} images"
    yield Progress(done, count, making)
    batches = sample_tiles(generator, class_key, seeds=seeds[done:], sampler=sampler.key, steps=steps)
    with _open_manifest(manifest, done) as file:
        for start, tiles in batches:
            first = done + start
            append_tiles(tiles_file, tiles, after=first)
            made_so = (sampler.key, steps, generator.folder.name, "synthetic")
            csv.writer(file, lineterminator="\n").writerows(
                (f"{class_key}_{seed}_{position:05d}.png", class_key, seed, position, seeds[position], *made_so)
                for position in range(first, first + len(tiles))
            )
            file.flush()
            yield Progress(first + len(tiles), count, making)


def denoise(config, folder):
    """Record how particles come out of noise, step by step.

    config: class_keys; count (images of each class); seed, sampler, steps, weights as in generate.
    Makes trajectory.npz: noisy and clean, uint8 (S + 1, N, 64, 64), first axis from pure noise to the finished image;
    sigmas float (S + 1,); seeds int (N,); classes str (N,). It is written anew after each finished class.
    """
    generator, sampler, steps = _ready_generator(config)
    class_keys, count, seed = config["class_keys"], config["count"], config["seed"]
    _check_order(generator, class_keys, count, seed)
    from svp_core.generator.sample import image_seeds, trajectory

    seeds, total = image_seeds(seed, count), len(class_keys) * steps
    noisy, clean = [], []
    yield Progress(0, total, "Starting from noise")
    for position, class_key in enumerate(class_keys):
        walk = []
        for at in trajectory(generator, class_key, seeds=seeds, sampler=sampler.key, steps=steps):
            walk.append(at)
            if 0 < at.step < steps:
                yield Progress(position * steps + at.step, total, f"Step {at.step} of {steps}")
        noisy.append(np.stack([at.noisy for at in walk]))
        clean.append(np.stack([at.clean for at in walk]))
        made = class_keys[: position + 1]
        _replace(folder / "trajectory.npz", lambda file, walk=walk, made=made: np.savez(
            file, noisy=np.concatenate(noisy, axis=1), clean=np.concatenate(clean, axis=1),
            sigmas=np.array([at.sigma for at in walk]), seeds=np.array(seeds * len(made), np.int64),
            classes=np.repeat(np.array(made), count),
        ))  # fmt: skip
        yield Progress((position + 1) * steps, total, f"Step {steps} of {steps}")


def classify(config, folder):
    """Name and measure every particle of a source.

    config: source (path of anything instruments.sources reads); optional weights (name or folder of a classifier,
    default "resnet18"); optional um_per_px (instead of what the files say).
    Makes results.csv, a row for every offered item; tiles.npy, uint8 (N, 64, 64), the tiles of the rows with status ok
    in their order; summary.json. The first two grow batch by batch; starting again starts over.
    """
    um_per_px = config.get("um_per_px")
    if um_per_px is not None and not 0.01 <= um_per_px <= 100:
        raise LabError(f"A pixel of {um_per_px} um cannot be; give 0.01 to 100.")
    from svp_core.classifier.resnet import load_classifier
    from svp_core.instruments.sources import recognise
    from svp_core.results import ResultsWriter, classify_source, count_classes
    from svp_core.runs import find_run

    yield Progress(0, None, "Looking at the source")
    source = recognise(config["source"])
    classifier = load_classifier(find_run(config.get("weights") or "resnet18"))
    keys = classifier.config.class_keys
    append_tiles(folder / "tiles.npy", np.zeros((0, 64, 64), np.uint8), after=0)
    offered, kept, counts = 0, 0, {}
    yield Progress(0, source.count, f"Reading {source.title}")
    with (folder / "results.csv").open("w", encoding="utf-8", newline="") as file:
        writer = ResultsWriter(file, keys)
        for chunk in classify_source(config["source"], classifier, um_per_px=um_per_px):
            append_tiles(folder / "tiles.npy", chunk.tiles, after=kept)
            writer.write(chunk)
            file.flush()
            offered, kept = offered + len(chunk.rows), kept + len(chunk.tiles)
            counts = {key: counts.get(key, 0) + number for key, number in count_classes(chunk.rows).items()}
            _write_json(folder / "summary.json", {
                "title": source.title, "kind": source.kind, "source": str(config["source"]), "notes": source.notes,
                "um_per_px": um_per_px or source.um_per_px,
                "um_per_px_from": "given by you" if um_per_px else source.um_per_px_from,
                "weights": classifier.folder.name, "offered": offered, "named": kept, "rejected": offered - kept,
                "counts": counts,
            })  # fmt: skip
            yield Progress(offered, source.count, f"{kept:,} particles named")


TASKS = {"generate": generate, "denoise": denoise, "classify": classify}


def _ready_generator(config):
    """(Generator, Sampler, steps) that a config asks for."""
    from svp_core.generator.sample import SAMPLERS
    from svp_core.generator.unet import load_generator
    from svp_core.runs import find_run

    sampler = SAMPLERS.get(config.get("sampler", "standard"))
    if sampler is None:
        raise LabError(f"There is no sampler {config['sampler']!r}; use {', '.join(SAMPLERS)}.")
    steps = config.get("steps") or sampler.steps
    if not 2 <= steps <= 1000:
        raise LabError(f"{steps} denoising steps were asked for; 2 to 1,000 can be made.")
    return load_generator(find_run(config.get("weights") or "generator")), sampler, steps


def _check_order(generator, class_keys, count, seed):
    unknown = [key for key in class_keys if key not in generator.class_keys]
    if unknown or not class_keys:
        made = ", ".join(generator.class_keys)
        raise LabError(f"This generator makes {made}; it was asked for {', '.join(unknown) or 'no class'}.")
    if not 1 <= count <= MOST_IMAGES:
        raise LabError(f"{count} images were asked for; 1 to {MOST_IMAGES:,} can be made at once.")
    if seed < 0:
        raise LabError(f"The seed {seed} is negative; use 0 or a larger whole number.")


def _made_by(generator, sampler, steps):
    """Which model made it, and how: what a data set has to say about its parents."""
    files = {"card_sha256": "card.md", "weights_sha256": "model.safetensors"}
    parents = {name: _sha256(generator.folder / file) for name, file in files.items()}
    return {"made_by": "generator", "weights": generator.folder.name, **parents, "sampler": sampler.key, "steps": steps}


def _sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def _finished_rows(manifest, tiles_file):
    """How many tiles are finished: in the manifest, by a whole line, and in the file of tiles."""
    if not (manifest.is_file() and tiles_file.is_file()):
        return 0
    return min(max(0, manifest.read_bytes().count(b"\n") - 1), len(read_tiles(tiles_file)))


def _open_manifest(manifest, done):
    """The manifest, open for further rows behind its head and the first `done` ones; what a crash left is dropped."""
    lines = manifest.read_text("utf-8").splitlines(keepends=True) if done else [",".join(MANIFEST_COLUMNS) + "\n"]
    _replace(manifest, lambda file: file.write("".join(lines[: done + 1]).encode()))
    return manifest.open("a", encoding="utf-8", newline="")


def _write_json(path, content):
    _replace(path, lambda file: file.write((json.dumps(content, indent=2) + "\n").encode()))


def _replace(path, write):
    """Let write(file) fill a new file and put it in place of the old one at once: nobody reads half of it."""
    unfinished = Path(f"{path}.part")
    with unfinished.open("wb") as file:
        write(file)
    os.replace(unfinished, path)
