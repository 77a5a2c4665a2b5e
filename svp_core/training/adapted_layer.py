"""Adapt a classifier's last layer to a few labelled particles: it starts from its own weights and moves as little as
the labels demand.

Logistic regression whose penalty pulls towards the present weights instead of towards zero (the maximum a posteriori
estimate with a normal prior around them): with few labels the classifier stays as it is, with many it becomes the
lab's own. How strong the pull is, is chosen by cross-validation; how much is gained, by a second one around the first.
"""

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from svp_core.classifier.resnet import Classifier
from svp_core.label_errors.folds import assign_folds

PULLS = (1e5, 1000.0, 300.0, 100.0, 30.0)  # strengths of the penalty; at the first the layer hardly moves
FOLDS = 8  # to measure the gain
INNER_FOLDS = 5  # to choose the pull
MAX_ITERATIONS = 200

Floats = NDArray[np.float64]


class Adaptation:
    """Features of labelled particles, ready to fit."""

    def __init__(self, classifier: Classifier, features: NDArray[np.floating], labels: NDArray[np.integer]) -> None:
        """features: (N, D) of classifier_features; labels: (N,), indices into the classifier's classes."""
        layer: Any = classifier.model.get_submodule("fc")
        temperature = classifier.config.temperature
        self._weights = layer.weight.detach().cpu().numpy().astype(float) / temperature  # (K, D)
        self._biases = layer.bias.detach().cpu().numpy().astype(float) / temperature
        features = np.asarray(features, float)
        self._mean, std = features.mean(0), features.std(0)
        self._std = np.where(std > 1e-6, std, 1.0)
        self._inputs = (features - self._mean) / self._std
        self.logits = features @ self._weights.T + self._biases  # of the classifier as it is
        self.labels = np.asarray(labels, int)

    def fit(self, rows: NDArray[np.intp], pull: float) -> Floats:
        """Change of the standardised weights, (K, D), from the particles at these positions."""
        inputs, base, labels = self._inputs[rows], self.logits[rows], self.labels[rows]
        shape = self._weights.shape
        # A class of few labels counts for more than its share, but not as much as a frequent one.
        counts = np.bincount(labels, minlength=shape[0])
        importance = 1 / np.sqrt(counts[labels])
        importance *= len(labels) / importance.sum()
        hits = np.eye(shape[0])[labels]

        def loss(flat: Floats) -> tuple[float, Floats]:
            change = flat.reshape(shape)
            logits = base + inputs @ change.T
            nll = -(importance * log_softmax(logits, axis=1)[np.arange(len(labels)), labels]).sum()
            slope = (importance[:, None] * (softmax(logits, axis=1) - hits)).T @ inputs + pull * change
            return float(nll + pull * (change**2).sum() / 2), slope.ravel()

        found = minimize(
            loss, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options={"maxiter": MAX_ITERATIONS}
        )
        return found.x.reshape(shape)

    def probs(self, rows: NDArray[np.intp], change: Floats) -> Floats:
        """Predicted probabilities (n, K) after this change."""
        return softmax(self.logits[rows] + self._inputs[rows] @ change.T, axis=1)

    def choose_pull(self, rows: NDArray[np.intp], *, seed: int) -> float:
        """The pull whose held-out log-likelihood is best, by cross-validation within these rows."""
        losses = np.zeros(len(PULLS))
        for held_out in folds_of(self.labels[rows], INNER_FOLDS, seed=seed):
            train, test = rows[~held_out], rows[held_out]
            for index, pull in enumerate(PULLS):
                found = self.probs(test, self.fit(train, pull))
                losses[index] -= np.log(np.maximum(found[np.arange(len(test)), self.labels[test]], 1e-12)).sum()
        return PULLS[int(losses.argmin())]

    def cross_validated_probs(self, *, seed: int = 0) -> Floats:
        """Probabilities (N, K) of every particle from a layer that was neither fitted nor tuned on it."""
        found, everything = np.zeros(self.logits.shape), np.arange(len(self.labels))
        for number, held_out in enumerate(folds_of(self.labels, FOLDS, seed=seed)):
            train = everything[~held_out]
            change = self.fit(train, self.choose_pull(train, seed=seed + number + 1))
            found[held_out] = self.probs(everything[held_out], change)
        return found

    def adapted(self, classifier: Classifier, *, seed: int = 0) -> Classifier:
        """The classifier with the layer that all particles give; temperature 1."""
        everything = np.arange(len(self.labels))
        change = self.fit(everything, self.choose_pull(everything, seed=seed))
        model: Any = copy.deepcopy(classifier.model)
        with torch.no_grad():
            model.fc.weight.copy_(torch.from_numpy(self._weights + change / self._std))
            model.fc.bias.copy_(torch.from_numpy(self._biases - (change * self._mean / self._std).sum(1)))
        return Classifier(
            model.eval(), replace(classifier.config, temperature=1.0), classifier.folder, classifier.device
        )


def folds_of(labels: NDArray[np.integer], count: int, *, seed: int) -> Sequence[NDArray[np.bool_]]:
    """Which particles each of `count` folds holds out, bool (N,) each; without empty folds."""
    fold, _ = assign_folds(labels, folds=count, seed=seed)
    return [fold == number for number in np.unique(fold)]
