"""Compare two sources of particles against the same reference: tiles, sizes and shapes, metrics in report.json."""

import csv
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from svp_core.display import class_name
from svp_core.errors import LabError
from svp_core.files import atomic_write, save_array, write_json
from svp_core.progress import Progress, Steps
from svp_core.tasks.generate import GenerateRequest, generate
from svp_core.tasks.generation_request import DEFAULT_GENERATOR, check_classes, check_generation, ready_generator
from svp_core.tasks.request import JobRequest, StoredSettings, optional
from svp_core.tile_file import append_tiles, read_tiles

SIDES = ("left", "right")
MIN_IMAGES = 50  # tiles per side: with fewer no metric is informative
MAX_REAL, MAX_SEEN = 4000, 10_000  # reference tiles that are used, drawn by the seed
COPY_METRICS = ("ct_z", "closer_to_training", "copied", "authentic")  # meaningful only against training tiles
SHAPE_COLUMNS = ("ecd_px", "aspect_ratio", "circularity")

Tiles = NDArray[np.uint8]  # (N, 64, 64)


@dataclass(frozen=True)
class ComparisonSide(StoredSettings):
    """What generates one side: a generator, or classical augmentation of reference tiles."""

    weights: str | None = optional()  # name or folder of a generator, see GenerateRequest
    sampler: str | None = optional()
    steps: int | None = optional()
    classical: bool | None = optional()  # True: classical augmentation instead of a generator

    @property
    def name(self) -> str:
        return "classical augmentation" if self.classical else self.weights or DEFAULT_GENERATOR


@dataclass(frozen=True)
class CompareRequest(JobRequest):
    """A comparison of two sides at one class."""

    class_key: str
    count: int  # images per side, MIN_IMAGES or more
    seed: int
    reference: str  # id of a data set
    left: ComparisonSide
    right: ComparisonSide

    @property
    def sides(self) -> dict[str, ComparisonSide]:
        """The two sides by name, in the order of SIDES."""
        return {"left": self.left, "right": self.right}

    @property
    def title(self) -> str:
        return (
            f"Compare {self.left.name} with {self.right.name}, {class_name(self.class_key).lower()}, seed {self.seed}"
        )

    def check(self) -> None:
        if self.count < MIN_IMAGES:
            raise LabError(f"{self.count} images per side were requested; give {MIN_IMAGES} or more.")
        for side in self.sides.values():
            check_generation(self.count, self.seed, side.steps)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        sides = {side: ComparisonSide.from_config(config[side]) for side in SIDES if side in config}
        return super().from_config({**config, **sides})


def compare(request: CompareRequest, folder: Path) -> Steps:
    """Generate particles of one class in two ways and measure both against the same reference tiles.

    The reference tiles are those that neither side has seen: where a model was trained on that data set, the tiles it
    held out; where a side is classical augmentation, the half that is not augmented, drawn by the seed, or all tiles
    that such a model held out. Copies are searched for among the other tiles.
    Writes left/ and right/, each with tiles.npy and manifest.csv; real.npy and seen.npy, uint8 (N, 64, 64), the
    reference tiles and the other tiles; shapes.csv, one row per tile, set left, right or real; report.json: n_real,
    n_seen, and left and right, each the report of quality.compare. A stopped job resumes with the missing tiles.
    Progress counts network calls.
    """
    request.check()
    class_key, count, seed = request.class_key, request.count, request.seed
    yield Progress(0, None, "Reading the reference")
    real, seen, trained_sides = _read_reference(request)
    for name, tiles in (("real", real), ("seen", seen)):
        save_array(folder / f"{name}.npy", tiles)
    steps = {name: _steps_per_image(side, class_key) for name, side in request.sides.items()}
    done, total = 0, count * sum(steps.values()) + measure_steps(count) * len(SIDES)
    for name, side in request.sides.items():
        side_folder = folder / name
        side_folder.mkdir(exist_ok=True)
        if side.classical:
            _augment(class_key, count, seed, seen, side_folder)
        else:
            generation = GenerateRequest(
                class_key, count, seed, sampler=side.sampler, weights=side.weights, steps=side.steps
            )
            for progress in generate(generation, side_folder):
                message = f"Generating {count:,} images with {side.name}"
                yield Progress(done + progress.step * steps[name], total, message)
        done += count * steps[name]
    generated = {side: read_tiles(folder / side / "tiles.npy") for side in SIDES}
    _write_shapes(folder, {**generated, "real": real})
    reports, share = {}, measure_steps(count)
    for side in SIDES:
        measuring = _measure(class_key, seed, real, np.asarray(generated[side]), seen, side in trained_sides)
        reports[side] = yield from _scaled(measuring, done, share, total)
        done += share
    write_json(folder / "report.json", {"n_real": len(real), "n_seen": len(seen), **reports})
    yield Progress(total, total, "Finished")


def measure_steps(count: int) -> int:
    """Approximate duration of measuring one side, in network calls of the shipped generator."""
    return 400 + 3 * count


