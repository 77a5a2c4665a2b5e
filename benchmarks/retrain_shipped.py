"""Retrain every shipped model from nothing: simulated tiles, generator with guide, classifiers, references, cards.

    python benchmarks/retrain_shipped.py --out FOLDER [--scale 0.0001]

The recipe of weights/*/card.md, nearly as the shipped models were trained: those were trained in parts, while
simulator, laws and noise distribution still changed; here each model is trained once, with the final settings, and
tiles are held out for its checks. FOLDER/generator, resnet18, resnet18_six and resnet50 are complete model folders;
FOLDER/work holds tiles, the unguided generator and its guide, and the short training that both ResNet-18 learn from.
Finished parts are skipped, so that an interrupted run continues. --scale 1 takes many hours on one CPU core (the
shipped generator alone took about 5); --scale 0.0001 takes minutes and only shows that every step works.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from _distilled_resnet18 import train_student
from _distilled_resnet50 import train_deeper_student
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]

from svp_core.classifier.resnet import load_classifier
from svp_core.classifier.training_loop import ClassifierTrainingPlan
from svp_core.datasets.labelled_tiles import LabelledTiles
from svp_core.generator.autoguidance import attach_guide
from svp_core.generator.training_loop import GeneratorTrainingPlan
from svp_core.model_files import read_model_folder
from svp_core.optics import scenes
from svp_core.optics.imaging_conditions import LAWS
from svp_core.progress import Progress, run_to_end
from svp_core.quality.report import MIN_IMAGES
from svp_core.training.all_stages import fit_all_stages
from svp_core.training.classifier import train_classifier
from svp_core.training.generator import train_generator
from svp_core.training.last_layer import save_last_layer

CLASSES = ("protein", "silicone_oil", "air_bubble")


@dataclass(frozen=True)
class TileSet:
    """Simulated particles 0 to count - 1 of each class, of one run of the simulator."""

    run_seed: int
    law: str  # key of viewing.LAWS
    count: int  # per class


GENERATOR_TILES = (TileSet(0, "usual", 10_000),)
CLASSIFIER_TILES = (TileSet(5, "soft", 2_500), TileSet(0, "usual", 500))
LAST_LAYER_TILES = (TileSet(71, "usual", 3_000), TileSet(73, "soft", 1_600), TileSet(74, "fine", 900))
VALIDATION_TILES = (TileSet(11, "other", 700),)  # instruments that nothing is trained on
GENERATOR_IMAGES, GUIDE_IMAGES = 1_065_600, 256_000  # shown in training; the guide is the weaker model
GENERATOR_SETTINGS: dict[str, Any] = {}  # of GeneratorConfig; the defaults are those of the shipped network
BATCH, LEARNING_RATE = 32, 8e-4
CLASS_GUIDANCE = {"protein": 3.0}  # weight of classifier-free guidance; the other classes use autoguidance
LEVEL_OFFSET = {"protein": -5.0, "silicone_oil": -5.0}  # grey levels
EPOCHS = {"resnet18": 2.6, "resnet50": 8.0}  # of the short trainings that the students start or learn from
STUDENTS = ("resnet18", "resnet18_six", "resnet50")  # see _distilled_resnet18.py and _distilled_resnet50.py
REFERENCE_COUNT = 1_000  # held-out particles per class for confusion references and figures
COMPARED_TRAINING = 2_000  # training particles per class searched for copies

GUIDANCE = """## Guidance

- The guide is the same network after {guide_images:,} images (autoguidance, Karras et al. 2024, arXiv 2406.02507).
- Classifier-free guidance instead, with its weight: {class_guidance}.
- Grey levels added to the mean level that sampling starts from: {level_offset}.

"""
TERMS = """## Method and licence

The method follows Ozbulak et al., "Generative AI for sub-visible particles", J. Pharm. Sci. 2026, arXiv:2508.06021:
a diffusion model of particle tiles, and ResNets on tiles. Retrained by `python benchmarks/retrain_shipped.py`{scale}.
Add what the model is for, and its limits, before it is shipped.

Licence: Apache-2.0, as the rest of this repository; trained on simulated particles only, without images or weights of
others.

