"""The units of an experiment: pools, then cells. Each is done once, in any process, and leaves one file.

A unit that is interrupted leaves nothing; done again it gives the same file on the same machine, whichever process does
it: every unit computes with one thread.
"""

import json
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from svp_core.errors import LabError
from svp_core.experiment import additions
from svp_core.experiment.additions import GENERATOR
from svp_core.experiment.cell import Pool, needs_features, run_cell, training_rows
from svp_core.experiment.design import (
    CLASSICAL,
    DIFFUSION,
    FINE_TUNED,
    SHIPPED,
    SIMULATOR,
    SOURCES,
    Design,
    parse_arm,
)
from svp_core.experiment.feature_map import build_map, set_distances
from svp_core.experiment.folds import Fold, split_folds
from svp_core.experiment.particles import RealParticles
from svp_core.experiment.stored import (
    MAP,
    design_from_config,
    read_pool,
    read_real,
    read_refusal,
    refusal_file,
    write_cell,
    write_map,
    write_pool,
    write_refusal,
)
from svp_core.model_files import find_model_folder
from svp_core.progress import Progress

FEATURE_MODEL = "resnet18"  # shipped model whose features are used


@dataclass(frozen=True)
class Unit:
    """One pool or cell."""

    seed: int
    source: str = ""  # of a pool
    real: int | None = None  # of a pool: real tiles of each minority class to learn from; None: all
    arm: str = ""  # key, of a cell
    network: str = ""  # of a cell

    @property
    def is_pool(self) -> bool:
        """Whether it makes tiles; else it trains and predicts."""
        return bool(self.source)

    def file(self, folder: Path) -> Path:
        """Where its result lies."""
        if self.is_pool:
            real = "all" if self.real is None else self.real
            return folder / "pools" / f"{self.source}_{real}_seed{self.seed}.npz"
        arm = self.arm.replace(":", "-").replace("/", "_only_").replace("@", "_real")
        return folder / "cells" / f"{self.network}_{arm}_seed{self.seed}.npz"

    def is_done(self, folder: Path) -> bool:
        """Whether it has its result or was refused."""
        return self.file(folder).is_file() or refusal_file(self.file(folder)).is_file()


def units_of(design: Design) -> list[Unit]:
    """All units, pools first; seed after seed, so that a part of the seeds is soon complete."""
    pools, cells = [], []
    for seed in range(design.seeds):
        for source in SOURCES:
            amounts = {design.pool_real(arm, source) for arm in design.parsed() if source in arm.sources}
            pools += [Unit(seed, source, real) for real in sorted(amounts, key=lambda n: (n is not None, n or 0))]
        cells += [Unit(seed, arm=arm.key, network=net) for net in design.networks for arm in design.parsed()]
    return pools + cells


def run_unit(folder: Path, unit: Unit) -> Generator[Progress, None, None]:
    """Do one unit and write its file, or the sentence with which it was refused; yields Progress."""
    import torch

    torch.set_num_threads(1)
    design, (real, blocks) = read_design(folder), read_real(folder)
    fold = split_folds(real.labels, real.class_keys, blocks=blocks, groups=real.groups, seed=unit.seed)
    path = unit.file(folder)
    try:
        if unit.is_pool:
            pool = yield from _make_pool(design, unit, real, fold)
            write_pool(path, pool)
        else:
            pools = _pools_of(folder, design, unit)
            cell = yield from run_cell(
                design,
                parse_arm(unit.arm),
                unit.network,
                unit.seed,
                real=real,
                features=read_features(folder, len(real.labels)),
                fold=fold,
                pools=pools,
            )
            write_cell(path, cell)
    except LabError as error:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_refusal(path, str(error))


def read_design(folder: Path) -> Design:
    """The design of an experiment's folder. Raises LabError where there is none."""
    try:
        return design_from_config(json.loads((folder / "design.json").read_text("utf-8"))["design"])
    except (OSError, ValueError, KeyError):
        raise LabError(f"{folder.name} holds no experiment; start one.") from None


def read_features(folder: Path, count: int) -> NDArray[np.float32]:
    """Features of the real particles, float32 (N, D); (N, 0) where no network needs them."""
    path = folder / "features.npy"
    return np.load(path, allow_pickle=False) if path.is_file() else np.zeros((count, 0), np.float32)


def embed(tiles: NDArray[np.uint8]) -> Generator[Progress, None, NDArray[np.float32]]:
    """Features of the shipped classifier, as embed_tiles gives them, float32 (N, 1408); yields Progress."""
    from svp_core.classifier.resnet import load_classifier
    from svp_core.embedding.features import embed_tiles

    return (yield from embed_tiles(load_classifier(find_model_folder(FEATURE_MODEL)), tiles))


def draw_feature_map(folder: Path) -> None:
    """Write the map and the distances of the first seed's pools; nothing where they are written already."""
    if (folder / MAP).is_file():
        return
    design, (real, blocks) = read_design(folder), read_real(folder)
    fold = split_folds(real.labels, real.class_keys, blocks=blocks, groups=real.groups, seed=0)
    pools = {}
    for unit in units_of(design):
        if unit.is_pool and unit.seed == 0 and unit.source not in pools and unit.file(folder).is_file():
            pools[unit.source] = read_pool(unit.file(folder))
    features = read_features(folder, len(real.labels))
    write_map(folder, build_map(real, features, fold, pools), set_distances(real, fold, pools))


def _make_pool(design: Design, unit: Unit, real: RealParticles, fold: Fold) -> Generator[Progress, None, Pool]:
    minority = [real.class_keys.index(key) for key in design.minority]
    rows = training_rows(fold, real.labels, minority, unit.real, seed=unit.seed)
    rows = rows[np.isin(real.labels[rows], minority)]
    tiles, labels, keys = real.tiles[rows], real.labels[rows], real.class_keys
    dose = design.needs(unit.source, unit.real)
    if unit.source == CLASSICAL:
        yield Progress(0, dose, "Augmenting")
        made = additions.augmented(tiles, labels, dose=dose, seed=unit.seed)
    elif unit.source == SIMULATOR:
        made = yield from additions.simulated(keys, minority, dose=dose, seed=unit.seed)
    elif unit.source == SHIPPED:
        generator, origin = additions.shipped_generator(find_model_folder(GENERATOR))
        made = yield from additions.generated(generator, origin, keys, minority, dose=dose, seed=unit.seed)
    elif unit.source in (DIFFUSION, FINE_TUNED):
        base = find_model_folder(GENERATOR) if unit.source == FINE_TUNED else None
        generator, origin = yield from additions.trained_in_fold(
            tiles, labels, keys, images=design.generator_images, seed=unit.seed, base=base
        )
        made = yield from additions.generated(generator, origin, keys, minority, dose=dose, seed=unit.seed)
    else:
        raise ValueError(f"{unit.source!r} is not a source")
    features = (yield from embed(made.tiles)) if needs_features(design) else np.zeros((len(made), 0), np.float32)
    return Pool(made, features)


def _pools_of(folder: Path, design: Design, unit: Unit) -> dict[str, Pool]:
    """Pools that a cell takes its tiles from. Raises LabError with the sentence of a refused one."""
    arm, pools = parse_arm(unit.arm), {}
    for source in arm.sources:
        path = Unit(unit.seed, source, design.pool_real(arm, source)).file(folder)
        if reason := read_refusal(path):
            raise LabError(f"The arm {arm.title!r} is refused: {reason}")
        pools[source] = read_pool(path)
    return pools
