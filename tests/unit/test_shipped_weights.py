"""The shipped models reach the figures of their cards on particles that no training saw."""

import json

import numpy as np
import pytest
import torch

from svp_core.classifier import resnet
from svp_core.classifier.confusion_reference import read_confusion_reference
from svp_core.datasets.labelled_tiles import read_labelled
from svp_core.generator import sampling, unet
from svp_core.model_files import SHIPPED_MODELS
from svp_core.optics import scenes
from svp_core.optics.imaging_conditions import AGGREGATE_LAW

CPU = torch.device("cpu")
MAIN = ["protein", "silicone_oil", "air_bubble"]
CLASSIFIERS = ("resnet18", "resnet18_six", "resnet50")


@pytest.fixture(scope="module")
def classifier():
    return resnet.load_classifier(SHIPPED_MODELS / "resnet18", device=CPU)


@pytest.fixture(scope="module")
def held_out():
    """Simulated tiles of run seed 8 by class key."""
    return {
        key: np.stack([scenes.simulate(key, scenes.particle_seed(8, k), law=AGGREGATE_LAW).pixels for k in range(40)])
        for key in MAIN
    }


@pytest.mark.parametrize("name", ["generator", *CLASSIFIERS])
def test_the_card_of_a_shipped_model_names_data_paper_and_licence(name):
    folder = SHIPPED_MODELS / name
    card, config = (folder / "card.md").read_text("utf-8"), json.loads((folder / "config.json").read_text("utf-8"))
    assert "simulated" in card
    assert "## Measured" in card
    assert "arXiv:2508.06021" in card
    assert "Apache-2.0" in card
    further = ["glass_flake", "fibre", "other"] if name == "resnet18_six" else []
    assert list(config["trained_on"]) == MAIN + further


def test_all_weights_together_stay_small():
    assert sum(path.stat().st_size for path in SHIPPED_MODELS.rglob("*") if path.is_file()) < 150e6


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_held_out_particles_are_classified_correctly(held_out, name):
    classifier = resnet.load_classifier(SHIPPED_MODELS / name, device=CPU)
    for label, key in enumerate(MAIN):
        assert (resnet.predict_probs(classifier, held_out[key]).argmax(1) == label).mean() >= 0.75


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_shipped_classifier_has_a_confusion_reference(name):
    reference = read_confusion_reference(SHIPPED_MODELS / name)
    assert reference is not None
    correct = reference.probs.argmax(1) == reference.labels
    assert np.bincount(reference.labels).tolist() == [1000] * len(reference.class_keys)
    assert correct.mean() > 0.8
    main = reference.labels < len(MAIN)
    assert correct[main].mean() > 0.85


@pytest.mark.parametrize(
    ("kind", "key", "least"),
    [("glass_flake", "glass_flake", 0.7), ("fibre", "fibre", 0.8), ("opaque", "other", 0.7)],
)
def test_further_kinds_are_named_by_the_classifier_of_six_classes(kind, key, least):
    classifier = resnet.load_classifier(SHIPPED_MODELS / "resnet18_six", device=CPU)
    tiles = np.stack([scenes.simulate(kind, scenes.particle_seed(8, k)).pixels for k in range(40)])
    named = resnet.predict_probs(classifier, tiles).argmax(1)
    assert (named == classifier.config.class_keys.index(key)).mean() >= least


def test_published_tiles_are_named_rightly(real_data):
    classifier = resnet.load_classifier(SHIPPED_MODELS / "resnet18", device=CPU)
    published = read_labelled(real_data / "svp_generated")
    named = np.array(classifier.config.class_keys)[resnet.predict_probs(classifier, published.tiles).argmax(1)]
    right = named == np.array(published.class_keys)[published.labels]
    assert len(right) == 140
    assert right.mean() >= 0.9


@pytest.mark.parametrize("key", MAIN)
def test_generated_particles_are_classified_as_requested(classifier, key):
    generator = unet.load_generator(SHIPPED_MODELS / "generator", device=CPU)
    batches = sampling.sample_tiles(generator, key, seeds=sampling.image_seeds(77, 24))
    tiles = np.concatenate([batch for _, batch in batches])
    predicted = resnet.predict_probs(classifier, tiles).argmax(1)
    # 85 % expected; one and a half standard deviations less for 24 tiles.
    assert (predicted == classifier.config.class_keys.index(key)).mean() >= 0.74
