"""Adapting a last layer: follows clear labels, gains nothing from random ones, is tested on labels it did not see."""

import numpy as np
import pytest
import torch
from scipy.special import softmax

from svp_core.classifier.resnet import Classifier, ClassifierConfig, build_classifier
from svp_core.training import adapted_layer
from svp_core.training.adapted_layer import Adaptation, folds_of
from svp_core.training.last_layer import layer_probs

KEYS = ("protein", "silicone_oil", "air_bubble")


@pytest.fixture(scope="module")
def classifier():
    torch.manual_seed(0)
    config = ClassifierConfig(KEYS, temperature=2.0)
    return Classifier(build_classifier(config).eval(), config, None, torch.device("cpu"))


def shifted_instrument(classifier, count, *, shift, seed=0):
    """Features (count, 512) and their classes: as the layer has them apart, then seen through another instrument."""
    rng = np.random.default_rng(seed)
    weights = classifier.model.fc.weight.detach().numpy().astype(float)
    directions = weights / np.linalg.norm(weights, axis=1, keepdims=True)
    labels = np.arange(count) % 3
    features = rng.normal(size=(count, 512)) + 6 * directions[labels]
    return features - shift * directions[0] * (labels == 0)[:, None] + shift * directions[1] * (labels == 0)[
        :, None
    ], labels


def accuracy(probs, labels):
    return (probs.argmax(1) == labels).mean()


def test_probabilities_before_are_those_of_the_classifier(classifier):
    features, labels = shifted_instrument(classifier, 60, shift=0)
    adaptation = Adaptation(classifier, features, labels)
    found = softmax(adaptation.logits, axis=1)
    assert found == pytest.approx(layer_probs(classifier, features.astype(np.float32)), abs=1e-5)


def test_an_endless_pull_changes_nothing_and_the_loss_falls_with_a_weak_one(classifier):
    features, labels = shifted_instrument(classifier, 90, shift=5)
    adaptation, rows = Adaptation(classifier, features, labels), np.arange(90)
    assert np.abs(adaptation.fit(rows, 1e12)).max() < 1e-6
    change = adaptation.fit(rows, 10.0)
    assert accuracy(adaptation.probs(rows, change), labels) > accuracy(adaptation.logits, labels) + 0.2


def test_labels_of_another_instrument_are_learnt_and_the_gain_is_that_of_new_particles(classifier, monkeypatch):
    # The layer of an untrained network is small: it has to move far less than a trained one.
    monkeypatch.setattr(adapted_layer, "PULLS", (1e5, 100.0, 10.0, 1.0))
    features, labels = shifted_instrument(classifier, 240, shift=4)
    adaptation = Adaptation(classifier, features, labels)
    before, held_out = accuracy(adaptation.logits, labels), accuracy(adaptation.cross_validated_probs(), labels)
    assert held_out > before + 0.05
    adapted = adaptation.adapted(classifier)
    assert adapted.config.temperature == 1.0
    new_features, new_labels = shifted_instrument(classifier, 900, shift=4, seed=1)
    on_new = accuracy(layer_probs(adapted, new_features.astype(np.float32)), new_labels)
    assert abs(on_new - held_out) < 0.08


def test_random_labels_gain_nothing_on_labels_that_were_left_out(classifier):
    features, _ = shifted_instrument(classifier, 120, shift=0)
    labels = np.random.default_rng(5).permutation(np.arange(120) % 3)
    adaptation = Adaptation(classifier, features, labels)
    # On the labels it is fitted to, the weakest pull would reach far more.
    fitted = adaptation.probs(np.arange(120), adaptation.fit(np.arange(120), 1.0))
    assert accuracy(fitted, labels) > 0.9
    assert accuracy(adaptation.cross_validated_probs(), labels) < 0.5


def test_a_left_out_label_does_not_reach_its_own_prediction(classifier, monkeypatch):
    monkeypatch.setattr(Adaptation, "choose_pull", lambda *_, **__: 10.0)
    features, labels = shifted_instrument(classifier, 48, shift=3)
    before = Adaptation(classifier, features, labels).cross_validated_probs()
    held_out = folds_of(labels, adapted_layer.FOLDS, seed=0)[0]
    # The same classes, in another order within the fold: only predictions of other folds may change.
    changed = labels.copy()
    changed[held_out] = np.roll(labels[held_out], 1)
    adaptation = Adaptation(classifier, features, labels)
    adaptation.labels = changed
    monkeypatch.setattr(adapted_layer, "folds_of", lambda *_, **__: folds_of(labels, adapted_layer.FOLDS, seed=0))
    after = adaptation.cross_validated_probs()
    assert after[held_out] == pytest.approx(before[held_out])
    assert np.abs(after[~held_out] - before[~held_out]).max() > 1e-3


@pytest.mark.parametrize("labels", [[0] * 10, [0, 1, 2], [0] * 40 + [1] * 3])
def test_folds_hold_out_every_particle_once(labels):
    labels = np.array(labels)
    folds = folds_of(labels, 8, seed=1)
    assert np.sum(folds, axis=0).tolist() == [1] * len(labels)
    if len(labels) > 16:
        assert max(fold.sum() for fold in folds) - min(fold.sum() for fold in folds) <= 1
