"""Feature vectors: independent of batch and machine, and sensitive to grain and outline."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage

from svp_core.classifier.resnet import (
    Classifier,
    ClassifierConfig,
    build_classifier,
    predict_probs,
    with_new_last_layer,
)
from svp_core.embedding.features import classifier_features, fixed_features, layered_features
from tests.helpers.drawn_discs import draw_discs


def test_fixed_features_depend_on_neither_batch_nor_version():
    tiles = draw_discs(9, seed=0)
    features = fixed_features(tiles)
    assert features.shape == (9, 64)
    assert features.dtype == np.float32
    assert np.abs(features).max() <= 1
    np.testing.assert_allclose(fixed_features(tiles, batch=4), features, atol=1e-4)
    assert fixed_features(tiles[:0]).shape == (0, 64)
    # A tile drawn without a random generator; the values of the first version.
    rows, columns = np.mgrid[:64, :64]
    ring = (170 - 60 * np.exp(-((np.hypot(rows - 31.5, columns - 31.5) - 12) ** 2) / 8)).astype(np.uint8)
    np.testing.assert_allclose(fixed_features(ring[None])[0, :4], [-0.6600, -0.3886, -0.1739, -0.3689], atol=2e-3)


def test_fixed_features_change_with_grain_but_hardly_with_position():
    tiles = draw_discs(200, seed=1)
    spread = fixed_features(tiles).std(0)

    def largest_shift(changed):
        return np.abs((fixed_features(changed) - fixed_features(tiles)).mean(0) / spread).max()

    smoother = np.stack([ndimage.gaussian_filter(tile.astype(float), 0.5) for tile in tiles]).round().astype(np.uint8)
    assert largest_shift(smoother) > 1
    assert largest_shift(np.roll(tiles, 3, axis=2)) < 0.3


@pytest.fixture(scope="module")
def classifier():
    torch.manual_seed(0)
    config = ClassifierConfig(("protein", "silicone_oil", "air_bubble"), temperature=1.5)
    return Classifier(build_classifier(config).eval(), config, Path("untrained"), torch.device("cpu"))


def test_classifier_features_are_the_input_of_its_last_layer(classifier):
    tiles = draw_discs(5, seed=2)
    features = classifier_features(classifier, tiles, batch=2)
    assert features.shape == (5, 512)
    assert features.dtype == np.float32
    last = classifier.model.fc
    logits = features @ last.weight.detach().numpy().T + last.bias.detach().numpy()
    probs = torch.from_numpy(logits / 1.5).softmax(1).numpy()
    np.testing.assert_allclose(predict_probs(classifier, tiles), probs, atol=0.01)
    assert classifier_features(classifier, tiles[:0]).shape == (0, 512)
    assert not last._forward_pre_hooks


@pytest.mark.parametrize(("architecture", "width"), [("resnet18", 1408), ("resnet50", 5632)])
def test_a_last_layer_of_all_stages_sees_the_layered_features(architecture, width):
    torch.manual_seed(1)
    config = ClassifierConfig(("protein", "silicone_oil", "air_bubble"), architecture)
    plain = Classifier(build_classifier(config).eval(), config, None, torch.device("cpu"))
    model = with_new_last_layer(plain, 3, all_stages=True)
    classifier = Classifier(model, replace(config, all_stages=True), None, torch.device("cpu"))
    tiles = draw_discs(5, seed=2)
    features = layered_features(plain, tiles)
    assert features.shape == (5, width)
    # Hooks round to bfloat16 where the processor computes in it.
    np.testing.assert_allclose(layered_features(classifier, tiles), features, rtol=0.02, atol=0.02)
    np.testing.assert_allclose(classifier_features(classifier, tiles), features, rtol=0.02, atol=0.02)
    last = model.get_submodule("fc")
    logits = features @ last.weight.detach().numpy().T + last.bias.detach().numpy()
    probs = torch.from_numpy(logits).softmax(1).numpy()
    np.testing.assert_allclose(predict_probs(classifier, tiles), probs, atol=0.02)
