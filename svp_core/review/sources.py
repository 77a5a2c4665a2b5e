"""What a review can be made of: a labelled folder, a data set, a classified source; and the queue of suspects in it."""

import json
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from svp_core.errors import LabError
from svp_core.particle_classes import sort_keys
from svp_core.review.store import create_review, particle_id, read_queue
from svp_core.tile_file import read_tiles
from svp_core.workspace.datasets import open_dataset
from svp_core.workspace.jobs import get, job_folder

LABELS = ("label", "given")  # of a classified source: what the classifier said, or what its folders are called
_DROPPED = ("status", "reason", "label")


@dataclass(frozen=True, eq=False)
class Reviewable:
    """Particles whose labels can be gone through."""

    name: str  # for a heading
    kind: str  # "folder", "dataset" or "classify"
    source: dict  # where they lie
    class_keys: tuple
    table: pd.DataFrame  # particle, given, and what else is known of each; in the order to go through
    tiles: np.ndarray  # uint8 (N, 64, 64)
    colour: np.ndarray | None  # uint8 (N, 64, 64, 3)
    left_out: tuple  # (name, reason) of what is not among them
    model: str = ""  # what suggested other labels


def review_of_folder(path):
    """The Reviewable of whatever labelled.reading reads; yields Progress and returns it."""
    from svp_core.datasets.labelled_tiles import read_labelled_steps

    data = yield from read_labelled_steps(path)
    return _of_labelled(
        data, str(path).rstrip("/\\").replace("\\", "/").rpartition("/")[2], "folder", {"path": str(path)}
    )


def review_of_dataset(dataset_id):
    """The Reviewable of a data set with classes; a particle is called "data set's id/image"."""
    from svp_core.datasets.labelled_tiles import from_dataset

    dataset = open_dataset(dataset_id)
    found = _of_labelled(from_dataset(dataset), dataset.meta["name"], "dataset", {"dataset": dataset.meta["id"]})
    names = [f"{dataset.meta['id']}/{image}" for image in dataset.table["image"]]
    more = dataset.table.drop(columns=["image", "class"]).assign(particle=names)
    return replace(found, table=found.table.merge(more, on="particle", how="left", validate="one_to_one"))


def review_of_classification(job_id, *, labels="label"):
    """The Reviewable of what a "classify" job has named so far, the least sure first.

    labels: which of LABELS is gone through. Against the folders' the classifier suggests what it said, the same label
    where it agrees; against its own it has nothing to suggest. score is its probability for the label, margin that less
    the largest other.
    """
    if labels not in LABELS:
        raise ValueError(f"labels are {' or '.join(LABELS)}; got {labels!r}")
    job, folder = get(job_id), job_folder(job_id)
    if job.kind != "classify" or not (folder / "summary.json").is_file():
        raise LabError("This job has named no particles; choose one that classified a source.")
    summary = json.loads((folder / "summary.json").read_text("utf-8"))
    rows = read_queue(folder / "results.csv")
    rejected = rows[rows["status"] != "ok"]
    rows = rows[rows["status"] == "ok"].reset_index(drop=True)
    tiles = read_tiles(folder / "tiles.npy")[: len(rows)]
    rows = rows[: len(tiles)]
    colour = folder / "colour.npy"
    given = rows[labels]
    if not (given != "").any():
        raise LabError("None of these particles has such a label; go through the classifier's own.")
    keys = [name.removeprefix("p_") for name in rows if name.startswith("p_")]
    dropped = [name for name in rows if name in _DROPPED or name.startswith("instrument.")]
    table = rows.drop(columns=[*dropped, "given"]).rename(columns={"image": "particle"})
    table = table.assign(given=given, **_doubts(rows, keys, given))
    if labels == "given":
        table["suggested"] = rows["label"]
    found = Reviewable(
        summary["title"],
        "classify",
        {"job": job_id, "labels": labels, "source": summary["source"]},
        sort_keys([*keys, *(key for key in given if key)]),
        table,
        tiles,
        np.load(colour, mmap_mode="r")[: len(rows)] if colour.is_file() else None,
        tuple(zip(rejected["image"], rejected["reason"], strict=True)),
        model=summary["weights"],
    )
    return _ordered(found, np.argsort(table["score"].to_numpy(), kind="stable"))


def with_queue(found, queue, *, model=""):
    """The Reviewable in the order of a queue: particles that it does not name come last, none is lost.

    queue: DataFrame, or the path of a CSV like suspects.csv, with "image" and what is to be shown (suggested, score,
    margin, rank, reason, ...), worst first. Raises LabError where it names what is not among the particles.
    """
    queue = queue if isinstance(queue, pd.DataFrame) else _read(queue)
    if "image" not in queue or not queue["image"].is_unique:
        raise LabError('A queue is a table with a column "image" in which no name comes twice; this one is not.')
    place = {particle: position for position, particle in enumerate(found.table["particle"])}
    strange = [image for image in queue["image"] if image not in place]
    if strange:
        raise LabError(
            f"The queue names {strange[0][:80]!r}, which is not among the particles of {found.name!r} "
            f"({len(strange):,} such names); give the queue of the same source."
        )
    more = queue.drop(columns=[name for name in ("given",) if name in queue]).rename(columns={"image": "particle"})
    kept = [name for name in found.table if name == "particle" or name not in more]
    table = found.table[kept].merge(more, on="particle", how="left", validate="one_to_one")
    named = [place[image] for image in queue["image"]]
    order = np.concatenate([np.array(named, int), np.setdiff1d(np.arange(len(table)), named)])
    return _ordered(replace(found, table=table, model=model or found.model), order)


def begin_review(found, *, name=""):
    """Begin a review of a Reviewable; returns its id."""
    return create_review(
        name or found.name,
        kind=found.kind,
        source=found.source,
        class_keys=found.class_keys,
        table=found.table,
        tiles=found.tiles,
        colour=found.colour,
        model=found.model,
    )


def _of_labelled(data, name, kind, source):
    names = [particle_id(name) for name in data.names]
    table = pd.DataFrame({"particle": names, "given": [data.class_keys[label] for label in data.labels]})
    return Reviewable(name, kind, source, data.class_keys, table, data.tiles, None, data.left_out)


def _doubts(rows, keys, given):
    """Columns score and margin of these labels, from the classifier's probabilities."""
    probs = rows[[f"p_{key}" for key in keys]].to_numpy(float)
    place = {key: position for position, key in enumerate(keys)}
    at = np.array([place.get(key, -1) for key in given])
    others, known = probs.copy(), at >= 0
    others[known, at[known]] = -1
    own = np.where(known, probs[np.arange(len(probs)), at], 0.0)
    return {"score": own, "margin": own - others.max(1).clip(0)}  # one class has no other


def _ordered(found, order):
    colour = None if found.colour is None else found.colour[order]
    table = found.table.iloc[order].reset_index(drop=True)
    return replace(found, table=table, tiles=found.tiles[order], colour=colour)


def _read(path):
    try:
        return read_queue(path)
    except (OSError, ValueError) as error:
        raise LabError(f"{path} cannot be read as a queue ({str(error)[:80]}); give a CSV like suspects.csv.") from None
