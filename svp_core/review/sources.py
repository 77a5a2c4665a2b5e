"""Sources of a review: a labelled folder, a data set or a classification, and the queue of doubtful labels in it."""

import json
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from svp_core.errors import LabError
from svp_core.particle_classes import sort_keys
from svp_core.progress import Progress
from svp_core.review.queue_file import particle_id, read_queue
from svp_core.review.store import create_review
from svp_core.tile_file import read_tiles
from svp_core.workspace.datasets import open_dataset
from svp_core.workspace.jobs import get, job_folder

if TYPE_CHECKING:
    from svp_core.datasets.labelled_tiles import LabelledTiles

LABELS = ("label", "given")  # labels of a classification to review: the classifier's predictions, or folder names
_DROPPED = ("status", "reason", "label")


@dataclass(frozen=True, eq=False)
class Reviewable:
    """Particles whose labels can be reviewed."""

    name: str  # for a heading
    kind: str  # "folder", "dataset" or "classify"
    source: dict[str, Any]  # where they come from
    class_keys: tuple[str, ...]
    table: pd.DataFrame  # particle, given, and what else is known of each; in the order to review
    tiles: NDArray[np.uint8]  # (N, 64, 64)
    colour: NDArray[np.uint8] | None  # (N, 64, 64, 3)
    excluded: tuple[tuple[str, str], ...]  # (name, reason) of the items that are not among them
    model: str = ""  # name of what suggested other labels


def review_of_folder(path: str | Path) -> Generator[Progress, None, Reviewable]:
    """Reviewable of a labelled folder, as labelled_tiles reads it; yields Progress and returns it."""
    from svp_core.datasets.labelled_tiles import read_labelled_steps

    data = yield from read_labelled_steps(path)
    name = str(path).rstrip("/\\").replace("\\", "/").rpartition("/")[2]
    return _of_labelled(data, name, "folder", {"path": str(path)})


def review_of_dataset(dataset_id: str) -> Reviewable:
    """Reviewable of a data set with classes; a particle's id is "data set's id/image"."""
    from svp_core.datasets.labelled_tiles import from_dataset

    dataset = open_dataset(dataset_id)
    reviewable = _of_labelled(from_dataset(dataset), dataset.meta["name"], "dataset", {"dataset": dataset.meta["id"]})
    names = [f"{dataset.meta['id']}/{image}" for image in dataset.table["image"]]
    more = dataset.table.drop(columns=["image", "class"]).assign(particle=names)
    table = reviewable.table.merge(more, on="particle", how="left", validate="one_to_one")
    return replace(reviewable, table=table)


def review_of_classification(job_id: str, *, labels: str = "label") -> Reviewable:
    """Reviewable of what a "classify" job has classified so far, least certain first.

    labels: one of LABELS. To folder names the classifier suggests its prediction, the same label where it agrees; to
    its own predictions it has nothing to suggest. score is its probability for the label, margin that minus the largest
    other probability.
    """
    if labels not in LABELS:
        raise ValueError(f"labels must be {' or '.join(LABELS)}; got {labels!r}")
    job, folder = get(job_id), job_folder(job_id)
    if job.kind != "classify" or not (folder / "summary.json").is_file():
        raise LabError("This job has classified no particles; choose one that classified a source.")
    summary = json.loads((folder / "summary.json").read_text("utf-8"))
    rows = read_queue(folder / "results.csv")
    rejected = rows.loc[rows["status"] != "ok"]
    rows = rows.loc[rows["status"] == "ok"].reset_index(drop=True)
    tiles = read_tiles(folder / "tiles.npy")[: len(rows)]
    rows = rows.iloc[: len(tiles)]
    colour = folder / "colour.npy"
    given = rows[labels].tolist()
    if not any(given):
        raise LabError("None of these particles lies in a folder named after a class; review the predictions instead.")
    keys = [name.removeprefix("p_") for name in rows if name.startswith("p_")]
    dropped = [name for name in rows if name in _DROPPED or name.startswith("instrument.")]
    table = rows.drop(columns=[*dropped, "given"]).rename(columns={"image": "particle"})
    table = table.assign(given=given, **_label_quality(rows, keys, given))
    if labels == "given":
        table["suggested"] = rows["label"]
    reviewable = Reviewable(
        summary["title"],
        "classify",
        {"job": job_id, "labels": labels, "source": summary["source"]},
        tuple(sort_keys([*keys, *(key for key in given if key)])),
        table,
        tiles,
        np.load(colour, mmap_mode="r")[: len(rows)] if colour.is_file() else None,
        tuple(zip(rejected["image"], rejected["reason"], strict=True)),
        model=summary["weights"],
    )
    return _reordered(reviewable, np.argsort(table["score"].to_numpy(), kind="stable"))


