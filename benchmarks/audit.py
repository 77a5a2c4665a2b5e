"""Audit of a generator of the shipped classes: are the simulated tiles it was trained on told from others?

    python benchmarks/audit.py [MODEL] [--count 350] [--made 100] [--tiles FOLDER] [--out FOLDER] [--write]

MODEL: name of a model or a model folder, by default the shipped generator. Simulates --count particles per class that
it was trained on (run seed 0) and as many of a run seed that nothing was trained on, chosen or fitted by. The
reference, a generator that saw neither, is a small one trained here on a third run seed for a few minutes. Prints the
verdict of svp_core.generator_audit and its figures, each with its interval and with what chance gives.
--tiles: folder in which tiles and reference are stored and reused, so that an interrupted run continues: simulating
2,100 tiles takes four minutes on one core, the audit about six. --out: folder for the report. --write: put the verdict
into the model's card.md as its section Audit.
"""

import argparse
import json
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from _card_section import write_section

from svp_core.datasets.labelled_tiles import LabelledTiles
from svp_core.generator import unet
from svp_core.generator.load import load_generator
from svp_core.generator.sampling import image_seeds, sample_tiles
from svp_core.generator.training_loop import GeneratorTraining, GeneratorTrainingPlan, config_for, with_level_offsets
from svp_core.generator_audit.audit import audit_generator
from svp_core.generator_audit.model_verdict import audit_text, summary
from svp_core.generator_audit.tiles import choose_tiles
from svp_core.model_files import find_model_folder, save_model, weights_sha256
from svp_core.optics import scenes
from svp_core.optics.imaging_conditions import AGGREGATE_LAW
from svp_core.progress import run_to_end
from svp_core.report.generator_audit import membership_rows, write_audit_report

# Particles 0 to 9,999 of each class of run seed 0 were the training tiles; their protein was drawn by the law of that
# time. On the two other run seeds nothing was trained, chosen or fitted.
TRAINING_SEED, HELD_OUT_SEED, REFERENCE_SEED = 0, 2016, 2017
LAW = AGGREGATE_LAW
MADE_SEED = 778
REFERENCE_TILES, REFERENCE_IMAGES = 200, 12_000  # per class; shown in training
CHUNK = 150  # simulated tiles between two saves
MOST = 100_000
SECTION = "## Audit"


