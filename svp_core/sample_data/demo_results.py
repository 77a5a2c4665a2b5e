"""What the first page shows at once: the sample particles as the shipped classifier names them, a recorded denoising.

Made with the shipped models, so it is made again when they change; the simulated data beside it are not touched.
"""

import csv
from pathlib import Path

import numpy as np

from svp_core.classification.classify import classify_records
from svp_core.classification.results_csv import ResultsWriter
from svp_core.instruments.records import ParticleRecord
from svp_core.particle_classes import CLASSES
from svp_core.progress import Progress

BATCH_SIZE = 96
TRAJECTORIES_PER_CLASS = 4
TRAJECTORY_SEED = 1


def build_demo_results(folder, *, classifier, generator):
    """Yield Progress; writes results.csv (a row a tile of tiles.npy) and trajectory.npz (standard sampler)."""
    folder = Path(folder)
    tiles = np.load(folder / "tiles.npy", mmap_mode="r", allow_pickle=False)
    with open(folder / "particles.csv", newline="", encoding="utf-8") as file:
        truth = list(csv.DictReader(file))
    total = len(tiles) + len(CLASSES)
    with open(folder / "results.csv", "w", newline="", encoding="utf-8") as file:
        writer = ResultsWriter(file, classifier.config.class_keys)
        for start in range(0, len(tiles), BATCH_SIZE):
            rows = zip(tiles[start : start + BATCH_SIZE], truth[start : start + BATCH_SIZE], strict=True)
            writer.write(classify_records([_record(*row) for row in rows], classifier))
            yield Progress(min(start + BATCH_SIZE, len(tiles)), total, "particles named")
    yield from _record_denoising(folder / "trajectory.npz", generator, done=len(tiles), total=total)


def _record(tile, row):
    return ParticleRecord(
        name=row["image"],
        source="sample particles",
        pixels=np.array(tile),
        um_per_px=float(row["um_per_px"]),
        given=row["class"],
    )


def _record_denoising(path, generator, *, done, total):
    from svp_core.generator.sampling import image_seeds, trajectory

    seeds, walks = image_seeds(TRAJECTORY_SEED, TRAJECTORIES_PER_CLASS), []
    for position, key in enumerate(generator.class_keys, 1):
        walks.append(list(trajectory(generator, key, seeds=seeds)))
        yield Progress(done + position, total, "classes recorded")
    np.savez_compressed(
        path,
        noisy=np.concatenate([[step.noisy for step in walk] for walk in walks], axis=1),
        clean=np.concatenate([[step.clean for step in walk] for walk in walks], axis=1),
        sigmas=np.array([step.sigma for step in walks[0]]),
        seeds=np.array(seeds * len(walks), np.int64),
        classes=np.repeat(np.array(generator.class_keys), len(seeds)),
    )