def apply_queue(reviewable: Reviewable, queue: pd.DataFrame | str | Path, *, model: str = "") -> Reviewable:
    """The Reviewable in the order of a queue: particles that the queue does not name come last, none is lost.

    queue: a table, or the path of a CSV like suspects.csv, with "image" and the columns to show (suggested, score,
    margin, rank, reason, ...), most doubtful first. Raises LabError where it names something that is not a particle.
    """
    queue = queue if isinstance(queue, pd.DataFrame) else _read_queue_csv(queue)
    if "image" not in queue or not queue["image"].is_unique:
        raise LabError('A queue needs a column "image" with unique names; this table has none.')
    positions = {particle: position for position, particle in enumerate(reviewable.table["particle"])}
    unknown = [image for image in queue["image"] if image not in positions]
    if unknown:
        raise LabError(
            f"The queue names {unknown[0][:80]!r}, which is not a particle of {reviewable.name!r} "
            f"({len(unknown):,} such names); choose the queue of the same source."
        )
    more = queue.drop(columns=[name for name in ("given",) if name in queue]).rename(columns={"image": "particle"})
    own_columns = [name for name in reviewable.table if name == "particle" or name not in more]
    table = reviewable.table[own_columns].merge(more, on="particle", how="left", validate="one_to_one")
    named = [positions[image] for image in queue["image"]]
    order = np.concatenate([np.array(named, int), np.setdiff1d(np.arange(len(table)), named)])
    return _reordered(replace(reviewable, table=table, model=model or reviewable.model), order)


def start_review(reviewable: Reviewable, *, name: str = "", review_id: str | None = None) -> str:
    """Create a review of a Reviewable; returns its id. review_id: see create_review."""
    return create_review(
        name or reviewable.name,
        kind=reviewable.kind,
        source=reviewable.source,
        class_keys=reviewable.class_keys,
        table=reviewable.table,
        tiles=reviewable.tiles,
        colour=reviewable.colour,
        model=reviewable.model,
        review_id=review_id,
    )


def _of_labelled(data: "LabelledTiles", name: str, kind: str, source: dict[str, Any]) -> Reviewable:
    names = [particle_id(name) for name in data.names]
    table = pd.DataFrame({"particle": names, "given": [data.class_keys[label] for label in data.labels]})
    return Reviewable(name, kind, source, tuple(data.class_keys), table, data.tiles, None, tuple(data.left_out))


def _label_quality(rows: pd.DataFrame, keys: Sequence[str], given: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """Columns score and margin of these labels, from the classifier's probabilities."""
    probs = rows[[f"p_{key}" for key in keys]].to_numpy(float)
    positions = {key: position for position, key in enumerate(keys)}
    label = np.array([positions.get(key, -1) for key in given])
    others, is_known = probs.copy(), label >= 0
    others[is_known, label[is_known]] = -1
    own = np.where(is_known, probs[np.arange(len(probs)), label], 0.0)
    return {"score": own, "margin": own - others.max(1).clip(0)}  # clip: with one class there is no other


def _reordered(reviewable: Reviewable, order: NDArray[np.intp]) -> Reviewable:
    colour = None if reviewable.colour is None else reviewable.colour[order]
    table = reviewable.table.iloc[order].reset_index(drop=True)
    return replace(reviewable, table=table, tiles=reviewable.tiles[order], colour=colour)


def _read_queue_csv(path: str | Path) -> pd.DataFrame:
    try:
        return read_queue(path)
    except (OSError, ValueError) as error:
        raise LabError(
            f"{path} cannot be read as a queue ({str(error)[:80]}); choose a CSV like suspects.csv."
        ) from None
