"""Checkpoint folder: the folder of a model while it is trained, from which a later process can resume.

history.jsonl   one row per percent of the steps and one per check; stays with the finished model
growth.npy      tiles generated at each check, always from the same noise; stays with the finished model
training/       plan.json, tiles.npy, tiles.csv, left_out.csv, state.pt, best_STEP.safetensors; removed at the end
"""

import csv
import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from svp_core.errors import LabError
from svp_core.files import atomic_write, save_array, write_csv, write_json
from svp_core.model_files import save_tensors
from svp_core.tile_file import append_tiles, read_tiles

if TYPE_CHECKING:  # screens read training folders through this module, and must not load a network library
    import torch

    from svp_core.datasets.labelled_tiles import LabelledTiles
    from svp_core.training.split import Split

Part = tuple[NDArray[np.uint8], NDArray[np.integer], list[str]]  # tiles (N, 64, 64), labels (N,), names


class CheckpointFolder:
    """One such folder; nothing is written before write_tiles(), and is_ready only after begin()."""

    def __init__(self, model_folder: str | Path):
        self.model_folder = Path(model_folder)
        self.inside = self.model_folder / "training"

    @property
    def is_ready(self) -> bool:
        """Whether a training was started here and is not finished."""
        return (self.inside / "plan.json").is_file()

    def write_tiles(self, data: "LabelledTiles", split: "Split") -> None:
        """Write the tiles, training ones first, and the reasons for those left out. begin() has to follow."""
        self.inside.mkdir(parents=True, exist_ok=True)
        order = [*split.training, *split.held_out]
        save_array(self.inside / "tiles.npy", data.tiles[order])
        parts = ["training"] * len(split.training) + ["held_out"] * len(split.held_out)
        rows = [(data.names[k], data.class_keys[data.labels[k]], part) for k, part in zip(order, parts, strict=True)]
        self._write_table("tiles.csv", ("image", "class", "part"), rows)
        copies = [
            (data.names[copy], f"it shows the same as {data.names[first]}") for copy, first in split.repeated.items()
        ]
        self._write_table("left_out.csv", ("image", "reason"), [*data.left_out, *copies])

    def begin(self, description: Mapping[str, Any], state: Mapping[str, Any]) -> None:
        """Mark a training as started: its JSON-ready plan, and the state of a GeneratorTraining before it."""
        self.save(state, [])
        write_json(self.inside / "plan.json", description)

    def description(self) -> dict[str, Any]:
        """The plan, as begin() received it."""
        return json.loads((self.inside / "plan.json").read_text("utf-8"))

    def tiles(self, class_keys: Sequence[str]) -> dict[str, Part]:
        """Parts "training" and "held_out" with labels in the order of class_keys; tiles memory-mapped."""
        tiles = read_tiles(self.inside / "tiles.npy")
        rows = self._read_table("tiles.csv")
        labels = np.array([class_keys.index(row["class"]) for row in rows])
        part_of_row, parts = np.array([row["part"] for row in rows]), {}
        for part in ("training", "held_out"):
            (members,) = np.nonzero(part_of_row == part)
            block = slice(members[0], members[-1] + 1)  # each part is contiguous, so no copy is needed
            parts[part] = tiles[block], labels[block], [row["image"] for row in rows[block]]
        return parts

    def left_out(self) -> list[tuple[str, str]]:
        """(name, reason) of every item of the source that is in no part."""
        return [(row["image"], row["reason"]) for row in self._read_table("left_out.csv")]

    def state(self) -> dict[str, Any]:
        """The state that save() wrote last, on the CPU."""
        import torch

        return torch.load(self.inside / "state.pt", map_location="cpu", weights_only=True)

    def save(self, state: Mapping[str, Any], history: Iterable[Mapping[str, Any]]) -> None:
        """Write a GeneratorTraining's state() with the history so far, each file completely or not at all."""
        lines = "".join(json.dumps(row) + "\n" for row in history).encode()
        atomic_write(self.model_folder / "history.jsonl", lambda temporary: temporary.write_bytes(lines))
        atomic_write(self.inside / "state.pt", lambda temporary: _save_state(state, temporary))

    def save_best(self, step: int, weights: "Mapping[str, torch.Tensor]") -> None:
        """Write the EMA weights after this step as the best so far; half precision, as in finished models."""
        tensors = {name: tensor.detach().half().cpu().contiguous() for name, tensor in weights.items()}
        atomic_write(self._best(step), lambda temporary: save_tensors(tensors, temporary))

    def best(self, step: int) -> "dict[str, torch.Tensor]":
        """The tensors that save_best() wrote for this step."""
        from safetensors.torch import load_file

        return load_file(self._best(step))

    def remove_best_except(self, step: int) -> None:
        """Remove all saved best weights but these; call it after save(), which records which one counts."""
        for path in self.inside.glob("best_*.safetensors"):
            if path != self._best(step):
                path.unlink()

    def save_growth(self, tiles: NDArray[np.uint8], *, check: int) -> None:
        """Append the tiles of check number `check`, from 0; tiles of later checks are dropped."""
        append_tiles(self.model_folder / "growth.npy", tiles, after=check * len(tiles))

    def clear(self) -> None:
        """Remove what only a training in progress needs."""
        shutil.rmtree(self.inside, ignore_errors=True)

    def _best(self, step):
        return self.inside / f"best_{step}.safetensors"

    def _write_table(self, name, columns, rows):
        write_csv(self.inside / name, [columns, *rows])

    def _read_table(self, name):
        with (self.inside / name).open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))


def _save_state(state: Mapping[str, Any], path: Path) -> None:
    import torch

    try:
        torch.save(state, path)
    except RuntimeError as error:  # what torch says of a full disk
        raise OSError(str(error).splitlines()[0]) from None


def read_history(model_folder: str | Path, *, up_to: int | None = None) -> list[dict[str, Any]]:
    """Rows of a model's history.jsonl, also during training; up_to: only those of steps no later."""
    path = Path(model_folder) / "history.jsonl"
    try:
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.is_file() else []
    except ValueError:
        raise LabError(f"{path} is damaged; start the training again in a new folder.") from None
    return [row for row in rows if up_to is None or row["step"] <= up_to]


def check_rows(history: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of a history that are checks, with figures per class."""
    return [row for row in history if "classes" in row]


def read_growth(model_folder: str | Path, checks: int) -> NDArray[np.uint8]:
    """Tiles generated at each of this many checks: uint8 (checks, N, 64, 64); N is 0 where there are none."""
    path = Path(model_folder) / "growth.npy"
    tiles = read_tiles(path) if checks and path.is_file() else np.zeros((0, 64, 64), np.uint8)
    per_check = len(tiles) // max(checks, 1)
    return tiles[: checks * per_check].reshape(checks, per_check, 64, 64)


def fingerprint(data: "LabelledTiles") -> str:
    """SHA-256 of tiles and classes: identifies the data of a training."""
    digest = hashlib.sha256(json.dumps([data.class_keys, np.asarray(data.labels).tolist()]).encode())
    for tile in data.tiles:
        digest.update(np.ascontiguousarray(tile).data)
    return digest.hexdigest()
