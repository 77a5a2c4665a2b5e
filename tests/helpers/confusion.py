"""A confusion reference of known rates."""

import numpy as np

from svp_core.classifier.confusion_reference import read_confusion_reference
from svp_core.classifier.resnet import load_classifier
from svp_core.model_files import find_model_folder
from svp_core.stats import counts
from tests.helpers.finished_jobs import SIX_KEYS

KEYS = ("protein", "silicone_oil", "air_bubble")


CONFUSION = np.array([[0.9, 0.08, 0.02], [0.05, 0.85, 0.1], [0.0, 0.1, 0.9]])


def drawn_reference(n, rng, confusion=CONFUSION):
    """Reference of n particles per class, assigned with certainty by this confusion matrix."""
    called = [rng.choice(3, n, p=row) for row in confusion]
    probs = np.eye(3, dtype=np.float32)[np.concatenate(called)] * 0.94 + 0.02
    return counts.ConfusionReference(probs, np.repeat([0, 1, 2], n), np.full(3 * n, 12.0), KEYS, "drawn")


def certain_reference(*, each=(60,) * 6, right=0.9, instruments=40, seed=0):
    """So many particles of each of six classes; this share and one sixth of the rest are named right, all surely."""
    rng, labels = np.random.default_rng(seed), np.repeat(np.arange(6), each)
    named = np.where(rng.random(len(labels)) < right, labels, rng.integers(0, 6, len(labels)))
    probs = np.full((len(labels), 6), 0.01, np.float32)
    probs[np.arange(len(labels)), named] = 0.95
    sizes, of = rng.gamma(3, 4, len(labels)), rng.integers(0, instruments, len(labels))
    return counts.ConfusionReference(probs, labels, sizes, SIX_KEYS, "drawn particles", sizes / 0.5, of)


def shipped_classifier():
    """(classifier, its confusion reference) of the shipped resnet18."""
    classifier = load_classifier(find_model_folder("resnet18"))
    assert classifier.folder is not None
    reference = read_confusion_reference(classifier.folder)
    assert reference is not None
    return classifier, reference
