"""Audit a generator, or images of one: report.json, scores.csv, pictures and report.html."""

import csv
import re
from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from svp_core.display import class_name
from svp_core.errors import LabError
from svp_core.files import atomic_write, write_json
from svp_core.progress import Progress, Steps
from svp_core.tasks.generation_request import DEFAULT_GENERATOR, MAX_SEED, provenance
from svp_core.tasks.request import JobRequest, optional

if TYPE_CHECKING:
    from svp_core.datasets.labelled_tiles import LabelledTiles

NO_REFERENCE = "none"  # as AuditRequest.reference: the attack goes without one
MAX_IMAGES = 1000  # generated per class for the search for copies


@dataclass(frozen=True)
class AuditRequest(JobRequest):
    """An audit of a generator or of its images."""

    generator: str  # name or folder of a model; or a folder of generated images, one sub-folder per class
    training: str | None = optional()  # id of a data set, or a folder; None: as the model's config.json records
    held_out: str | None = optional()  # the same for tiles of that source that were not trained on
    reference: str | None = optional()  # name or folder of a model; None: see find_reference; NO_REFERENCE
    images: int = 40  # generated per class
    seed: int = 0
    contest_tools: bool | None = optional()  # True: relation network, support vectors and Ward clusters as well

    @property
    def title(self) -> str:
        return f"Audit of {Path(self.generator).name}"

    def check(self) -> None:
        if not 1 <= self.images <= MAX_IMAGES:
            raise LabError(f"{self.images} images per class were requested; an audit generates 1 to {MAX_IMAGES:,}.")
        if not 0 <= self.seed <= MAX_SEED:
            raise LabError(f"The seed {self.seed:,} is not from 0 to {MAX_SEED:,}; use a whole number in this range.")
        if (self.training is None) != (self.held_out is None):
            raise LabError("Only one of training and held-out images was given; give both, or none of them.")
        for name, value in (("generator", self.generator), ("training", self.training), ("held-out", self.held_out)):
            if value is not None and not value.strip():
                what = "generator" if name == "generator" else f"folder of {name} images"
                raise LabError(f"The name of the {what} is empty; give one.")


def audit(request: AuditRequest, folder: Path) -> Steps:
    """Audit a generator on tiles that it was and was not trained on.

    Writes report.json (see generator_audit.audit_generator; also generator, kind, provenance, generated),
    scores.csv, one row per tile, exposed.npy and nearest.npy, uint8 (K, 64, 64), and report.html.
    """
    request.check()
    yield Progress(0, None, "Loading the generator")
    from svp_core.generator_audit.audit import SCORE_COLUMNS, audit_generator, audit_images
    from svp_core.generator_audit.model_verdict import record_audit
    from svp_core.generator_audit.tiles import choose_tiles
    from svp_core.report.generator_audit import write_audit_report
    from svp_core.workspace.models import models_folder

    model = _model_folder(request.generator)
    head: dict[str, Any] = {"generator": Path(request.generator).name, "kind": "images"}
    yield Progress(0, None, "Reading the images")
    if model is None:
        images = by_class(read_tiles_of(request.generator))
        tiles = choose_tiles(*_both_sets(request, None), class_keys=list(images), seed=request.seed)
        result = yield from audit_images(tiles, images, seed=request.seed)
    else:
        from svp_core.generator.load import load_generator
        from svp_core.generator.sampling import sampler_of

        generator = load_generator(model)
        sampler: Any = sampler_of(generator.samplers)
        head = {"generator": model.name, "kind": "generator", **provenance(generator, sampler, sampler.steps)}
        tiles = choose_tiles(*_both_sets(request, model), class_keys=generator.class_keys, seed=request.seed)
        reference, name = find_reference(model, request.reference)
        images = yield from _generate(generator, sampler, tiles.class_keys, request.images, request.seed)
        result = yield from audit_generator(
            generator,
            tiles,
            reference=None if reference is None else load_generator(reference),
            reference_name=name,
            generated=images,
            contest_tools=bool(request.contest_tools),
            split_at_random=request.training is None,
            seed=request.seed,
        )
    tiles_compared = len(tiles.members) + len(tiles.held_out)
    yield Progress(tiles_compared, tiles_compared, "Writing the report")
    report = {**head, "generated": {key: len(made) for key, made in images.items()}, **result.report}
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows([SCORE_COLUMNS, *result.scores])
    atomic_write(folder / "scores.csv", lambda temporary: temporary.write_bytes(text.getvalue().encode()))
    for name, pictures in (("exposed", result.exposed), ("nearest", result.nearest)):
        atomic_write(folder / f"{name}.npy", lambda temporary, pictures=pictures: np.save(temporary, pictures))
    write_audit_report(report, result.exposed, result.nearest, folder / "report.html")
    write_json(folder / "report.json", report)
    # It may have been deleted meanwhile; the report stands all the same.
    if model is not None and model.parent == models_folder() and (model / "config.json").is_file():
        record_audit(model, report)


