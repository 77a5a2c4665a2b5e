"""The classifiers that an experiment trains: random forest and logistic regression on features, ResNets on tiles."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svp_core.experiment.design import FEATURE_NETWORKS, FOREST, OVERSAMPLING, WEIGHTS
from svp_core.progress import Progress

LOGISTIC_C = 0.01  # as training.last_layer: inverse strength of the L2 penalty on standardised features
MAX_ITERATIONS = 300


@dataclass(frozen=True)
class Examples:
    """Labelled examples to train on or to predict: tiles for a ResNet, features for the others."""

    tiles: NDArray[np.uint8]  # (N, 64, 64)
    features: NDArray[np.floating]  # (N, D); (N, 0) where no network needs them
    labels: NDArray[np.int64]  # (N,)

    def take(self, rows: NDArray[np.integer]) -> "Examples":
        """The examples at these positions."""
        return Examples(self.tiles[rows], self.features[rows], self.labels[rows])


@dataclass(frozen=True)
class LearnerPlan:
    """How a classifier is trained; the same for every arm."""

    network: str
    seed: int
    steps: int = 300
    batch: int = 64
    trees: int = 300


def predict_after_training(
    plan: LearnerPlan,
    training: Examples,
    *,
    validation: Examples,
    test: Examples,
    class_keys: Sequence[str],
    balance: str = "",
) -> Generator[Progress, None, NDArray[np.float32]]:
    """Probabilities of the test examples, float32 (N, K), rows sum to 1, of a classifier trained on the others.

    balance: WEIGHTS: each class has the same weight in the loss; OVERSAMPLING: minority classes are repeated up to the
    largest one. validation selects the checkpoint of a ResNet and its temperature; the others do not use it.
    """
    if balance == OVERSAMPLING:
        training = training.take(oversampled(training.labels, seed=plan.seed))
    if plan.network in FEATURE_NETWORKS:
        yield Progress(0, 1, "Fitting")
        return _fit_features(plan, training, test, len(class_keys), balance)
    return (yield from _train_resnet(plan, training, validation, test, class_keys, balance))


def oversampled(labels: NDArray[np.integer], *, seed: int) -> NDArray[np.int64]:
    """Positions with every class repeated up to the largest one: whole repeats first, the rest drawn at random."""
    rng, rows = np.random.default_rng([seed, 5]), []
    most = int(np.bincount(labels).max())
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        whole, rest = divmod(most, len(members))
        rows += [np.tile(members, whole), np.sort(rng.choice(members, rest, replace=False))]
    return np.concatenate(rows)


def class_weights(labels: NDArray[np.integer], class_count: int) -> NDArray[np.float64]:
    """Weight of each class, N / (K n_k), float (K,); 0 for a class without examples."""
    counts = np.bincount(labels, minlength=class_count).astype(float)
    return np.divide(len(labels), (counts > 0).sum() * counts, out=np.zeros(class_count), where=counts > 0)


def _fit_features(plan, training, test, class_count, balance):
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    mean, std = training.features.mean(0), training.features.std(0)
    std = np.where(std > 1e-6, std, 1.0)
    weights = class_weights(training.labels, class_count)[training.labels] if balance == WEIGHTS else None
    model: Any = (
        RandomForestClassifier(plan.trees, random_state=plan.seed, n_jobs=1)
        if plan.network == FOREST
        else LogisticRegression(C=LOGISTIC_C, max_iter=MAX_ITERATIONS)
    )
    with threadpool_limits(1):
        model.fit((training.features - mean) / std, training.labels, sample_weight=weights)
        fitted = model.predict_proba((test.features - mean) / std)
    probs = np.zeros((len(test.labels), class_count), np.float32)
    probs[:, model.classes_] = fitted
    return probs


def _train_resnet(plan, training, validation, test, class_keys, balance):
    from svp_core.classifier.resnet import Classifier, ClassifierConfig, build_classifier, predict_probs
    from svp_core.classifier.training_loop import ClassifierTrainingPlan, train
    from svp_core.device import best_device

    device = best_device()
    weights = class_weights(training.labels, len(class_keys)) if balance == WEIGHTS else None
    settings = ClassifierTrainingPlan(steps=plan.steps, batch=plan.batch, checks=5, seed=plan.seed)
    result = yield from train(
        ClassifierConfig(tuple(class_keys), plan.network, um_per_px=()),
        settings,
        training.tiles,
        training.labels,
        validation=(validation.tiles, validation.labels),
        device=device,
        class_weights=weights,
    )
    model: Any = build_classifier(result.config)
    model.load_state_dict(result.state)
    model = model.to(device).eval()
    return predict_probs(Classifier(model, result.config, None, device), test.tiles)
