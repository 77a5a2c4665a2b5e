"""Train a classifier: from labelled tiles to its model folder."""

from collections.abc import Generator
from pathlib import Path

import numpy as np

from svp_core.classifier import resnet
from svp_core.classifier import training_loop as classifier_training
from svp_core.classifier.confusion_reference import write_confusion_reference
from svp_core.datasets.labelled_tiles import LabelledTiles
from svp_core.device import best_device
from svp_core.errors import LabError
from svp_core.model_files import as_stored, save_model
from svp_core.morphology import measure
from svp_core.progress import Progress
from svp_core.stats.counts import ConfusionReference


def train_classifier(
    data: LabelledTiles,
    out: str | Path,
    *,
    validation: LabelledTiles,
    architecture: str = "resnet18",
    plan: classifier_training.ClassifierTrainingPlan | None = None,
    note: str = "",  # what the tiles are, for the card
) -> Generator[Progress, None, None]:
    """Train a classifier on labelled tiles into the model folder `out`; yields Progress after each step.

    validation: tiles of the same classes, ideally of other instruments: one half selects the checkpoint, the other half
    fits the temperature, and its predictions are stored as the confusion reference by which counts are corrected.
    Raises LabError where the classes differ or there is only one.
    """
    if len(data.class_keys) < 2:
        raise LabError(
            f"All images are of one class, {', '.join(data.class_keys)}; a classifier needs at least two classes."
        )
    if data.class_keys != validation.class_keys:
        raise LabError(
            f"Training has the classes {', '.join(data.class_keys)} but validation has "
            f"{', '.join(validation.class_keys)}; give the same ones."
        )
    plan = plan or classifier_training.ClassifierTrainingPlan()
    result = yield from classifier_training.train(
        resnet.ClassifierConfig(data.class_keys, architecture),
        plan,
        data.tiles,
        data.labels,
        validation=(validation.tiles, validation.labels),
        device=best_device(),
    )
    config = {
        **resnet.config_as_dict(result.config),
        "plan": as_stored(plan),
        "trained_on": data.counts(),
        "note": note,
    }
    tensors = {name: t.half() if t.is_floating_point() else t for name, t in result.state.items()}
    save_model(out, config=config, tensors=tensors, card=_card(data, validation, note), history=result.history)
    _write_reference(Path(out), data, validation)


def _card(data, validation, note):
    trained_on = "\n".join(f"- {key}: {count:,} tiles" for key, count in data.counts().items())
    return f"# Classifier\n\n{note}\n\nTrained on\n{trained_on}\n\nHeld out: {len(validation.tiles):,} tiles.\n"


def _write_reference(model_folder, data, validation):
    """Store the finished classifier's predictions on the held-out tiles that did not select its checkpoint.

    Nothing is written where a class has no tiles but those that were trained on as well.
    """
    _, (tiles, labels) = classifier_training.halves(validation.tiles, validation.labels)
    trained_on = {hash(tile.tobytes()) for tile in data.tiles}
    unseen = np.array([hash(tile.tobytes()) not in trained_on for tile in tiles], bool)
    tiles, labels = tiles[unseen], labels[unseen]
    class_counts = np.bincount(labels, minlength=len(validation.class_keys))
    if not class_counts.all():
        return
    counts = ", ".join(f"{key} {count:,}" for key, count in zip(validation.class_keys, class_counts, strict=True))
    description = f"{len(tiles):,} held-out tiles of its training ({counts}), of unknown sizes"
    probs = resnet.predict_probs(resnet.load_classifier(model_folder), tiles)
    sizes_px = np.array([measure(tile)["ecd_px"] for tile in tiles], float)
    sizes_um = np.full(len(tiles), np.nan)
    reference = ConfusionReference(probs, labels, sizes_um, validation.class_keys, description, sizes_px)
    write_confusion_reference(model_folder, reference)