def _read_reference(request: CompareRequest) -> tuple[Tiles, Tiles, set[str]]:
    """(tiles that no side has seen, the other tiles, names of the sides that have seen those)."""
    from svp_core.images import TILE_PX
    from svp_core.workspace import datasets

    if request.reference == datasets.SAMPLES:
        datasets.install_samples()
    dataset = datasets.open_dataset(request.reference)
    if dataset.tiles.shape[1:] != (TILE_PX, TILE_PX):
        raise LabError(
            f"{dataset.meta['name']!r} holds tiles of {dataset.tiles.shape[1]} px; a comparison needs {TILE_PX} px."
        )
    table = dataset.table
    of_class = table["class"] == request.class_key if "class" in table else np.zeros(len(table), bool)
    names = (request.reference + "/" + table["image"].astype(str)).to_numpy()
    held_out = {name: held for name, side in request.sides.items() if (held := _held_out(side, request.reference))}
    classical = [name for name, side in request.sides.items() if side.classical]
    rows = np.random.default_rng(request.seed).permutation(np.flatnonzero(of_class))
    if held_out:
        unseen = np.all([np.isin(names[rows], list(held)) for held in held_out.values()], axis=0)
    else:
        unseen = np.arange(len(rows)) >= (len(rows) // 2 if classical else 0)
    real, seen = rows[unseen][:MAX_REAL], rows[~unseen][:MAX_SEEN]
    if len(real) < MIN_IMAGES or (classical and len(seen) < MIN_IMAGES):
        if held_out:
            need = f"{MIN_IMAGES} that neither side was trained on"
        else:
            need = f"{MIN_IMAGES} in each half, one of them to augment" if classical else f"{MIN_IMAGES}"
        raise LabError(
            f"{dataset.meta['name']!r} holds {len(rows):,} tiles of {request.class_key}; a comparison needs {need}. "
            "Choose another data set or class."
        )
    real_tiles, seen_tiles = (np.asarray(dataset.tiles[np.sort(part)]) for part in (real, seen))
    return real_tiles, seen_tiles, {*held_out, *classical}


def _held_out(side: ComparisonSide, dataset_id: str) -> set[str]:
    """Names of this data set's tiles that a model held out from training; empty where it was not trained on it."""
    if side.classical:
        return set()
    from svp_core.model_files import read_model_folder
    from svp_core.workspace.models import find_model

    held_out = read_model_folder(find_model(side.name)).config.get("held_out")
    # The shipped model describes its held-out tiles in words.
    if not isinstance(held_out, list):
        return set()
    return {name for name in held_out if name.startswith(f"{dataset_id}/")}


def _steps_per_image(side: ComparisonSide, class_key: str) -> int:
    """Network calls per image. Raises LabError where this side cannot generate the class."""
    if side.classical:
        return 0
    generator, _, steps = ready_generator(side.weights, side.sampler, side.steps)
    check_classes(generator, [class_key])
    return steps


def _measure(
    class_key: str, seed: int, real: Tiles, generated: Tiles, seen: Tiles, has_seen: bool
) -> Generator[Progress, None, dict[str, Any]]:
    """Yield Progress, return the report of quality.compare."""
    from svp_core.classifier.resnet import load_classifier
    from svp_core.quality import compare as measure_against
    from svp_core.workspace.models import find_model

    # Both sides get the seen tiles, since they enlarge the real-vs-real baselines: the same for both.
    training = {class_key: seen} if len(seen) else None
    report = yield from measure_against(
        real={class_key: real},
        synthetic={class_key: generated},
        training=training,
        seed=seed,
        classifier=load_classifier(find_model("resnet18")),
    )
    if not has_seen:
        # This side was not trained on any of the seen tiles, so it cannot have copied them.
        metrics = report["classes"][class_key]
        metrics.pop("closest", None)
        metrics["figures"] = {key: value for key, value in metrics["figures"].items() if key not in COPY_METRICS}
    return report


def _augment(class_key: str, count: int, seed: int, parents: Tiles, folder: Path) -> None:
    """Write tiles and manifest of the classical side; repeated at each start, it takes a second."""
    from svp_core.augmentation import augment_tiles
    from svp_core.generator.sampling import image_seeds

    seeds = image_seeds(seed, count)
    tiles, parent_rows = augment_tiles(parents, seeds=seeds)
    append_tiles(folder / "tiles.npy", tiles, after=0)
    rows = [
        (f"{class_key}_classical_{seed}_{position:05d}.png", class_key, seed, position, image_seed, int(parent))
        for position, (image_seed, parent) in enumerate(zip(seeds, parent_rows, strict=True))
    ]
    _write_table(folder / "manifest.csv", ("image", "class", "run_seed", "position", "image_seed", "parent"), rows)


def _write_shapes(folder: Path, tile_sets: Mapping[str, Tiles]) -> None:
    """Write shapes.csv: one row per tile, empty where nothing could be measured."""
    from svp_core.morphology import measure

    rows = []
    for name, tiles in tile_sets.items():
        measured = [measure(tile) for tile in tiles]
        rows += [(name, *(shape[column] for column in SHAPE_COLUMNS)) for shape in measured]
    _write_table(folder / "shapes.csv", ("set", *SHAPE_COLUMNS), rows)


def _write_table(path: Path, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows([columns, *rows])
    atomic_write(path, lambda temporary: temporary.write_bytes(text.getvalue().encode()))


def _scaled(
    measuring: Generator[Progress, None, dict[str, Any]], done: int, share: int, total: int
) -> Generator[Progress, None, dict[str, Any]]:
    """Pass on the progress of `measuring` as a share of the whole; return what it returns."""
    while True:
        try:
            progress = next(measuring)
        except StopIteration as end:
            return end.value
        fraction = progress.step / progress.total if progress.total else 0
        yield Progress(done + int(share * fraction), total, progress.message or "Measuring")
