"""What an arm adds: synthetic tiles of the minority classes, each with the real tiles behind it."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svp_core.augmentation import augment_tiles
from svp_core.errors import LabError
from svp_core.experiment.design import SHIPPED, SIMULATOR, SOURCES
from svp_core.experiment.leak_guard import Origin, SyntheticTiles, join_synthetic, tile_id, tile_ids
from svp_core.progress import Progress

_SIMULATED_RUN, _GENERATED_RUN = 880, 881  # run seeds that nothing else uses; the seed of the experiment is added
_DRAWN_AS = {"other": ("opaque", "cell")}  # class -> kinds that the simulator draws; of others, the kind itself
GENERATOR = "generator"  # the shipped one
FEW_TILES, FEW_DROPOUT = 5000, 0.1
FINE_TUNING_RATE = 1 / 3  # factor on the learning rate when training starts from the shipped generator


def augmented(tiles: NDArray[np.uint8], labels: NDArray[np.integer], *, dose: int, seed: int) -> SyntheticTiles:
    """`dose` augmented tiles of each class among the labels; each has its one parent."""
    parts = []
    for label in np.unique(labels):
        parents = tiles[labels == label]
        words = [np.random.SeedSequence([seed, int(label), k]).generate_state(1)[0] for k in range(dose)]
        made, parent = augment_tiles(parents, seeds=[int(word) for word in words])
        origins = tuple(Origin("classical augmentation", frozenset([tile_id(tile)]), is_drawn=True) for tile in parents)
        parts.append(SyntheticTiles(made, np.full(dose, label), origins, parent))
    return join_synthetic(parts)


def simulated(
    class_keys: Sequence[str], labels: Sequence[int], *, dose: int, seed: int
) -> Generator[Progress, None, SyntheticTiles]:
    """`dose` simulated tiles of each of these labels; they have no parents. Yields Progress."""
    from svp_core.optics import scenes

    parts = []
    for label in _possible(class_keys, labels, {*scenes.KINDS, *_DRAWN_AS}, "The simulator"):
        key, made = class_keys[label], []
        drawn_as = _DRAWN_AS.get(key, (key,))
        for k in range(dose):
            particle = scenes.particle_seed((_SIMULATED_RUN + 2 * seed) * 10 + label, k)
            made.append(scenes.simulate(drawn_as[k % len(drawn_as)], particle).pixels)
            if (k + 1) % 50 == 0:
                yield Progress(k + 1, dose, f"Simulating {key}")
        parts.append(_of_one_origin(np.stack(made), label, Origin("the simulator", frozenset(), is_drawn=True)))
    return join_synthetic(parts)


def generated(
    generator: Any, origin: Origin, class_keys: Sequence[str], labels: Sequence[int], *, dose: int, seed: int
) -> Generator[Progress, None, SyntheticTiles]:
    """`dose` tiles of each of these labels from a generator. Yields Progress."""
    from svp_core.generator.sampling import image_seeds, sample_tiles

    parts = []
    for label in _possible(class_keys, labels, set(generator.class_keys), origin.name):
        seeds, made = image_seeds((_GENERATED_RUN + 2 * seed) * 10 + label, dose), []
        for start, tiles in sample_tiles(generator, class_keys[label], seeds=seeds):
            made.append(tiles)
            yield Progress(start + len(tiles), dose, f"Generating {class_keys[label]}")
        parts.append(_of_one_origin(np.concatenate(made), label, replace(origin, is_drawn=True)))
    return join_synthetic(parts)


def shipped_generator(folder: Path) -> tuple[Any, Origin]:
    """(the shipped generator, its origin): it was trained on simulated tiles alone, so no real tile is behind it."""
    from svp_core.generator.load import load_generator

    return load_generator(folder), Origin("the shipped generator", frozenset(), is_drawn=True)


def possible_sources(class_keys: Sequence[str]) -> tuple[str, ...]:
    """Sources that can make tiles of at least one of these classes; what is trained in the fold makes any."""
    from svp_core.model_files import find_model_folder, read_model_folder
    from svp_core.optics.scenes import KINDS

    config = read_model_folder(find_model_folder(GENERATOR)).config
    known = {SHIPPED: set(config["generator"]["class_keys"]), SIMULATOR: {*KINDS, *_DRAWN_AS}}
    return tuple(source for source in SOURCES if source not in known or known[source] & set(class_keys))


def trained_in_fold(
    tiles: NDArray[np.uint8],
    labels: NDArray[np.integer],
    class_keys: Sequence[str],
    *,
    images: int,
    seed: int,
    base: Path | None = None,
    choices: Mapping[str, Any] | None = None,
) -> Generator[Progress, None, tuple[Any, Origin]]:
    """(generator, its origin), trained on these tiles of the training fold alone; yields Progress.

    labels: positions in class_keys; classes without tiles are not learnt. base: model folder of the shipped generator
    to start from, None: random weights. images: shown in all. choices: fields of GeneratorConfig from random weights.
    """
    from svp_core.device import best_device
    from svp_core.generator import unet
    from svp_core.generator.training_loop import (
        GeneratorTraining,
        GeneratorTrainingPlan,
        config_for,
        init_from,
        with_level_offsets,
    )

    present = np.unique(labels)
    keys = [class_keys[int(label)] for label in present]
    own = np.searchsorted(present, labels)
    dropout, device = FEW_DROPOUT if len(tiles) < FEW_TILES else 0.0, best_device()
    plan = GeneratorTrainingPlan(images=images, seed=seed, batch=32 if device.type == "cpu" else 256)
    name = "diffusion trained in the training fold"
    if base is None:
        config, start = config_for(tiles, keys, **{"dropout": dropout, **(choices or {})}), None
    else:
        config, start = init_from(unet.load_generator(base, device=device), keys, dropout=dropout)
        plan = replace(plan, learning_rate=plan.learning_rate * FINE_TUNING_RATE)
        name = "diffusion fine-tuned in the training fold"
    plan = replace(plan, warmup_steps=max(1, min(plan.warmup_steps, plan.steps // 10)))
    training = GeneratorTraining(with_level_offsets(config, tiles, own), plan, device=device, start=start)
    for progress in training.run(tiles, own):
        yield Progress(progress.step, plan.steps, "Training a generator", progress.loss)
    return training.generator, Origin(name, frozenset(tile_ids(tiles)), is_drawn=True)


def _of_one_origin(tiles, label, origin):
    return SyntheticTiles(tiles, np.full(len(tiles), label), (origin,), np.zeros(len(tiles), np.int64))


def _possible(class_keys, labels, known, name):
    """Those of the labels that a source can make. Raises LabError where it can make none."""
    possible = [int(label) for label in labels if class_keys[label] in known]
    if not possible:
        wanted = ", ".join(class_keys[label] for label in labels)
        raise LabError(f"{name[:1].upper()}{name[1:]} makes none of {wanted}; it knows {', '.join(sorted(known))}.")
    return possible
