"""The folder of a run while it is being trained: everything on disk, so that a later process can go on.

history.jsonl   a row every percent of the steps, and one a check; stays with the finished run
growth.npy      the tiles made at each check, always from the same noise; stays with the finished run
training/       plan.json, tiles.npy, tiles.csv, left_out.csv, state.pt, best_STEP.safetensors; goes in the end
"""

import csv
import hashlib
import json
import shutil
from pathlib import Path

import numpy as np

from svp_core.errors import LabError
from svp_core.files import atomic_write, write_json
from svp_core.tile_file import append_tiles, read_tiles


class CheckpointFolder:
    """One such folder; nothing is written before put(), and is_ready only after begin()."""

    def __init__(self, run):
        self.run = Path(run)
        self.inside = self.run / "training"

    @property
    def is_ready(self):
        """Whether a training has begun here."""
        return (self.inside / "plan.json").is_file()

    def put(self, data, split):
        """Write the tiles, training ones first, with what became of each. begin() has to follow."""
        self.inside.mkdir(parents=True, exist_ok=True)
        order = [*split.training, *split.held_out]
        np.save(self.inside / "tiles.npy", data.tiles[order])
        parts = ["training"] * len(split.training) + ["held_out"] * len(split.held_out)
        rows = [(data.names[k], data.class_keys[data.labels[k]], part) for k, part in zip(order, parts, strict=True)]
        self._write_table("tiles.csv", ("image", "class", "part"), rows)
        again = [
            (data.names[copy], f"it shows the same as {data.names[first]}") for copy, first in split.repeated.items()
        ]
        self._write_table("left_out.csv", ("image", "reason"), [*data.left_out, *again])

    def begin(self, described, state):
        """From here on a training is under way: described, JSON-ready, is the plan, state a Training's before it."""
        self.keep(state, [])
        write_json(self.inside / "plan.json", described)

    def described(self):
        """The plan, as put() was given it."""
        return json.loads((self.inside / "plan.json").read_text("utf-8"))

    def tiles(self, class_keys):
        """(tiles, labels, names) of each part: a dict "training" and "held_out"; tiles memory-mapped."""
        tiles = read_tiles(self.inside / "tiles.npy")
        rows = self._read_table("tiles.csv")
        labels = np.array([class_keys.index(row["class"]) for row in rows])
        parts, found = np.array([row["part"] for row in rows]), {}
        for part in ("training", "held_out"):
            (mine,) = np.nonzero(parts == part)
            here = slice(mine[0], mine[-1] + 1)  # each part lies in one piece, which needs no copy
            found[part] = tiles[here], labels[here], [row["image"] for row in rows[here]]
        return found

    def left_out(self):
        """(name, reason) of every item of the source that is in no part."""
        return [(row["image"], row["reason"]) for row in self._read_table("left_out.csv")]

    def state(self):
        """What keep() was given last, on the CPU."""
        import torch

        return torch.load(self.inside / "state.pt", map_location="cpu", weights_only=True)

    def keep(self, state, history):
        """Put a Training's state() on disk with the history so far, whole or not at all."""
        import torch

        lines = "".join(json.dumps(row) + "\n" for row in history).encode()
        atomic_write(self.run / "history.jsonl", lambda temporary: temporary.write_bytes(lines))
        atomic_write(self.inside / "state.pt", lambda temporary: torch.save(state, temporary))

    def keep_best(self, step, average):
        """The averaged weights after this step, as the best so far; half precision, as runs have them."""
        from safetensors.torch import save_file

        tensors = {name: tensor.detach().half().cpu().contiguous() for name, tensor in average.items()}
        save_file(tensors, self._best(step))

    def best(self, step):
        """The tensors that keep_best() was given for this step."""
        from safetensors.torch import load_file

        return load_file(self._best(step))

    def forget_but(self, step):
        """Drop every kept best but this one; call it after keep(), which says which one counts."""
        for path in self.inside.glob("best_*.safetensors"):
            if path != self._best(step):
                path.unlink()

    def keep_growth(self, tiles, *, check):
        """Append the tiles of check number `check`, from 0; what stood behind the earlier ones is dropped."""
        append_tiles(self.run / "growth.npy", tiles, after=check * len(tiles))

    def clear(self):
        """Drop what only a training under way needs."""
        shutil.rmtree(self.inside, ignore_errors=True)

    def _best(self, step):
        return self.inside / f"best_{step}.safetensors"

    def _write_table(self, name, columns, rows):
        with (self.inside / name).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows([columns, *rows])

    def _read_table(self, name):
        with (self.inside / name).open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))


def read_history(run, *, up_to=None):
    """The rows of a run's history.jsonl, of a training under way too; up_to: only those of steps no later."""
    path = Path(run) / "history.jsonl"
    try:
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.is_file() else []
    except ValueError:
        raise LabError(f"{path} is damaged; start the training again in a new folder.") from None
    return [row for row in rows if up_to is None or row["step"] <= up_to]


def read_growth(run, checks):
    """The tiles made at each of so many checks: uint8 (checks, N, 64, 64); N is 0 where there are none."""
    path = Path(run) / "growth.npy"
    tiles = read_tiles(path) if checks and path.is_file() else np.zeros((0, 64, 64), np.uint8)
    each = len(tiles) // max(checks, 1)
    return tiles[: checks * each].reshape(checks, each, 64, 64)


def fingerprint(data):
    """SHA-256 of the tiles with their classes: what a training is of."""
    found = hashlib.sha256(json.dumps([data.class_keys, np.asarray(data.labels).tolist()]).encode())
    for tile in data.tiles:
        found.update(np.ascontiguousarray(tile).data)
    return found.hexdigest()