"""
MEASURED = "## Measured\n"  # heading that shipped_weights.py replaces with everything below it


def main(arguments: Sequence[str] | None = None) -> None:
    """Simulate, train, measure, and write the cards."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the new models")
    parser.add_argument("--scale", type=float, default=1.0, help="factor on all counts, above 0 and up to 1")
    options = parser.parse_args(arguments)
    if not 0 < options.scale <= 1:
        parser.error("--scale must be above 0 and at most 1")
    out, work, scale = options.out, options.out / "work", options.scale
    work.mkdir(parents=True, exist_ok=True)
    _train_generators(out, work, scale)
    for architecture, epochs in EPOCHS.items():
        _train_classifier(architecture, epochs, out, work, scale)
    for name in ("generator", *STUDENTS):
        _complete_card(out / name, scale)
    _measure(out, STUDENTS, scale)
    tell(f"finished: {', '.join(str(out / name) for name in ('generator', *STUDENTS))}")


def _train_generators(out: Path, work: Path, scale: float) -> None:
    """The generator and its guide, each from random weights, then both in one model folder."""
    for name, images in (("unguided", GENERATOR_IMAGES), ("guide", GUIDE_IMAGES)):
        if (work / name / "config.json").is_file():
            continue
        tell(f"training {name}")
        plan = GeneratorTrainingPlan(images=scaled(images, scale, 4 * BATCH), batch=BATCH, learning_rate=LEARNING_RATE)
        few_checks = {} if scale == 1 else {"checks": 1, "check_images": 8, "audited": 0}
        settings = {"plan": plan, "note": describe(GENERATOR_TILES, scale), "choices": GENERATOR_SETTINGS, **few_checks}
        run_to_end(train_generator(labelled(GENERATOR_TILES, work, scale), work / name, **settings), tell_progress)
    if not (out / "generator" / "config.json").is_file():
        attach_guide(
            work / "unguided",
            work / "guide",
            out / "generator",
            class_guidance=CLASS_GUIDANCE,
            level_offset=LEVEL_OFFSET,
        )


def _train_classifier(architecture: str, epochs: float, out: Path, work: Path, scale: float) -> None:
    """A short training of the network, and the students that start or learn from it."""
    trained = work / architecture
    if not (trained / "config.json").is_file():
        tell(f"training {architecture}")
        run_to_end(
            train_classifier(
                labelled(CLASSIFIER_TILES, work, scale),
                trained,
                validation=labelled(VALIDATION_TILES, work, scale),
                architecture=architecture,
                plan=ClassifierTrainingPlan(epochs=epochs),
                note=describe(CLASSIFIER_TILES, scale),
            ),
            tell_progress,
        )
    if (out / architecture / "config.json").is_file():
        return
    validation = labelled(VALIDATION_TILES, work, scale)

    def draw(kind, run_seed, law, count):
        return simulated(kind, TileSet(run_seed, law, count), scaled(count, scale, 36), work)

    tell(f"training the students of {architecture}")
    if architecture == "resnet18":
        short = _with_all_stages(trained, validation, work, scale)
        train_student(short, validation, draw, out, scale=scale, tell=tell_progress)
    else:
        teacher, student = out / "resnet18", out / architecture
        train_deeper_student(trained, teacher, validation, draw, student, scale=scale, tell=tell_progress)


def _with_all_stages(trained: Path, validation: LabelledTiles, work: Path, scale: float) -> Path:
    """Model folder of this network with a last layer of all stages, fitted when first asked for."""
    folder = work / f"{trained.name}_all_stages"
    if not (folder / "config.json").is_file():
        tell(f"fitting the last layer of {trained.name}")
        data = labelled(LAST_LAYER_TILES, work, scale)
        fitted = run_to_end(fit_all_stages(load_classifier(trained), data, validation=validation), tell_progress)
        save_last_layer(fitted, folder, counts=data.counts(), note=describe(LAST_LAYER_TILES, scale))
    return folder


def scaled(count: float, scale: float, least: int) -> int:
    """The count times the scale, rounded, at least `least`."""
    return max(least, round(count * scale))


