"""Find label errors in a source and start a review of it, the most suspect labels first."""

import json
from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from svp_core.display import truncate
from svp_core.errors import LabError
from svp_core.files import reserve_id, write_json
from svp_core.progress import Progress, Steps
from svp_core.review import sources
from svp_core.review.embedding_store import save_embedding
from svp_core.tasks.embed_review import FEATURE_MODEL
from svp_core.tasks.request import JobRequest
from svp_core.workspace.models import find_model

MEASURED = ("ecd_um", "ecd_px", "aspect_ratio", "circularity")  # shown beside the image of a particle
FOLDER, DATASET = "folder", "dataset"
_BATCH_SIZE = 512  # particles measured between two steps


@dataclass(frozen=True)
class LabelErrorRequest(JobRequest):
    """A search for label errors in one source, and the review that follows."""

    kind: str  # FOLDER or DATASET
    source: str  # path of the folder, or id of the data set
    name: str  # of the review

    @property
    def title(self) -> str:
        return f"Find label errors in {truncate(self.name)}"

    def check(self) -> None:
        if not self.name.strip():
            raise LabError("The review has no name; enter one.")
        if self.kind not in (FOLDER, DATASET):
            raise LabError(f"A source of kind {self.kind!r} cannot be searched; give {FOLDER!r} or {DATASET!r}.")


def find_label_errors(request: LabelErrorRequest, folder: Path) -> Steps:
    """Rank the labels of a source by how suspect they are, and start a review in that order; not repeated once done.

    Writes review.json: review (its id), notes (sentences for the reviewer). Where labels cannot be scored, e.g. because
    all are of one class, the review keeps the order of the source and a note says why.
    """
    request.check()
    if (folder / "review.json").is_file():
        return
    if request.kind == FOLDER:
        reviewable = yield from sources.review_of_folder(request.source)
    else:
        reviewable = sources.review_of_dataset(request.source)
    count = len(reviewable.tiles)
    try:
        ordered, notes, embedding = yield from _score(reviewable)
    except LabError as error:
        ordered, notes, embedding = reviewable, [f"The labels could not be scored: {error}"], None
    if reviewable.excluded:
        notes = [*notes, f"{len(reviewable.excluded):,} items of the source were left out."]
    if not {"ecd_um", "ecd_px"} & set(ordered.table):
        ordered = yield from _measured(ordered)
    plane = None
    if embedding:
        from svp_core.embedding.clusters import tsne_map

        yield Progress(count, count, "Laying out the map")
        plane = tsne_map(embedding[1])
    reserved = reserve_id(folder / "reserved.json")
    review = sources.start_review(replace(ordered, name=request.name.strip()), review_id=reserved)
    if embedding and plane is not None:
        neighbours, coordinates = embedding
        save_embedding(review, [str(name) for name in reviewable.table["particle"]], neighbours, coordinates, plane)
    write_json(folder / "review.json", {"review": review, "notes": notes})
    yield Progress(count, count, f"{count:,} labels scored")


def label_error_summary(folder: Path) -> tuple[str, list[str]]:
    """(id of the review, notes) of a finished search's folder."""
    try:
        summary = json.loads((folder / "review.json").read_text("utf-8"))
    except (OSError, ValueError):
        raise LabError("This search did not finish; start the review again.") from None
    return summary["review"], summary["notes"]


def _measured(reviewable: sources.Reviewable) -> Generator[Progress, None, sources.Reviewable]:
    """The Reviewable with MEASURED as columns; yields Progress."""
    from svp_core.morphology import measure

    tiles, table = reviewable.tiles, reviewable.table
    scales = table["um_per_px"].astype(float) if "um_per_px" in table else [None] * len(tiles)
    rows = []
    for position, (tile, scale) in enumerate(zip(tiles, scales, strict=True), 1):
        measured = measure(tile, um_per_px=scale if scale and scale > 0 else None)
        rows.append({name: measured[name] for name in MEASURED})
        if position % _BATCH_SIZE == 0:
            yield Progress(position, len(tiles), f"{position:,} of {len(tiles):,} particles measured")
    columns = pd.DataFrame(rows, columns=list(MEASURED)).astype(float).round(3)
    measured_columns = columns.loc[:, columns.notna().any()]
    return replace(reviewable, table=table.drop(columns=[*measured_columns], errors="ignore").join(measured_columns))


def _score(
    reviewable: sources.Reviewable,
) -> Generator[Progress, None, tuple[sources.Reviewable, list[str], tuple[Any, ...]]]:
    """(Reviewable in its new order, notes, (neighbours, coordinates)); yields Progress."""
    from svp_core.classifier.resnet import load_classifier
    from svp_core.datasets.labelled_tiles import LabelledTiles
    from svp_core.review.label_error_search import search_label_errors, summary

    index = {key: label for label, key in enumerate(reviewable.class_keys)}
    labels = np.array([index[key] for key in reviewable.table["given"]], np.int64)
    names = tuple(reviewable.table["particle"])
    data = LabelledTiles(np.asarray(reviewable.tiles), labels, reviewable.class_keys, names, reviewable.excluded)
    errors = yield from search_label_errors(data, load_classifier(find_model(FEATURE_MODEL)))
    queue = pd.DataFrame(errors.rows()).astype({"score": float, "margin": float})
    probabilities = pd.DataFrame(
        errors.report.probs[errors.report.judged], columns=[f"p_{key}" for key in errors.class_keys]
    ).assign(image=errors.names)
    queue = queue.merge(probabilities.round(4), on="image", validate="one_to_one")
    ordered = sources.apply_queue(reviewable, queue, model=FEATURE_MODEL)
    return ordered, summary(errors), (errors.report.neighbours.positions, errors.report.coordinates)
