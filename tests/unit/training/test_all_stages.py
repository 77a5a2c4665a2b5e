"""A last layer of all stages on a network whose last stage knows nothing: earlier stages tell the classes apart."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from svp_core.classifier.resnet import Classifier, ClassifierConfig, build_classifier, load_classifier, predict_probs
from svp_core.datasets.labelled_tiles import LabelledTiles
from svp_core.progress import run_to_end
from svp_core.training import all_stages
from svp_core.training.all_stages import fit_all_stages
from svp_core.training.last_layer import save_last_layer
from tests.helpers.drawn_discs import draw_discs

KEYS = ("protein", "silicone_oil")
CPU = torch.device("cpu")


def labelled(count, seed):
    """Discs, every second one with coarse grain added: the earliest stage sees that, whatever its weights."""
    tiles, labels = draw_discs(count, seed=seed), np.arange(count) % 2
    grain = np.random.default_rng(seed).normal(0, 12, tiles.shape) * labels[:, None, None]
    tiles = (tiles + grain).round().clip(0, 255).astype(np.uint8)
    return LabelledTiles(tiles, labels, KEYS, tuple(f"{k}.png" for k in range(count)), ())


@pytest.fixture(scope="module")
def base():
    torch.manual_seed(0)
    config = ClassifierConfig(KEYS, um_per_px=(0.3, 1.0), temperature=3.0)
    return Classifier(build_classifier(config).eval(), config, None, CPU)


@pytest.fixture(scope="module")
def fitted(base):
    return run_to_end(fit_all_stages(base, labelled(60, seed=0), validation=labelled(40, seed=1)))


def test_it_tells_new_particles_apart(fitted):
    data = labelled(60, seed=2)
    assert (predict_probs(fitted, data.tiles).argmax(1) == data.labels).mean() >= 0.95


def test_other_layers_and_pixel_sizes_are_those_of_the_base(base, fitted):
    assert fitted.config.all_stages
    assert fitted.config.class_keys == KEYS == base.config.class_keys
    assert fitted.config.um_per_px == base.config.um_per_px
    before, after = base.model.state_dict(), fitted.model.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before if not name.startswith("fc."))


def test_a_share_of_the_layer_before_is_kept(base, monkeypatch):
    data, validation = labelled(60, seed=0), labelled(40, seed=1)
    layers = []
    for kept in (0.0, 0.2):
        monkeypatch.setattr(all_stages, "KEPT", kept)
        layers.append(run_to_end(fit_all_stages(base, data, validation=validation)).model.get_submodule("fc"))
    before = base.model.get_submodule("fc")
    for name in ("weight", "bias"):
        new, mixed, old = (getattr(layer, name).detach() for layer in (*layers, before))
        padded = torch.zeros_like(new)
        padded[..., : old.shape[-1]] = old / base.config.temperature
        torch.testing.assert_close(mixed, 0.8 * new + 0.2 * padded)


def test_the_temperature_is_the_most_likely_one_of_the_validation_tiles(fitted):
    data = labelled(40, seed=1)

    def loss(temperature):
        classifier = replace(fitted, config=replace(fitted.config, temperature=temperature))
        probs = predict_probs(classifier, data.tiles)
        return -np.log(np.maximum(probs[np.arange(40), data.labels], 1e-30)).mean()

    best = fitted.config.temperature
    assert loss(best) <= min(loss(1.5 * best), loss(best / 1.5)) + 1e-3


def test_it_is_stored_and_loaded(fitted, tmp_path):
    save_last_layer(fitted, tmp_path, counts={"protein": 30, "silicone_oil": 30}, note="discs")
    loaded, tiles = load_classifier(tmp_path, device=CPU), labelled(6, seed=3).tiles
    assert loaded.config == fitted.config
    np.testing.assert_allclose(predict_probs(loaded, tiles), predict_probs(fitted, tiles), atol=0.03)
