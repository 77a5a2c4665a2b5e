"""Real particles of an experiment, from a labelled folder, data set, classification, review or the simulator."""

import re
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from svp_core.errors import LabError
from svp_core.experiment.particles import RealParticles
from svp_core.particle_classes import key_from_name, sort_keys
from svp_core.progress import Progress, run_to_end
from svp_core.workspace.datasets import open_dataset

FOLDER, DATASET, CLASSIFICATION, REVIEW, SIMULATOR = KINDS = (
    "folder",
    "dataset",
    "classification",
    "review",
    "simulator",
)
RUN_COLUMNS = ("run", "lot", "instrument")  # of a table: what must not be both trained and tested on
INSTRUMENTS = 10  # simulated ones, each like a run
MAX_SIMULATED = 100_000
_SIMULATED_RUN = 870  # run seeds that nothing else uses


@dataclass(frozen=True)
class Source:
    """Particles that have been read, and what is to be said about them."""

    real: RealParticles
    description: str
    left_out: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


def read_real_particles(kind: str, source: str) -> Generator[Progress, None, Source]:
    """Read a source; yields Progress. Raises LabError where it has no labelled real particles."""
    readers: dict[str, Callable[[str], Generator[Progress, None, Source]]] = {
        FOLDER: _of_folder,
        DATASET: _of_dataset,
        CLASSIFICATION: _of_classification,
        REVIEW: _of_review,
        SIMULATOR: _simulated,
    }
    return (yield from readers[kind](source))


def read_source(kind: str, source: str) -> Source:
    """As read_real_particles, at once."""
    return run_to_end(read_real_particles(kind, source))


def parse_simulated(text: str) -> dict[str, int]:
    """Class key -> particles of "protein=1000,silicone_oil=200". Raises LabError for anything else."""
    parts = [re.fullmatch(r"\s*([a-z_]+)\s*=\s*(\d+)\s*", part) for part in text.split(",")]
    counts = {match[1]: int(match[2]) for match in parts if match}
    if len(counts) < len(parts) or not 0 < sum(counts.values()) <= MAX_SIMULATED:
        raise LabError(
            f"{text[:80]!r} is not a number of simulated particles a class, {MAX_SIMULATED:,} in all at most; write "
            "protein=1000,silicone_oil=200,air_bubble=200."
        )
    return counts


def runs_of_names(names: Sequence[str], keys: Sequence[str]) -> tuple[str, ...] | None:
    """Run of each image from its folders: those beside the one named after its class; None where that says nothing."""
    runs = []
    for name, key in zip(names, keys, strict=True):
        folders = name.split("/")[:-1]
        runs.append("/".join(part for part in folders if key_from_name(part) != key))
    return _telling(runs)


def _telling(runs: Sequence[str]) -> tuple[str, ...] | None:
    """The runs; None where all particles are of one, or nearly every particle is of its own."""
    different = len(set(runs))
    return tuple(runs) if 1 < different <= len(runs) / 2 else None


def _of_folder(source: str) -> Generator[Progress, None, Source]:
    from svp_core.datasets.labelled_tiles import read_labelled_steps

    data = yield from read_labelled_steps(source)
    keys = [data.class_keys[label] for label in data.labels]
    real = RealParticles(data.tiles, data.labels, data.class_keys, data.names, runs_of_names(data.names, keys))
    return Source(real, f"labelled folder {Path(source).name}", data.left_out)


def _of_dataset(source: str) -> Generator[Progress, None, Source]:
    from svp_core.datasets.labelled_tiles import from_dataset

    yield Progress(0, None, "Reading the data set")
    dataset = open_dataset(source)
    title = f"data set {dataset.meta['name']}"
    if dataset.meta.get("kind") == "synthetic":
        raise LabError(f"The {title} holds generated images; an experiment learns from and is tested on real ones.")
    data, table = from_dataset(dataset), dataset.table
    rows = {f"{dataset.meta['id']}/{image}": row for row, image in enumerate(table["image"])}
    positions = [rows[name] for name in data.names]
    keys = [data.class_keys[label] for label in data.labels]
    column = next((name for name in RUN_COLUMNS if name in table), None)
    runs = (
        _telling([str(value) for value in table[column].iloc[positions]])
        if column
        else runs_of_names([str(image) for image in table["image"].iloc[positions]], keys)
    )
    sizes = _sizes(table["ecd_um"].iloc[positions]) if "ecd_um" in table else None
    unit = "px" if sizes is None else "µm"
    real = RealParticles(data.tiles, data.labels, data.class_keys, data.names, runs, sizes, unit)
    return Source(real, title, data.left_out)


