"""A confusion reference of known rates."""

import numpy as np

from svp_core.classifier.confusion_reference import read_confusion_reference
from svp_core.classifier.resnet import load_classifier
from svp_core.model_files import find_model_folder
from svp_core.stats import counts

KEYS = ("protein", "silicone_oil", "air_bubble")


CONFUSION = np.array([[0.9, 0.08, 0.02], [0.05, 0.85, 0.1], [0.0, 0.1, 0.9]])


def drawn_reference(n, rng, confusion=CONFUSION):
    """Reference of n particles per class, assigned with certainty by this confusion matrix."""
    called = [rng.choice(3, n, p=row) for row in confusion]
    probs = np.eye(3, dtype=np.float32)[np.concatenate(called)] * 0.94 + 0.02
    return counts.ConfusionReference(probs, np.repeat([0, 1, 2], n), np.full(3 * n, 12.0), KEYS, "drawn")


def shipped_classifier():
    """(classifier, its confusion reference) of the shipped resnet18."""
    classifier = load_classifier(find_model_folder("resnet18"))
    assert classifier.folder is not None
    reference = read_confusion_reference(classifier.folder)
    assert reference is not None
    return classifier, reference
