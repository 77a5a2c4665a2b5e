"""Generate synthetic particles: tiles.npy, manifest.csv and provenance.json, growing batch by batch."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from svp_core.display import class_name, count_noun
from svp_core.execution import executor
from svp_core.files import atomic_write, write_json
from svp_core.progress import Progress, Steps
from svp_core.tasks.generation_request import check_classes, check_generation, provenance, ready_generator
from svp_core.tasks.request import JobRequest, optional
from svp_core.tile_file import append_tiles, read_tiles

MIN_IMAGES_TO_CALIBRATE = 64  # for fewer images, measuring the fastest batch size on this machine does not pay
MANIFEST_COLUMNS = ("image", "class", "run_seed", "position", "image_seed", "sampler", "steps", "weights", "kind")


@dataclass(frozen=True)
class GenerateRequest(JobRequest):
    """Synthetic particles of one class."""

    class_key: str
    count: int  # images, 1 to MAX_IMAGES
    seed: int  # of the run, 0 to MAX_SEED: the same seed gives the same images
    sampler: str | None = optional()  # key of one of the generator's samplers; None: its default
    weights: str | None = optional()  # name or folder of a generator; None: the shipped one
    steps: int | None = optional()  # denoising steps; None: the sampler's own number
    engine: str | None = optional()  # of execution.ENGINES; None: this machine

    @property
    def title(self) -> str:
        return f"{count_noun(self.count, 'image')} of {class_name(self.class_key).lower()}, seed {self.seed}"

    def check(self) -> None:
        check_generation(self.count, self.seed, self.steps)
        executor(self.engine)


def generate(request: GenerateRequest, folder: Path) -> Steps:
    """Generate synthetic particles of one class; a stopped job resumes behind its last finished tile.

    Writes tiles.npy, uint8 (N, 64, 64), and manifest.csv, one row per tile, both growing batch by batch and both
    complete up to Progress.step; provenance.json.
    """
    request.check()
    generator, sampler, steps = ready_generator(request.weights, request.sampler, request.steps)
    class_key, count, seed = request.class_key, request.count, request.seed
    check_classes(generator, [class_key])
    from svp_core.generator.sampling import image_seeds, sample_on_engine

    write_json(folder / "provenance.json", {**provenance(generator, sampler, steps), "class": class_key, "seed": seed})
    tiles_file, manifest = folder / "tiles.npy", folder / "manifest.csv"
    done = _count_finished(manifest, tiles_file)
    seeds, message = image_seeds(seed, count), f"Generating {count:,} images"
    yield Progress(done, count, message)
    call_size = _calibrated_call_size(generator) if count - done >= MIN_IMAGES_TO_CALIBRATE else None
    batches = sample_on_engine(
        request.engine, generator, class_key, seeds=seeds[done:], sampler=sampler, steps=steps, call_size=call_size
    )
    with _open_manifest(manifest, done) as file:
        for start, tiles in batches:
            first = done + start
            append_tiles(tiles_file, tiles, after=first)
            common = (sampler.key, steps, generator.folder.name, "synthetic")
            csv.writer(file, lineterminator="\n").writerows(
                (f"{class_key}_{seed}_{position:05d}.png", class_key, seed, position, seeds[position], *common)
                for position in range(first, first + len(tiles))
            )
            file.flush()
            yield Progress(first + len(tiles), count, message)


def _calibrated_call_size(generator: Any) -> int | None:
    """Images per network call, fastest on this machine; sets the number of threads that goes with it.

    None for a published generator, whose call size is fixed.
    """
    from svp_core.generator.unet import Generator
    from svp_core.tasks.throughput import throughput_here

    if not isinstance(generator, Generator):
        return None
    import torch

    throughput = throughput_here(generator)
    torch.set_num_threads(throughput.threads)
    return throughput.call_size


def _count_finished(manifest: Path, tiles_file: Path) -> int:
    """How many tiles are finished: with a whole line in the manifest, and in the file of tiles."""
    if not (manifest.is_file() and tiles_file.is_file()):
        return 0
    return min(max(0, manifest.read_bytes().count(b"\n") - 1), len(read_tiles(tiles_file)))


def _open_manifest(manifest: Path, done: int) -> TextIO:
    """The manifest, open for appending behind its header and first `done` rows; rows of a crash are dropped."""
    lines = manifest.read_text("utf-8").splitlines(keepends=True) if done else [",".join(MANIFEST_COLUMNS) + "\n"]
    atomic_write(manifest, lambda temporary: temporary.write_bytes("".join(lines[: done + 1]).encode()))
    return manifest.open("a", encoding="utf-8", newline="")