def find_reference(model: Path, wanted: str | None = None) -> tuple[Path | None, str]:
    """(folder, name) of a generator that has not seen a model's training tiles; (None, "") where there is none.

    wanted: name or folder of one, or NO_REFERENCE. Otherwise the model that training started from, recognised by its
    weights; otherwise the shipped generator, unless it is the audited model itself.
    """
    from svp_core.model_files import read_model_folder, weights_sha256
    from svp_core.workspace.models import find_model, list_models

    if wanted == NO_REFERENCE:
        return None, ""
    if wanted is not None:
        folder = find_model(wanted)
        if weights_sha256(folder) == weights_sha256(model):
            raise LabError(f"{wanted} is the audited model itself; give another one as the reference.")
        return folder, folder.name
    base = read_model_folder(model).config.get("from")
    if isinstance(base, dict):
        for each in list_models("generator"):
            if weights_sha256(each.folder) == base.get("weights_sha256"):
                return each.folder, f"{each.name}, from which its training started"
    shipped = find_model(DEFAULT_GENERATOR)
    if weights_sha256(shipped) == weights_sha256(model):
        return None, ""
    return shipped, "the shipped generator, taken to have seen none of these tiles"


def recorded_datasets(model: Path) -> list[str]:
    """Ids of the data sets of the workspace that a model was trained on, as far as its held-out tiles name them."""
    from svp_core.model_files import read_model_folder

    held_out = read_model_folder(model).config.get("held_out")
    names = [name for name in held_out if isinstance(name, str)] if isinstance(held_out, list) else []
    return sorted({name.partition("/")[0] for name in names if is_dataset(name.partition("/")[0])})


def _both_sets(request: AuditRequest, model: Path | None) -> "tuple[LabelledTiles, LabelledTiles]":
    """(training tiles, held-out tiles) that the request names, or that the model's config records."""
    if request.training is not None and request.held_out is not None:
        return read_tiles_of(request.training), read_tiles_of(request.held_out)
    from svp_core.datasets.labelled_tiles import from_dataset, join_labelled, take
    from svp_core.model_files import read_model_folder
    from svp_core.workspace.datasets import open_dataset

    ids = recorded_datasets(model) if model else []
    if model is None or not ids:
        raise LabError(
            f"It is not recorded which images {Path(request.generator).name} was trained on; give the training images "
            "and held-out images of the same source."
        )
    config = read_model_folder(model).config
    data = join_labelled([from_dataset(open_dataset(each)) for each in ids])
    keys, held = set(config["trained_on"]), set(config["held_out"])
    is_held = np.array([name in held for name in data.names])
    trained = np.array([data.class_keys[label] in keys for label in data.labels])
    return take(data, np.flatnonzero(trained & ~is_held)), take(data, np.flatnonzero(trained & is_held))


def source_name(source: str) -> str:
    """Name of a data set, or of a folder, for display."""
    from svp_core.workspace import datasets

    if not is_dataset(source):
        return Path(source).name
    return next((meta["name"] for meta in datasets.list_datasets() if meta["id"] == source), source)


def read_tiles_of(source: str) -> "LabelledTiles":
    """Labelled tiles of a data set, by its id, or of a folder with one sub-folder per class."""
    from svp_core.datasets.labelled_tiles import from_dataset, read_labelled
    from svp_core.workspace import datasets

    if not is_dataset(source):
        return read_labelled(source)
    if source == datasets.SAMPLES:
        datasets.install_samples()
    return from_dataset(datasets.open_dataset(source))


def is_dataset(text: str) -> bool:
    """Whether this is an id of a data set rather than a folder."""
    return bool(re.fullmatch("[0-9a-f]{12}|samples", text)) and not Path(text).is_dir()


def _model_folder(generator: str) -> Path | None:
    """Folder of the model; None where it is a folder of images. Raises LabError where it is neither."""
    from svp_core.workspace.models import find_model

    try:
        return find_model(generator)
    except LabError:
        with suppress(OSError):  # a name too long for the system
            if Path(generator).is_dir():
                return None
        raise


def by_class(data: "LabelledTiles") -> dict[str, Any]:
    """Class key -> its tiles, uint8 (N, 64, 64)."""
    return {key: data.tiles[data.labels == label] for label, key in enumerate(data.class_keys)}


def _generate(
    generator: Any, sampler: Any, keys: list[str], count: int, seed: int
) -> Generator[Progress, None, dict[str, Any]]:
    """Yield Progress, return class key -> generated tiles, uint8 (count, 64, 64)."""
    from svp_core.generator.sampling import image_seeds, sample_tiles

    made = {}
    for key in keys:
        batches = []
        for _, tiles in sample_tiles(generator, key, seeds=image_seeds(seed, count), sampler=sampler):
            batches.append(tiles)
            yield Progress(0, None, f"Generating {class_name(key).lower()} to search for copies")
        made[key] = np.concatenate(batches)
    return made