def main():
    """Simulate, train the reference, audit, print, and write where requested."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("model", nargs="?", default="generator", help="name of a model or a model folder")
    parser.add_argument("--count", type=int, default=350, help="particles per class in each set")
    parser.add_argument("--made", type=int, default=100, help="generated per class, to search for copies")
    parser.add_argument("--tiles", type=Path, help="folder to store tiles and reference in")
    parser.add_argument("--out", type=Path, help="folder for report.html and report.json")
    parser.add_argument("--write", action="store_true", help="put the verdict into the card")
    options = parser.parse_args()
    folder = find_model_folder(options.model)
    generator = load_generator(folder)
    keys = [key for key in generator.class_keys if key in scenes.KINDS]
    with TemporaryDirectory() as temporary:
        store = options.tiles or Path(temporary)
        store.mkdir(parents=True, exist_ok=True)
        training, held_out = (
            labelled(keys, options.count, run_seed, store) for run_seed in (TRAINING_SEED, HELD_OUT_SEED)
        )
        reference = trained_reference(keys, store)
        made = {key: generated(generator, key, options.made, store) for key in keys}
        auditing = audit_generator(
            generator,
            choose_tiles(training, held_out, most=MOST),
            reference=reference,
            reference_name=f"a small generator trained on {REFERENCE_TILES} tiles per class of another run seed",
            generated=made,
        )
        result = run_to_end(auditing, tell_progress)
    report = {"generator": folder.name, "generated": {key: len(each) for key, each in made.items()}, **result.report}
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "report.json").write_text(json.dumps(report, indent=2) + "\n", "utf-8")
        write_audit_report(report, result.exposed, result.nearest, options.out / "report.html")
    lines = section(report)
    print("", *lines, sep="\n")
    if options.write:
        write_section(folder / "card.md", SECTION, lines)
        tell(f"written into {folder / 'card.md'}")


def labelled(keys, count, run_seed, store):
    """The first particles of each class of a run seed, drawn as the training tiles were."""
    tiles = np.concatenate([simulated(key, count, run_seed, store) for key in keys])
    names = tuple(f"{key}_{run_seed}_{k:05d}" for key in keys for k in range(count))
    return LabelledTiles(tiles, np.repeat(np.arange(len(keys)), count), tuple(keys), names, ())


def simulated(key, count, run_seed, store):
    """The first `count` simulated tiles of this class and run seed, uint8 (N, 64, 64)."""
    path = store / f"{key}_{run_seed}.npy"
    tiles = np.load(path) if path.is_file() else np.zeros((0, 64, 64), np.uint8)
    with ProcessPoolExecutor() as pool:
        for start in range(len(tiles), count, CHUNK):
            numbers = range(start, min(start + CHUNK, count))
            tiles = np.concatenate([tiles, list(pool.map(partial(_draw, key, run_seed), numbers, chunksize=10))])
            np.save(path, tiles)
            tell(f"simulating {key}, run seed {run_seed}: {len(tiles)} of {count}")
    return tiles[:count]


def _draw(key, run_seed, k):
    return scenes.simulate(key, scenes.particle_seed(run_seed, k), law=LAW).pixels


def trained_reference(keys, store):
    """A generator that saw neither set: small, trained on a third run seed."""
    folder = store / "reference"
    if not (folder / "config.json").is_file():
        data = labelled(keys, REFERENCE_TILES, REFERENCE_SEED, store)
        config = with_level_offsets(
            config_for(data.tiles, keys, channels=(32, 64, 96), dropout=0.1), data.tiles, data.labels
        )
        plan = GeneratorTrainingPlan(images=REFERENCE_IMAGES, warmup_steps=40)
        training = GeneratorTraining(config, plan, device=torch.device("cpu"))
        for progress in training.run(data.tiles, data.labels):
            if progress.step % 50 == 0:
                tell(f"training the reference: step {progress.step} of {progress.total}, loss {progress.loss:.3f}")
        tensors = training.ema.state_dict()
        save_model(folder, config=unet.config_as_dict(config), tensors=tensors, card="", history=[])
    return load_generator(folder)


def generated(generator, key, count, store):
    """The first `count` generated tiles of one class, uint8 (count, 64, 64)."""
    path = store / f"made_{key}_{weights_sha256(generator.folder)[:12]}.npy"
    tiles = np.load(path) if path.is_file() else np.zeros((0, 64, 64), np.uint8)
    for _, more in sample_tiles(generator, key, seeds=image_seeds(MADE_SEED, count)[len(tiles) :]):
        tiles = np.concatenate([tiles, more])
        np.save(path, tiles)
    tell(f"generated {key}: {count}")
    return tiles[:count]


def section(report):
    """Lines of Markdown: verdict, figures, origin."""
    lines = [SECTION, "", audit_text(summary(report)), ""]
    if report["membership"] is not None:
        lines += ["| figure | training, held-out tiles | value (95 %) | chance |", "|---|---|---|---|"]
        lines += [f"| {' | '.join(row)} |" for row in membership_rows(report["membership"])] + [""]
    lines += [
        f"By `python benchmarks/audit.py`: training tiles are the first simulated particles of run seed "
        f"{TRAINING_SEED}, held-out tiles those of run seed {HELD_OUT_SEED}, by which nothing was trained, chosen or "
        "fitted; both with the protein of that time. A first part of the training used an earlier simulator, whose "
        "tiles are not among them.",
        "",
    ]
    return lines


def tell_progress(progress):
    """Print every hundredth step."""
    if progress.step % 100 == 0:
        tell(f"{progress.message}: {progress.step} of {progress.total}")


def tell(text):
    """Print progress to the terminal."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
