"""Retrain the classifier on the labels of a review, before and after it, and evaluate both on held-out particles."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svp_core.errors import LabError
from svp_core.files import write_json
from svp_core.progress import Progress, Steps
from svp_core.review.decision_log import history
from svp_core.review.evaluation_split import EvaluationSplit, split_for_evaluation
from svp_core.review.store import Review, open_review
from svp_core.tasks.embed_review import FEATURE_MODEL
from svp_core.tasks.request import JobRequest
from svp_core.tasks.train import discard_run, register_model, registered_model
from svp_core.workspace import models

MIN_LABELS = 5  # labelled particles of a class to train on
MIN_REFERENCE = 10  # checked particles of each class, from which on counts can be corrected with them
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
    if (folder / "retrained.json").is_file() and registered_model(folder):
        return
    discard_run(folder)
    models.new_model_folder(request.name)  # refuses an unusable name before any work
    from svp_core.classifier.resnet import load_classifier
    from svp_core.embedding.features import embed_tiles
    from svp_core.training.last_layer import save_last_layer

    review = open_review(request.review)
    if review.tiles is None:
        raise LabError("This review was imported without images; retrain in the workspace where it was started.")
    decisions = [decision for decision in history(review.id) if decision.number <= request.decisions]
    split = split_for_evaluation(review, review.current_labels().add(decisions))
    keys = _trainable_classes(review, split)
    classifier = load_classifier(models.find_model(FEATURE_MODEL))
    features = yield from embed_tiles(classifier, review.tiles)
    yield Progress(len(features), len(features), "Training the last layer")
    layers, predicted, um_per_px = {}, {}, _pixel_sizes(review)
    for time, labels in (("before", split.before), ("after", split.after)):
        layers[time], predicted[time] = _fit(classifier, features, labels, split.is_training, keys, um_per_px)
    counts = {key: int((split.is_training & (split.after == key)).sum()) for key in keys}
    note = f"Labels of the review {review.name!r} after {request.decisions:,} decisions."
    save_last_layer(layers["after"], folder / "run", counts=counts, note=note)
    _save_reference(layers["after"], folder / "run", features, split)
    checks = list(_checks(split, predicted, keys))
    summary = {"decisions": request.decisions, "learnt_from": counts, "checks": checks}
    write_json(folder / "retrained.json", {**summary, "notes": list(_notes(split, checks))})
    register_model(request.name, folder)


def retrain_summary(folder: Path) -> dict[str, Any]:
    """Content of retrained.json, and "model", the name of the model. Raises LabError for an unfinished retraining."""
    try:
        summary = json.loads((folder / "retrained.json").read_text("utf-8"))
        return summary | json.loads((folder / "model.json").read_text("utf-8"))
    except (OSError, ValueError):
        raise LabError("This retraining did not finish; start it again.") from None


def _trainable_classes(review: Review, split: EvaluationSplit) -> list[str]:
    """Classes with at least MIN_LABELS training particles. Raises LabError where there are fewer than two."""
    counts = {key: int((split.is_training & (split.after == key)).sum()) for key in review.class_keys}
    keys = [key for key, count in counts.items() if count >= MIN_LABELS]
    if len(keys) < 2:
        available = ", ".join(f"{key} {count:,}" for key, count in counts.items())
        raise LabError(
            f"Training particles: {available}. At least two classes with {MIN_LABELS} each are needed, not counting "
            "the held-out particles."
        )
    return keys


def _fit(
    classifier: Any,
    features: NDArray[np.float32],
    labels: NDArray[np.object_],
    is_training: NDArray[np.bool_],
    keys: Sequence[str],
    um_per_px: tuple[float, ...],
) -> tuple[Any, NDArray[np.object_]]:
    """(classifier with a new last layer, predicted class of every particle); None and the only class for one class."""
    from svp_core.training.last_layer import fit_last_layer, layer_probs

    rows = np.flatnonzero(is_training & np.isin(labels, keys))
    present = [key for key in keys if (labels[rows] == key).any()]
    if len(present) < 2:
        return None, np.full(len(features), present[0] if present else "", object)
    targets = np.array([present.index(label) for label in labels[rows]])
    layer = fit_last_layer(classifier, features[rows], targets, class_keys=present, um_per_px=um_per_px)
    return layer, np.array(present, object)[layer_probs(layer, features).argmax(1)]


def _checks(
    split: EvaluationSplit, predicted: Mapping[str, NDArray[np.object_]], keys: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """Accuracy before and after on each held-out set: over all classes, then per class."""
    from svp_core.stats.paired_accuracy import paired_accuracy

    held_out_sets = (
        (CHECKED, split.audited != "", split.audited, split.weight),
        (BY_CHANCE, split.held_out & (split.before != ""), split.before, None),
    )
    for name, is_held_out, truth, weight in held_out_sets:
        for key in ("", *keys):
            rows = np.flatnonzero(is_held_out if not key else is_held_out & (truth == key))
            if len(rows):
                before, after = (predicted[time][rows] == truth[rows] for time in ("before", "after"))
                weights = None if weight is None else weight[rows]
                yield {"of": name, "class": key, **asdict(paired_accuracy(before, after, weights=weights))}


def _notes(split: EvaluationSplit, checks: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not any(check["of"] == CHECKED for check in checks):
        yield (
            "No particle was checked at random yet. Random check (under Decide) draws some: randomly drawn labels, "
            "given without a model's suggestion, give the fairest estimate."
        )
    if not checks:
        yield "There are no held-out particles, so before and after cannot be compared."
    if (split.before == split.after).all():
        yield "No label differs from what it was before the review."


def _save_reference(classifier: Any, run: Path, features: NDArray[np.float32], split: EvaluationSplit) -> None:
    """Store the new model's predictions for the checked particles, if enough: they correct counts."""
    from svp_core.classifier.confusion_reference import write_confusion_reference
    from svp_core.stats.counts import ConfusionReference
    from svp_core.training.last_layer import layer_probs

    keys = classifier.config.class_keys
    rows = np.flatnonzero(np.isin(split.audited, keys))
    labels = np.array([keys.index(label) for label in split.audited[rows]], int)
    if len(rows) and np.bincount(labels, minlength=len(keys)).min() >= MIN_REFERENCE:
        description = f"{len(rows):,} particles checked at random in its review, of unknown sizes"
        probs, sizes = layer_probs(classifier, features[rows]), np.full(len(rows), np.nan)
        write_confusion_reference(run, ConfusionReference(probs, labels, sizes, keys, description))


def _pixel_sizes(review: Review) -> tuple[float, ...]:
    """(smallest, largest) pixel size, µm; empty where it is unknown."""
    if "um_per_px" not in review.table:
        return ()
    sizes = review.table["um_per_px"].to_numpy(float)
    sizes = sizes[~np.isnan(sizes)]
    return (float(sizes.min()), float(sizes.max())) if len(sizes) else ()
