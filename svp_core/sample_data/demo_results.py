"""Demo results of the home page: the sample particles as classified by the shipped model, and recorded trajectories.

Created with the shipped models, so rebuild them when these change; the simulated data beside them are not changed.
"""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from svp_core.classification.classify import classify_records
from svp_core.classification.results_csv import ResultsWriter
from svp_core.instruments.records import ParticleRecord
from svp_core.particle_classes import CLASSES
from svp_core.progress import Progress

if TYPE_CHECKING:
    from svp_core.classifier.resnet import Classifier
    from svp_core.generator.unet import Generator

BATCH_SIZE = 96
TRAJECTORIES_PER_CLASS = 4
TRAJECTORY_SEED = 1


def build_demo_results(folder: Path | str, *, classifier: "Classifier", generator: "Generator") -> Iterator[Progress]:
    """Yield Progress; writes results.csv (one row per tile of tiles.npy) and trajectory.npz (standard sampler)."""
    folder = Path(folder)
    tiles = np.load(folder / "tiles.npy", mmap_mode="r", allow_pickle=False)
    with (folder / "particles.csv").open(newline="", encoding="utf-8") as file:
        truth = list(csv.DictReader(file))
    total = len(tiles) + len(CLASSES)
    with (folder / "results.csv").open("w", newline="", encoding="utf-8") as file:
        writer = ResultsWriter(file, classifier.config.class_keys)
        for start in range(0, len(tiles), BATCH_SIZE):
            rows = zip(tiles[start : start + BATCH_SIZE], truth[start : start + BATCH_SIZE], strict=True)
            writer.write(classify_records([_record(*row) for row in rows], classifier))
            yield Progress(min(start + BATCH_SIZE, len(tiles)), total, "particles classified")
    yield from _record_trajectories(folder / "trajectory.npz", generator, done=len(tiles), total=total)


def _record(tile: NDArray[np.uint8], row: Mapping[str, str]) -> ParticleRecord:
    return ParticleRecord(
        name=row["image"],
        source="sample particles",
        pixels=np.array(tile),
        um_per_px=float(row["um_per_px"]),
        given=row["class"],
    )


def _record_trajectories(path: Path, generator: "Generator", *, done: int, total: int) -> Iterator[Progress]:
    from svp_core.generator.sampling import image_seeds, trajectory

    seeds, trajectories = image_seeds(TRAJECTORY_SEED, TRAJECTORIES_PER_CLASS), []
    for position, key in enumerate(generator.class_keys, 1):
        trajectories.append(list(trajectory(generator, key, seeds=seeds)))
        yield Progress(done + position, total, "classes recorded")
    np.savez_compressed(
        path,
        noisy=np.concatenate([[step.noisy for step in steps] for steps in trajectories], axis=1),
        clean=np.concatenate([[step.clean for step in steps] for steps in trajectories], axis=1),
        sigmas=np.array([step.sigma for step in trajectories[0]]),
        seeds=np.array(seeds * len(trajectories), np.int64),
        classes=np.repeat(np.array(generator.class_keys), len(seeds)),
    )
