"""Look for wrong labels in a source and begin a review of it, the most suspect first."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd

from svp_core.errors import LabError
from svp_core.files import write_json
from svp_core.progress import Progress
from svp_core.review import sources
from svp_core.review.embedding_store import save_embedding
from svp_core.tasks.embed_review import WEIGHTS
from svp_core.workspace.models import find_model

MEASURED = ("ecd_um", "ecd_px", "aspect_ratio", "circularity")  # what is shown of a particle beside its picture
_BATCH = 512  # particles measured between two steps


def find_label_errors(config, folder):
    """Rank the labels of a source by how suspect they are, and begin a review of it in that order.

    config: kind ("folder" or "dataset"), source (path, or the data set's id), name (of the review).
    Makes review.json: review (its id), notes (sentences for the person). Where labels cannot be judged, such as those
    of one class only, the review is begun in the order of the source, and a note says why.
    """
    if (folder / "review.json").is_file():
        return
    if not config["name"].strip():
        raise LabError("The review has no name; give it one.")
    if config["kind"] == "folder":
        found = yield from sources.review_of_folder(config["source"])
    else:
        found = sources.review_of_dataset(config["source"])
    count = len(found.tiles)
    try:
        judged, notes, likeness = yield from _judge(found)
    except LabError as error:
        judged, notes, likeness = found, [f"The labels could not be judged: {error}"], None
    if found.left_out:
        notes = [*notes, f"{len(found.left_out):,} items of the source were left out."]
    if not {"ecd_um", "ecd_px"} & set(judged.table):
        judged = yield from _measured(judged)
    if likeness:
        from svp_core.embedding.clusters import tsne_map

        yield Progress(count, count, "Laying out the map")
        likeness = (*likeness, tsne_map(likeness[1]))
    review = sources.begin_review(replace(judged, name=config["name"].strip()))
    if likeness:
        save_embedding(review, [str(name) for name in found.table["particle"]], *likeness)
    write_json(folder / "review.json", {"review": review, "notes": notes})
    yield Progress(count, count, f"{count:,} labels looked at")


def label_error_summary(folder):
    """(id of the review, notes) of a finished "suspect" job's folder."""
    try:
        made = json.loads((folder / "review.json").read_text("utf-8"))
    except (OSError, ValueError):
        raise LabError("This search has not come to its end; begin the review again.") from None
    return made["review"], made["notes"]


def _measured(found):
    """The Reviewable with MEASURED as columns; yields Progress."""
    from svp_core.morphology import measure

    scales = found.table["um_per_px"].astype(float) if "um_per_px" in found.table else [None] * len(found.tiles)
    rows = []
    for position, (tile, scale) in enumerate(zip(found.tiles, scales, strict=True), 1):
        measured = measure(tile, um_per_px=scale if scale and scale > 0 else None)
        rows.append({name: measured[name] for name in MEASURED})
        if position % _BATCH == 0:
            yield Progress(position, len(found.tiles), f"{position:,} of {len(found.tiles):,} particles measured")
    columns = pd.DataFrame(rows, columns=MEASURED).astype(float).round(3)
    kept = columns.loc[:, columns.notna().any()]
    return replace(found, table=found.table.drop(columns=[*kept], errors="ignore").join(kept))


def _judge(found):
    """(Reviewable in its new order, notes, (nearest, places)); yields Progress."""
    from svp_core.classifier.resnet import load_classifier
    from svp_core.datasets.labelled_tiles import LabelledTiles
    from svp_core.review.label_error_search import search_label_errors, summary

    place = {key: label for label, key in enumerate(found.class_keys)}
    labels = np.array([place[key] for key in found.table["given"]], np.int64)
    names = tuple(found.table["particle"])
    data = LabelledTiles(np.asarray(found.tiles), labels, found.class_keys, names, found.left_out)
    mislabels = yield from search_label_errors(data, load_classifier(find_model(WEIGHTS)))
    queue = pd.DataFrame(mislabels.rows()).astype({"score": float, "margin": float})
    chances = pd.DataFrame(
        mislabels.review.probs[mislabels.review.judged], columns=[f"p_{key}" for key in mislabels.class_keys]
    ).assign(image=mislabels.names)
    queue = queue.merge(chances.round(4), on="image", validate="one_to_one")
    ordered = sources.with_queue(found, queue, model=WEIGHTS)
    return ordered, summary(mislabels), (mislabels.review.nearest.positions, mislabels.review.places)
