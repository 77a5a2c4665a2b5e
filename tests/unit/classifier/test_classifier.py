"""The classifier at tiny size: probabilities, calibration, training, augmentation that keeps the class."""

import numpy as np
import pytest
import torch
from torchvision.models import resnet18

from svp_core.classifier import augment, resnet, training_loop
from svp_core.errors import LabError
from svp_core.model_files import save_model
from svp_core.progress import run_to_end

KEYS = ("protein", "silicone_oil", "air_bubble")
CPU = torch.device("cpu")


def blobs(count, seed=0):
    """Tiles of three classes that differ in brightness and size: easy, but only for a network that uses the pixels."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    v, u = np.mgrid[-32:32, -32:32]
    tiles = []
    for label in labels:
        radius, level = ((6, 60), (14, 240), (24, 20))[label]
        disc = np.hypot(u - rng.normal(0, 2), v - rng.normal(0, 2)) < radius
        tiles.append(np.where(disc, level, 175) + rng.normal(0, 3, (64, 64)))
    return np.clip(tiles, 0, 255).astype(np.uint8), labels


@pytest.fixture(scope="module")
def untrained():
    torch.manual_seed(0)
    config = resnet.ClassifierConfig(KEYS, temperature=2.0)
    return resnet.Classifier(resnet.build_classifier(config).eval(), config, None, CPU)


def test_the_network_equals_torchvisions_except_for_the_first_and_last_layer():
    tensors = resnet.build_classifier(resnet.ClassifierConfig(KEYS)).state_dict()
    reference = resnet18(num_classes=3).state_dict()
    assert tensors.keys() == reference.keys()
    assert [name for name in tensors if tensors[name].shape != reference[name].shape] == ["conv1.weight"]


def test_probabilities_are_the_tempered_softmax_of_the_network(untrained):
    tiles, _ = blobs(7)
    probs = resnet.predict_probs(untrained, tiles, batch=3)
    assert probs.shape == (7, 3)
    assert probs.dtype == np.float32
    assert np.allclose(probs.sum(1), 1, atol=1e-5)
    with torch.inference_mode():
        logits = untrained.model(torch.from_numpy(tiles).float()[:, None] / 127.5 - 1)
    assert np.allclose(probs, (logits / 2.0).softmax(1), atol=0.02)


@pytest.mark.parametrize("all_stages", [False, True])
def test_logits_are_rounded_once_so_that_any_number_of_threads_gives_the_same(all_stages):
    """A sum in single precision depends on the order of its terms, which the number of threads decides."""
    torch.manual_seed(0)
    layer = resnet.build_classifier(resnet.ClassifierConfig(KEYS, all_stages=all_stages)).get_submodule("fc")
    features = 1000 * torch.rand((96, layer.in_features))
    weight, bias = (layer.get_parameter(name).detach().double().numpy() for name in ("weight", "bias"))
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        logits = layer(features)
    assert logits.dtype == torch.float32
    assert np.array_equal(logits.numpy(), (features.double().numpy() @ weight.T + bias).astype(np.float32))


def test_no_tiles_give_an_empty_array(untrained):
    assert resnet.predict_probs(untrained, np.zeros((0, 64, 64), np.uint8)).shape == (0, 3)


def test_a_model_folder_rebuilds_the_classifier(untrained, tmp_path):
    config = resnet.config_as_dict(untrained.config)
    save_model(tmp_path, config=config, tensors=untrained.model.state_dict(), card="", history=[])
    loaded = resnet.load_classifier(tmp_path, device=CPU)
    assert loaded.config == untrained.config
    tiles, _ = blobs(4)
    assert np.allclose(resnet.predict_probs(loaded, tiles), resnet.predict_probs(untrained, tiles), atol=1e-5)


def test_a_model_of_another_kind_is_refused(tmp_path):
    save_model(tmp_path, config={"generator": {}}, tensors={"a": torch.zeros(1)}, card="", history=[])
    with pytest.raises(LabError, match="is not a classifier"):
        resnet.load_classifier(tmp_path)


def test_an_unknown_architecture_is_refused():
    with pytest.raises(ValueError, match="use resnet18 or resnet50"):
        resnet.build_classifier(resnet.ClassifierConfig(KEYS, "vgg"))


def test_fit_temperature_recovers_the_factor_of_overconfident_logits():
    generator = torch.Generator().manual_seed(0)
    true = torch.randn(4000, 3, generator=generator) * 2
    labels = torch.multinomial(true.softmax(1), 1, generator=generator)[:, 0]
    assert abs(training_loop.fit_temperature(true * 3, labels) - 3) < 0.25


def test_training_learns_and_keeps_the_best_checkpoint():
    tiles, labels = blobs(96)
    steps = []
    plan = training_loop.ClassifierTrainingPlan(epochs=8, batch=16, checks=4)
    training = training_loop.train(
        resnet.ClassifierConfig(KEYS), plan, tiles, labels, validation=blobs(60, seed=1), device=CPU
    )
    result = run_to_end(training, steps.append)
    assert [p.step for p in steps] == list(range(1, 49))
    assert steps[-1].total == 48
    best = min(row["validation_loss"] for row in result.history)
    model = resnet.build_classifier(result.config)
    model.load_state_dict(result.state)
    trained = resnet.Classifier(model.eval(), result.config, None, CPU)
    test_tiles, test_labels = blobs(60, seed=2)
    assert (resnet.predict_probs(trained, test_tiles).argmax(1) == test_labels).mean() > 0.9
    assert best < 0.6
    assert result.config.temperature > 0


@pytest.mark.parametrize("seed", range(3))
def test_augmentation_keeps_range_and_class_and_follows_the_seed(seed):
    tiles, labels = blobs(24)
    images = torch.from_numpy(tiles).float().div(255)[:, None]
    changed = augment.augment(images, np.random.default_rng(seed))
    assert changed.shape == images.shape
    assert changed.min() >= 0
    assert changed.max() <= 1
    assert not torch.allclose(changed, images)
    again = augment.augment(images, np.random.default_rng(seed))
    assert torch.equal(changed, again)
    # A bright disc stays brighter than its surroundings, a dark one darker.
    for image, label in zip(changed[:, 0], labels, strict=True):
        centre, border = image[28:36, 28:36].mean(), torch.cat([image[0], image[-1]]).median()
        assert (centre > border) == (label == 1)


@pytest.mark.parametrize("seed", range(5))
def test_wide_augmentation_keeps_range_and_class_and_follows_the_seed(seed):
    tiles, labels = blobs(24)
    images = torch.from_numpy(tiles).float().div(255)[:, None]
    before = images.clone()
    changed = augment.augment_widely(images, np.random.default_rng(seed))
    assert torch.equal(images, before)
    assert changed.shape == images.shape
    assert changed.min() >= 0
    assert changed.max() <= 1
    assert torch.equal(changed, augment.augment_widely(images, np.random.default_rng(seed)))
    for image, label in zip(changed[:, 0], labels, strict=True):
        centre, border = image[28:36, 28:36].mean(), torch.cat([image[0], image[-1]]).median()
        assert (centre > border) == (label == 1)


def test_a_stretched_disc_is_as_large_as_before_and_no_rounder_than_promised():
    v, u = np.mgrid[-31.5:32, -31.5:32]
    disc = torch.from_numpy((np.hypot(u, v) < 14).astype(np.float32))[None, None].expand(40, -1, -1, -1)
    ratios = []
    for image in augment.stretch(disc, np.random.default_rng(0), share=1.0)[:, 0].numpy():
        assert image.sum() == pytest.approx(disc[0].sum().item(), rel=0.03)
        axes = np.linalg.eigvalsh(np.cov(u.ravel(), v.ravel(), aweights=image.ravel()))
        ratios.append(np.sqrt(axes[0] / axes[1]))
    assert 0.58 < min(ratios) < 0.66
    assert 0.9 < max(ratios) <= 1
    untouched = augment.stretch(disc, np.random.default_rng(0), share=0.0)
    assert torch.allclose(untouched, disc, atol=1e-4)


def test_edging_leaves_a_bright_halo_around_what_is_dark():
    v, u = np.mgrid[-31.5:32, -31.5:32]
    distance = np.hypot(u, v)
    images = torch.from_numpy(np.where(distance < 8, 0.2, 0.6).astype(np.float32))[None, None].expand(12, -1, -1, -1)
    edged = augment._soften_and_edge(images, np.random.default_rng(1))[:, 0].numpy()
    halo, far = edged[:, (distance > 15) & (distance < 18)], edged[:, distance > 40]
    assert (halo.mean(1) > far.mean(1)).all()
    assert np.abs(far.mean(1) - 0.6).max() < 0.03


def test_a_cut_out_tile_is_filled_with_one_level():
    tiles, _ = blobs(40)
    images = torch.from_numpy(tiles).float().div(255)[:, None]
    changed = augment._cut_out(images, np.random.default_rng(0))
    flat_corner = [(image[0, :3, :3].std() == 0).item() for image in changed]
    assert 0.1 < np.mean(flat_corner) < 0.7
