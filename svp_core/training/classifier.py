"""From labelled tiles to the run folder of a classifier."""

from dataclasses import asdict

import numpy as np

from svp_core.classifier import resnet
from svp_core.classifier import training_loop as classifier_training
from svp_core.classifier.confusion_reference import write_confusion_reference
from svp_core.device import best_device
from svp_core.errors import LabError
from svp_core.model_files import save_model
from svp_core.morphology import measure
from svp_core.stats.counts import ConfusionReference


def train_classifier(data, out, *, validation, architecture="resnet18", plan=None, note=""):
    """Train a classifier on Labelled data into the run folder `out`; yields Progress after each step.

    validation: Labelled tiles of the same classes, best of other instruments: half of them pick the checkpoint, the
    other half the temperature, and what is said of these is kept, so that counts can be corrected by it. note: what the
    tiles are, for the card. Raises LabError where the classes differ or there is but one.
    """
    if len(data.class_keys) < 2:
        raise LabError(
            f"All images are of one class, {data.class_keys[0]}; a classifier needs at least two to tell apart."
        )
    if data.class_keys != validation.class_keys:
        raise LabError(
            f"Training has the classes {', '.join(data.class_keys)} but validation has "
            f"{', '.join(validation.class_keys)}; give the same ones."
        )
    plan, result = plan or classifier_training.ClassifierTrainingPlan(), []
    config = resnet.ClassifierConfig(data.class_keys, architecture)
    yield from classifier_training.train(
        config,
        plan,
        data.tiles,
        data.labels,
        validation=(validation.tiles, validation.labels),
        device=best_device(),
        result=result,
    )
    (checked,) = result
    described = {
        **resnet.config_as_dict(checked.config),
        "plan": asdict(plan),
        "trained_on": data.counts(),
        "note": note,
    }
    tensors = {name: t.half() if t.is_floating_point() else t for name, t in checked.state.items()}
    trained = "\n".join(f"- {key}: {count:,} tiles" for key, count in data.counts().items())
    card = f"# Classifier\n\n{note}\n\nTrained on\n{trained}\n\nHeld out: {len(validation.tiles):,} tiles.\n"
    save_model(out, config=described, tensors=tensors, card=card, history=checked.history)
    _keep_answers(out, data, validation)


def _keep_answers(run, data, validation):
    """Write what the finished classifier says of the held-out tiles that did not choose its checkpoint.

    Nothing is written where a class has none that is no training tile as well.
    """
    _, (tiles, labels) = classifier_training.halves(validation.tiles, validation.labels)
    trained_on = {hash(tile.tobytes()) for tile in data.tiles}
    unseen = np.array([hash(tile.tobytes()) not in trained_on for tile in tiles], bool)
    tiles, labels = tiles[unseen], labels[unseen]
    of_class = np.bincount(labels, minlength=len(validation.class_keys))
    if not of_class.all():
        return
    counted = ", ".join(f"{key} {count:,}" for key, count in zip(validation.class_keys, of_class, strict=True))
    words = f"{len(tiles):,} held-out tiles of its training ({counted}), of unknown sizes"
    probs = resnet.predict_probs(resnet.load_classifier(run), tiles)
    in_px = np.array([measure(tile)["ecd_px"] for tile in tiles], float)
    write_confusion_reference(
        run, ConfusionReference(probs, labels, np.full(len(tiles), np.nan), validation.class_keys, words, in_px)
    )