def labelled(tile_sets: Sequence[TileSet], work: Path, scale: float) -> LabelledTiles:
    """The simulated tiles of these sets, stored in `work` when first drawn."""
    tiles, labels, names = [], [], []
    for tile_set in tile_sets:
        count = scaled(tile_set.count, scale, 36)  # a generator needs 25 per class after the held-out tiles are removed
        for label, key in enumerate(CLASSES):
            tiles.append(simulated(key, tile_set, count, work))
            labels += [label] * count
            names += [f"{key}/{tile_set.law}_{scenes.particle_seed(tile_set.run_seed, k)}" for k in range(count)]
    return LabelledTiles(np.concatenate(tiles), np.array(labels), CLASSES, tuple(names), ())


def simulated(key: str, tile_set: TileSet, count: int, work: Path) -> NDArray[np.uint8]:
    """Simulated tiles (count, 64, 64) of one class."""
    path = work / f"{key}_{tile_set.law}_{tile_set.run_seed}_{count}.npy"
    if not path.is_file():
        tell(f"simulating {count:,} x {key}, run seed {tile_set.run_seed}, {tile_set.law} instruments")
        with ProcessPoolExecutor() as pool:
            draw = partial(_pixels, key, tile_set.run_seed, tile_set.law)
            np.save(path, np.stack(list(pool.map(draw, range(count), chunksize=10))))
    return np.load(path)


def _pixels(key, run_seed, law, k):
    return scenes.simulate(key, scenes.particle_seed(run_seed, k), law=LAWS[law]).pixels


def describe(tile_sets: Sequence[TileSet], scale: float) -> str:
    """One sentence about the tiles, for config and card."""
    parts = (f"{scaled(each.count, scale, 36):,} of run seed {each.run_seed} ({each.law} law)" for each in tile_sets)
    return f"Simulated particles: svp_core.optics, per class {' and '.join(parts)}."


def _complete_card(folder: Path, scale: float) -> None:
    """Add guidance, method and licence to the card that the training wrote, once, before its measured figures."""
    card = read_model_folder(folder).card
    if "## Method and licence" in card:
        return
    sections = TERMS.format(scale="" if scale == 1 else f" with --scale {scale:g}, so it is of no practical use")
    if folder.name == "generator":
        card = card.replace("# unguided\n", f"# {folder.name}\n", 1)
        guidance, offset = (", ".join(f"{k} {v:g}" for k, v in each.items()) for each in (CLASS_GUIDANCE, LEVEL_OFFSET))
        images = scaled(GUIDE_IMAGES, scale, 4 * BATCH)
        sections = GUIDANCE.format(guide_images=images, class_guidance=guidance, level_offset=offset) + sections
    before, heading, figures = card.partition(MEASURED)
    (folder / "card.md").write_text(f"{before.rstrip()}\n\n{sections}{heading}{figures}".rstrip() + "\n", "utf-8")


def _measure(out: Path, classifiers: Sequence[str], scale: float) -> None:
    """Confusion references, and the measured sections of the cards, by the benchmarks that write them."""
    count = scaled(REFERENCE_COUNT, scale, 20)
    run("reference.py", *(out / name for name in classifiers), "--count", count)
    if count >= MIN_IMAGES:
        compared = scaled(COMPARED_TRAINING, scale, MIN_IMAGES)
        run("generator_quality.py", out / "generator", "--count", count, "--training", compared, "--write")
    else:
        tell(f"quality of the generator is not measured: {count} images are fewer than {MIN_IMAGES}")
    held_out, generated = scaled(300, scale, 10), scaled(200, scale, 4)
    run("shipped_weights.py", "--models", out, "--count", held_out, "--made", generated, "--write")
    folders = [out / name for name in classifiers]
    run("accuracy_by_magnification.py", *folders, "--count", scaled(30, scale, 4), "--write")


def run(script: str, *arguments: object) -> None:
    """Run another benchmark to its end."""
    tell(f"running {script}")
    subprocess.run([sys.executable, ROOT / "benchmarks" / script, *map(str, arguments)], cwd=ROOT, check=True)


def tell(text: str) -> None:
    """Print one line to the terminal."""
    print(text, file=sys.stderr, flush=True)


def tell_progress(progress: Progress) -> None:
    """Print every hundredth part of a training."""
    if progress.total and progress.loss is not None and progress.step % max(1, progress.total // 100) == 0:
        tell(f"  step {progress.step:,} of {progress.total:,}, loss {progress.loss:.3f}")


if __name__ == "__main__":
    main()
