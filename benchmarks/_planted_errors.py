"""Labelled sets with planted label errors, for benchmarks of searching and of reviewing them."""

from typing import Any

import numpy as np
from generator_quality import simulated

from svp_core.classifier.resnet import predict_probs
from svp_core.label_errors import find_label_errors
from svp_core.progress import run_to_end

RUN_SEED = 33  # of the simulator: no model was trained or selected on it
COMMON = 20  # proteins per particle of a rare class
CASES = (
    ("uniform", 0.05),
    ("pair", 0.05),
    ("pair", 0.12),
    ("look-alikes", 0.05),
    ("look-alikes", 0.12),
)


def particles(rare, classifier, folder):
    """(tiles, truth, confusability float (N, 3), pair, class names) of simulated particles, 20 : 1 : 1.

    confusability: probability of each class by another model.
    """
    counts = {"protein": COMMON * rare, "silicone_oil": rare, "air_bubble": rare}
    tiles = np.concatenate([simulated(key, count, RUN_SEED, folder) for key, count in counts.items()])
    truth = np.repeat(np.arange(3), list(counts.values()))
    # In the order of the classifier's classes.
    return tiles, truth, predict_probs(classifier, tiles), (1, 2), ["protein", "silicone oil", "air bubble"]


def digits():
    """The same of scikit-learn's digits; their confusability comes from a support vector machine on the pixels."""
    from PIL import Image
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.datasets import load_digits
    from sklearn.model_selection import cross_val_predict
    from sklearn.svm import SVC

    data: Any = load_digits()
    images = [Image.fromarray((image * 255 / 16).astype(np.uint8)).resize((64, 64), 3) for image in data.images]
    # Their types are inferred from defaults that are strings.
    svm = SVC(gamma=0.001, C=10)  # pyright: ignore[reportArgumentType]
    machine = CalibratedClassifierCV(svm, ensemble=False)  # pyright: ignore[reportArgumentType]
    confusability = cross_val_predict(machine, data.data, data.target, method="predict_proba")
    return (
        np.stack([np.asarray(image) for image in images]),
        data.target,
        confusability,
        (1, 8),
        [f"digit {k}" for k in range(10)],
    )


def plant(truth, confusability, *, kind, share, pair, seed):
    """Labels with planted errors, int (N,). kind: one of CASES; share: of all images, or of the pair's."""
    rng, given = np.random.default_rng(seed), truth.copy()
    if kind == "uniform":
        rows = np.asarray(rng.choice(len(truth), round(share * len(truth)), replace=False))
        given[rows] = (truth[rows] + rng.integers(1, confusability.shape[1], len(rows))) % confusability.shape[1]
        return given
    members = np.flatnonzero(np.isin(truth, pair))
    other = np.where(truth[members] == pair[0], pair[1], pair[0])
    weights = confusability[members, other] if kind == "look-alikes" else np.ones(len(members))
    chosen = rng.choice(len(members), round(share * len(members)), replace=False, p=weights / weights.sum())
    given[members[chosen]] = other[chosen]
    return given


def search(tiles, features, given, class_names, seed):
    """LabelErrorReport of these labels. features: of all tiles, so that plantings do not compute them again."""
    rows = {tile.tobytes(): row for row, tile in enumerate(tiles)}
    return run_to_end(
        find_label_errors(
            tiles,
            given,
            embed=lambda batch: features[[rows[tile.tobytes()] for tile in batch]],
            class_names=class_names,
            seed=seed,
        )
    )
