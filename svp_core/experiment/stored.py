"""The files of an experiment's folder: real particles, features, pools, cells. Each is written whole or not at all.

real.npz, real.csv    particles that take part: tiles, labels, sizes, blocks; names, runs
design.json           design, class keys, source, hashes
features.npy          of the real particles, where a network needs them
pools/NAME.npz        tiles that a source made for one seed, with what is behind them
map.npz               positions of real and added particles by their features; distances.json: of their sets
cells/NAME.npz        predictions of one arm, network and seed; NAME.refused.json: the sentence of a refused one
"""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svp_core.errors import LabError
from svp_core.experiment.cell import CellResult, Pool
from svp_core.experiment.design import Design
from svp_core.experiment.feature_map import FeatureMap, SetDistance
from svp_core.experiment.figures import Predictions
from svp_core.experiment.leak_guard import Origin, SyntheticTiles
from svp_core.experiment.particles import RealParticles
from svp_core.files import atomic_write, write_json

MAP, DISTANCES = "map.npz", "distances.json"


def design_as_config(design: Design) -> dict[str, Any]:
    """JSON-ready form of a design."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(design).items()}


def design_from_config(config: Mapping[str, Any]) -> Design:
    """The design of a JSON object; what it does not name has its default. Raises LabError for unknown keys."""
    if unknown := sorted(config.keys() - asdict(Design()).keys()):
        raise LabError(f"The design has an unknown setting, {unknown[0]!r}; it was written by another version.")
    settings: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in config.items()}
    return Design(**settings)


def data_sha256(real: RealParticles) -> str:
    """SHA-256 of the real particles: tiles, labels and classes."""
    digest = sha256(json.dumps([list(real.class_keys), real.labels.tolist()]).encode())
    for tile in real.tiles:
        digest.update(np.ascontiguousarray(tile).data)
    return digest.hexdigest()


def write_real(folder: Path, real: RealParticles, blocks: NDArray[np.integer]) -> None:
    """Write the particles that take part, and the block of each."""
    sizes = np.full(len(real.labels), np.nan) if real.sizes is None else real.sizes
    groups = real.groups or [""] * len(real.labels)
    with (folder / "real.csv").open("w", newline="", encoding="utf-8") as file:
        rows = zip(real.names, (real.class_keys[label] for label in real.labels), groups, sizes, blocks, strict=True)
        csv.writer(file, lineterminator="\n").writerows([("image", "class", "run", "size", "block"), *rows])
    arrays = {"tiles": real.tiles, "labels": real.labels, "sizes": sizes, "blocks": np.asarray(blocks, np.int64)}
    _write_arrays(folder / "real.npz", {**arrays, "class_keys": real.class_keys, "size_unit": real.size_unit})


def read_real(folder: Path) -> tuple[RealParticles, NDArray[np.int64]]:
    """(particles that take part, block of each). Raises LabError where they are missing or damaged."""
    arrays = _read_arrays(folder / "real.npz")
    with (folder / "real.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    groups = tuple(row["run"] for row in rows)
    real = RealParticles(
        arrays["tiles"],
        arrays["labels"],
        tuple(arrays["class_keys"].tolist()),
        tuple(row["image"] for row in rows),
        groups if any(groups) else None,
        arrays["sizes"],
        str(arrays["size_unit"]),
    )
    return real, arrays["blocks"]


def write_pool(path: Path, pool: Pool) -> None:
    """Write the tiles of one source and seed."""
    made = pool.synthetic
    origins = [
        {"name": one.name, "parents": None if one.parents is None else sorted(one.parents), "is_drawn": one.is_drawn}
        for one in made.origins
    ]
    arrays = {"tiles": made.tiles, "labels": made.labels, "origin": made.origin, "features": pool.features}
    _write_arrays(path, {**arrays, "origins": json.dumps(origins)})


def read_pool(path: Path) -> Pool:
    """The tiles that write_pool() wrote."""
    arrays = _read_arrays(path)
    origins = tuple(
        Origin(one["name"], None if one["parents"] is None else frozenset(one["parents"]), one["is_drawn"])
        for one in json.loads(str(arrays["origins"]))
    )
    made = SyntheticTiles(arrays["tiles"], arrays["labels"], origins, arrays["origin"])
    return Pool(made, arrays["features"])


def write_cell(path: Path, cell: CellResult) -> None:
    """Write what a cell has found."""
    facts = {"trained_on": cell.trained_on, "added": cell.added, "dropped": cell.dropped}
    own = cell.predictions
    arrays = {"particles": own.particles, "labels": own.labels, "probs": own.probs}
    shown = {"examples": cell.examples, "example_labels": cell.example_labels}
    _write_arrays(path, {**arrays, **shown, "facts": json.dumps(facts)})


def read_cell(path: Path) -> CellResult:
    """What write_cell() wrote."""
    arrays = _read_arrays(path)
    facts = json.loads(str(arrays["facts"]))
    predictions = Predictions(arrays["particles"], arrays["labels"], arrays["probs"])
    return CellResult(
        predictions, facts["trained_on"], facts["added"], facts["dropped"], arrays["examples"], arrays["example_labels"]
    )


def write_map(folder: Path, drawn: FeatureMap, distances: Sequence[SetDistance]) -> None:
    """Write the map of an experiment, and the distances of its sets."""
    write_json(folder / DISTANCES, [asdict(one) for one in distances])
    _write_arrays(folder / MAP, asdict(drawn))


def read_map(folder: Path) -> FeatureMap | None:
    """The map that write_map() wrote; None where there is none."""
    if not (folder / MAP).is_file():
        return None
    arrays = _read_arrays(folder / MAP)
    arrays |= {"method": str(arrays["method"]), "sources": tuple(arrays["sources"].tolist())}
    return FeatureMap(**arrays)


def read_distances(folder: Path) -> list[SetDistance]:
    """The distances that write_map() wrote; [] where there are none."""
    path = folder / DISTANCES
    return [SetDistance(**one) for one in json.loads(path.read_text("utf-8"))] if path.is_file() else []


def write_refusal(path: Path, sentence: str) -> None:
    """Write why a pool or cell was refused, beside where its arrays would lie."""
    write_json(refusal_file(path), {"refused": sentence})


def refusal_file(path: Path) -> Path:
    """Where the sentence of a refused pool or cell lies."""
    return path.with_suffix(".refused.json")


def read_refusal(path: Path) -> str | None:
    """Why a pool or cell was refused; None where it was not."""
    file = refusal_file(path)
    return json.loads(file.read_text("utf-8"))["refused"] if file.is_file() else None


def _write_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    named: dict[str, Any] = {key: np.asarray(arrays[key]) for key in arrays}
    atomic_write(path, lambda temporary: np.savez(temporary, **named))


def _read_arrays(path: Path) -> dict[str, Any]:
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError, KeyError, EOFError):
        raise LabError(f"{path.name} is missing or damaged; start the experiment again in a new folder.") from None
