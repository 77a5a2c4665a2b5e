"""Retrain the classifier on the labels of a review, before and after it, and evaluate both on held-out particles."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from svp_core.errors import LabError
from svp_core.files import write_json
from svp_core.progress import Progress, Steps
from svp_core.review.decision_log import history
from svp_core.review.evaluation_split import split_for_evaluation
from svp_core.review.store import open_review
from svp_core.tasks.embed_review import FEATURE_MODEL
from svp_core.tasks.request import JobRequest
from svp_core.tasks.train import register_model
from svp_core.workspace import models

MIN_LABELS = 5  # labelled particles of a class to train on
MIN_REFERENCE = 10  # checked particles of each class, from which on counts can be corrected with them
_BATCH_SIZE = 256  # tiles embedded between two steps
CHECKED, BY_CHANCE = "checked", "by_chance"


@dataclass(frozen=True)
class RetrainRequest(JobRequest):
    """A classifier trained on the labels of one review."""

    review: str  # id
    name: str  # of the new model
    decisions: int  # length of the decision log to train on: later decisions are ignored

    @property
    def title(self) -> str:
        return f"Retrain {self.name}"


def retrain(request: RetrainRequest, folder: Path) -> Steps:
    """Train the last layer on a review's labels: as they were before the review, and as they are now.

    Writes folder/run, which becomes a model of the workspace (model.json), and retrained.json: decisions, learnt_from
    (class -> particles), notes, and checks, a list of dicts: of (CHECKED or BY_CHANCE), class ("" for all), and the
    fields of stats.paired_accuracy.
    """
    if (folder / "retrained.json").is_file() and (folder / "model.json").is_file():
        return
    models.new_model_folder(request.name)  # refuses an unusable name before any work
    from svp_core.classifier.resnet import load_classifier
    from svp_core.embedding.features import classifier_features
    from svp_core.training.last_layer import fit_last_layer, layer_probs, save_last_layer

    review = open_review(request.review)
    if review.tiles is None:
        raise LabError("This history came without images; retrain where the review was begun.")
    standing = review.current_labels().add([d for d in history(review.id) if d.number <= request.decisions])
    found = split_for_evaluation(review, standing)
    keys = _classes(review, found)
    classifier, count = load_classifier(models.find_model(FEATURE_MODEL)), len(review.tiles)
    features = np.empty((count, classifier.model.fc.in_features), np.float32)
    for start in range(0, count, _BATCH_SIZE):
        tiles = np.ascontiguousarray(review.tiles[start : start + _BATCH_SIZE])
        features[start : start + len(tiles)] = classifier_features(classifier, tiles)
        yield Progress(start + len(tiles), count, f"{start + len(tiles):,} of {count:,} particles looked at")
    yield Progress(count, count, "learning")
    learnt, named = {}, {}
    for which, labels in (("before", found.before), ("after", found.after)):
        rows = np.flatnonzero(found.is_training & np.isin(labels, keys))
        there = [key for key in keys if (labels[rows] == key).any()]
        places = np.array([there.index(label) for label in labels[rows]])
        learnt[which] = (
            fit_last_layer(classifier, features[rows], places, class_keys=there, um_per_px=_scales(review))
            if len(there) > 1
            else None
        )
        named[which] = (
            np.array(there, object)[layer_probs(learnt[which], features).argmax(1)]
            if learnt[which]
            else np.full(count, there[0] if there else "", object)
        )
    counts = {key: int((found.is_training & (found.after == key)).sum()) for key in keys}
    note = f"Labels of the review {review.name!r} after {request.decisions:,} decisions."
    save_last_layer(learnt["after"], folder / "run", counts=counts, note=note)
    _keep_reference(learnt["after"], folder / "run", features, found, layer_probs)
    checks = list(_checks(found, named, keys))
    write_json(
        folder / "retrained.json",
        {
            "decisions": request.decisions,
            "learnt_from": counts,
            "checks": checks,
            "notes": list(_notes(found, checks)),
        },
    )
    register_model(request.name, folder)


def retrain_summary(folder):
    """What retrained.json says, and "model", the name that the model got. Raises LabError while it is not made."""
    try:
        made = json.loads((folder / "retrained.json").read_text("utf-8"))
        return made | json.loads((folder / "model.json").read_text("utf-8"))
    except (OSError, ValueError):
        raise LabError("This retraining has not come to its end; start it again.") from None


def _classes(review, found):
    """Classes to tell apart: those with enough particles to learn from. Raises LabError where that is no two."""
    counts = {key: int((found.is_training & (found.after == key)).sum()) for key in review.class_keys}
    keys = [key for key, count in counts.items() if count >= MIN_LABELS]
    if len(keys) < 2:
        there = ", ".join(f"{key} {count:,}" for key, count in counts.items())
        raise LabError(
            f"To learn from there are {there}; at least two classes with {MIN_LABELS} particles each are needed, "
            "besides those set aside to check on."
        )
    return keys


def _checks(found, named, keys):
    """Dicts of every check, all classes first, then one by one."""
    from svp_core.stats.paired_accuracy import paired_accuracy

    parts = (
        (CHECKED, found.audited != "", found.audited, found.weight),
        (BY_CHANCE, found.held_out & (found.before != ""), found.before, None),
    )
    for of, rows, truth, weight in parts:
        for key in ("", *keys):
            mine = np.flatnonzero(rows if not key else rows & (truth == key))
            if len(mine):
                right = [named[which][mine] == truth[mine] for which in ("before", "after")]
                yield {
                    "of": of,
                    "class": key,
                    **asdict(paired_accuracy(*right, weights=None if weight is None else weight[mine])),
                }


def _notes(found, checks):
    if not any(check["of"] == CHECKED for check in checks):
        yield (
            "No particle was checked at random yet. Under Decide, Random check draws some: labels that no model had a "
            "say in show best what the review was worth."
        )
    if not checks:
        yield "There is nothing to try the networks on, so nothing can be said about before and after."
    if (found.before == found.after).all():
        yield "No label differs from what it was before the review."


def _keep_reference(classifier, run, features, found, layer_probs):
    """What the new network says of the checked particles, where there are enough: counts are corrected by it."""
    from svp_core.classifier.confusion_reference import write_confusion_reference
    from svp_core.stats.counts import ConfusionReference

    keys = classifier.config.class_keys
    rows = np.flatnonzero(np.isin(found.audited, keys))
    labels = np.array([keys.index(label) for label in found.audited[rows]], int)
    if len(rows) and np.bincount(labels, minlength=len(keys)).min() >= MIN_REFERENCE:
        words = f"{len(rows):,} particles checked at random in its review, of unknown sizes"
        probs = layer_probs(classifier, features[rows])
        write_confusion_reference(run, ConfusionReference(probs, labels, np.full(len(rows), np.nan), keys, words))


def _scales(review):
    """(smallest, largest) pixel size in um, () where nobody knows."""
    if "um_per_px" not in review.table or not review.table["um_per_px"].notna().any():
        return ()
    sizes = review.table["um_per_px"].dropna().astype(float)
    return float(sizes.min()), float(sizes.max())
