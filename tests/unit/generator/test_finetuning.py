"""Fine-tuning: classes matched by key, the base's grey levels kept, errors by noise level."""

from typing import Any

import numpy as np
import pytest
import torch

from svp_core.generator import error_by_noise, training_loop, unet
from tests.helpers.random_networks import randomise_output

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def base():
    """A generator with random weights: its output is not zero and its class embeddings all differ."""
    torch.manual_seed(0)
    config = unet.GeneratorConfig(("protein", "air_bubble"), 0.25, 0.3, channels=(16, 32))
    model = unet.build_unet(config).eval()
    randomise_output(model)
    return unet.Generator(model, config, None, CPU)


def drawn(count, level=150):
    return np.random.default_rng(level).integers(level - 10, level + 10, (count, 64, 64)).astype(np.uint8)


def test_known_classes_keep_their_embedding_and_new_ones_start_from_the_null_label(base):
    config, weights = training_loop.init_from(base, ("air_bubble", "fibre"), dropout=0.1)
    assert config.class_keys == ("air_bubble", "fibre")
    assert config.dropout == 0.1
    assert (config.pixel_mean, config.pixel_std, config.channels) == (0.25, 0.3, (16, 32))
    embedding = base.model.class_embedding.weight
    assert torch.equal(weights["class_embedding.weight"], embedding[[1, 2, 2]])

    started = training_loop.GeneratorTraining(
        config, training_loop.GeneratorTrainingPlan(images=8, batch=4), device=CPU, start=weights
    ).generator
    x, level = torch.randn(2, 4, 32, 32), torch.tensor([10.0, 10.0])
    for label, base_label in ((0, 1), (1, 2), (2, 2)):
        output, base_output = (
            network.model(x, level, torch.tensor([k, k])).sample
            for network, k in ((started, label), (base, base_label))
        )
        assert torch.allclose(output, base_output, atol=1e-5)  # the memory layout differs, so the rounding does


def test_fine_tuning_leaves_the_base_unchanged(base):
    before = {name: tensor.clone() for name, tensor in base.model.state_dict().items()}
    config, weights = training_loop.init_from(base, ("fibre",), dropout=0.0)
    training = training_loop.GeneratorTraining(
        config, training_loop.GeneratorTrainingPlan(images=8, batch=4), device=CPU, start=weights
    )
    list(training.run(drawn(4), np.zeros(4, int)))
    assert all(torch.equal(tensor, before[name]) for name, tensor in base.model.state_dict().items())


def test_a_resumed_training_with_dropout_equals_an_uninterrupted_one(base):
    config, weights = training_loop.init_from(base, ("fibre",), dropout=0.2)
    plan = training_loop.GeneratorTrainingPlan(images=4 * 5, batch=4)

    def training():
        return training_loop.GeneratorTraining(config, plan, device=CPU, start=weights)

    tiles, labels = drawn(6), np.zeros(6, int)
    whole, first, second = training(), training(), training()
    list(whole.run(tiles, labels))
    for progress in first.run(tiles, labels):
        if progress.step == 2:
            break
    torch.rand(100)  # other use of the random generator must not matter
    second.resume(first.state())
    list(second.run(tiles, labels))
    for resumed, uninterrupted in zip(second.ema.parameters(), whole.ema.parameters(), strict=True):
        assert torch.equal(resumed, uninterrupted)


class FakeAccelerator:
    """Stand-in for accelerate's Accelerator in process `index` of two, without the other process."""

    num_processes = 2

    def __init__(self, index):
        self.process_index = index

    def prepare_model(self, model):
        return model


def test_two_processes_train_on_the_two_halves_of_one_batch(base, monkeypatch):
    seen = []
    real = training_loop.edm_loss
    monkeypatch.setattr(training_loop, "edm_loss", lambda *inputs: seen.append(inputs[1:5]) or real(*inputs))
    config, weights = training_loop.init_from(base, ("protein", "fibre"), dropout=0.0)
    accelerators: list[Any] = [None, FakeAccelerator(0), FakeAccelerator(1)]
    for accelerator in accelerators:
        plan = training_loop.GeneratorTrainingPlan(images=4, batch=4)
        training = training_loop.GeneratorTraining(config, plan, device=CPU, start=weights, accelerator=accelerator)
        next(training.run(np.concatenate([drawn(5), drawn(5, 90)]), np.repeat([0, 1], 5)))
    whole, *halves = seen
    for full, *parts in zip(whole, *halves, strict=True):
        together = torch.empty_like(full)
        together[0::2], together[1::2] = parts
        assert torch.equal(together, full)
    with pytest.raises(ValueError, match="a batch of 5 cannot be divided equally among 2 processes"):
        training_loop.GeneratorTraining(
            config, training_loop.GeneratorTrainingPlan(batch=5), device=CPU, accelerator=accelerators[1]
        )


def test_band_errors_are_about_one_untrained_and_fall_with_training(base):
    tiles, labels = drawn(8, 200), np.zeros(8, int)
    tiles[:, 16:48, 16:48] -= 140  # a dark square, the same in every orientation
    config = training_loop.config_for(tiles, ("dust",), channels=(16, 32))
    plan = training_loop.GeneratorTrainingPlan(images=8 * 60, batch=8, learning_rate=3e-3, warmup_steps=5)
    training = training_loop.GeneratorTraining(config, plan, device=CPU)
    before = error_by_noise.errors_by_noise(training.generator, tiles, labels)
    assert list(before) == list(error_by_noise.NOISE_BANDS)
    assert all(0.5 < error < 1.5 for error in before.values())
    list(training.run(tiles, labels))
    after = error_by_noise.errors_by_noise(training.generator, tiles, labels)
    assert all(after[band] < 0.8 * before[band] for band in ("shape", "whole"))


def test_band_errors_of_a_tile_do_not_depend_on_the_others(base):
    tiles, labels = drawn(5), np.array([0, 1, 0, 1, 0])
    single = [error_by_noise.errors_by_noise(base, tiles[:count], labels[:count]) for count in (1, 2)]
    both = single[1]["edges"] * 2 - single[0]["edges"]
    assert both > 0
    assert error_by_noise.errors_by_noise(base, tiles[:1], labels[:1]) == single[0]
    assert error_by_noise.errors_by_noise(base, tiles[:2], labels[:2], seed=1) != single[1]