def _of_classification(source: str) -> Generator[Progress, None, Source]:
    from svp_core.datasets.labelled_tiles import from_results

    yield Progress(0, None, "Reading the classification")
    data = from_results(source)
    table = pd.read_csv(Path(source) / "results.csv", usecols=lambda name: name in ("given", "status"), dtype=str)
    has_given = "given" in table and table.loc[table["status"] == "ok", "given"].notna().any()
    note = (
        "The labels are predictions of a classifier that nobody has reviewed; figures say how well it is imitated, not "
        "how often it is right."
    )
    runs = _telling([name.partition("/")[0] if "/" in name else "" for name in data.names])
    real = RealParticles(data.tiles, data.labels, data.class_keys, data.names, runs)
    return Source(real, f"classification {Path(source).name}", data.left_out, () if has_given else (note,))


def _of_review(source: str) -> Generator[Progress, None, Source]:
    from svp_core.exports.reviewed_labels import reviewed_tiles
    from svp_core.review.decision_log import history
    from svp_core.review.store import open_review

    yield Progress(0, None, "Reading the review")
    review = open_review(source)
    tiles, names, keys = reviewed_tiles(review, review.current_labels().add(history(review.id)))
    class_keys = sort_keys(keys)
    labels = np.array([class_keys.index(key) for key in keys], np.int64)
    table = review.table.set_index("particle").loc[names]
    column = next((name for name in RUN_COLUMNS if name in table), None)
    runs = _telling([str(value) for value in table[column]]) if column else runs_of_names(names, keys)
    sizes = _sizes(table["ecd_um"]) if "ecd_um" in table else None
    unit = "px" if sizes is None else "µm"
    real = RealParticles(np.asarray(tiles), labels, class_keys, tuple(names), runs, sizes, unit)
    return Source(real, f"review {review.name}")


def _simulated(source: str) -> Generator[Progress, None, Source]:
    from svp_core.optics import scenes
    from svp_core.optics.imaging_conditions import sample_instrument

    counts = parse_simulated(source)
    if unknown := [key for key in counts if key not in scenes.KINDS]:
        raise LabError(f"{unknown[0]!r} cannot be simulated; use {', '.join(scenes.KINDS)}.")
    class_keys, total = sort_keys(counts), sum(counts.values())
    # Ground truth of one magnification, as a lab's own runs are; each instrument is one run.
    instruments = [sample_instrument(np.random.default_rng([_SIMULATED_RUN, k]), "10x") for k in range(INSTRUMENTS)]
    tiles, labels, names, runs, sizes = [], [], [], [], []
    for label, key in enumerate(class_keys):
        for k in range(counts[key]):
            seed = scenes.particle_seed(_SIMULATED_RUN + label, k)
            particle = scenes.simulate(key, seed, instrument=instruments[k % INSTRUMENTS])
            tiles.append(particle.pixels)
            labels.append(label)
            names.append(f"{key}_{seed}")
            runs.append(f"simulated instrument {k % INSTRUMENTS + 1}")
            sizes.append(float(particle.truth.get("diameter_um", np.nan)))
            if len(tiles) % 50 == 0:
                yield Progress(len(tiles), total, f"{len(tiles):,} of {total:,} particles simulated")
    real = RealParticles(
        np.stack(tiles), np.array(labels, np.int64), class_keys, tuple(names), tuple(runs), np.array(sizes), "µm"
    )
    note = (
        "The particles are simulated. The shipped generator and the features of the shipped classifier were trained on "
        "other particles of the same simulator, which favours arms that use them."
    )
    return Source(real, f"simulated particles ({source})", notes=(note,))


def _sizes(column: Iterable[Any]) -> NDArray[np.float64] | None:
    """Diameters as float (N,); None where there are none."""
    sizes = np.asarray(pd.to_numeric(pd.Series(list(column)), errors="coerce"), float)
    return None if np.isnan(sizes).all() else sizes
