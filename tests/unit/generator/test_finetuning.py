"""A generator that begins with another's weights: classes by name, the base's grey levels, errors by noise level."""

import numpy as np
import pytest
import torch

from svp_core.generator import error_by_noise, training_loop, unet

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def base():
    """An untrained generator whose output is not zero and whose class rows all differ."""
    torch.manual_seed(0)
    config = unet.GeneratorConfig(("protein", "air_bubble"), 0.25, 0.3, widths=(16, 32))
    model = unet.build_unet(config).eval()
    torch.nn.init.normal_(model.conv_out.weight, std=0.05)
    return unet.Generator(model, config, None, CPU)


def drawn(count, level=150):
    return np.random.default_rng(level).integers(level - 10, level + 10, (count, 64, 64)).astype(np.uint8)


def test_classes_start_from_their_namesakes_and_new_ones_from_any_class(base):
    config, weights = training_loop.init_from(base, ("air_bubble", "fibre"), dropout=0.1)
    assert config.class_keys == ("air_bubble", "fibre")
    assert config.dropout == 0.1
    assert (config.pixel_mean, config.pixel_std, config.widths) == (0.25, 0.3, (16, 32))
    theirs = base.model.class_embedding.weight
    assert torch.equal(weights["class_embedding.weight"], theirs[[1, 2, 2]])

    started = training_loop.GeneratorTraining(
        config, training_loop.GeneratorTrainingPlan(images=8, batch=4), device=CPU, start=weights
    ).generator
    x, level = torch.randn(2, 4, 32, 32), torch.tensor([10.0, 10.0])
    for ours, its in ((0, 1), (1, 2), (2, 2)):
        mine, of_base = (net.model(x, level, torch.tensor([k, k])).sample for net, k in ((started, ours), (base, its)))
        assert torch.allclose(mine, of_base, atol=1e-5)  # the memory layout differs, so the rounding does


def test_the_base_is_left_as_it_was(base):
    before = {name: tensor.clone() for name, tensor in base.model.state_dict().items()}
    config, weights = training_loop.init_from(base, ("fibre",), dropout=0.0)
    training = training_loop.GeneratorTraining(
        config, training_loop.GeneratorTrainingPlan(images=8, batch=4), device=CPU, start=weights
    )
    list(training.run(drawn(4), np.zeros(4, int)))
    assert all(torch.equal(tensor, before[name]) for name, tensor in base.model.state_dict().items())


def test_with_dropout_an_interrupted_training_still_goes_on_as_if_nothing_had_happened(base):
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
    torch.rand(100)  # what else the process does must not matter
    second.resume(first.state())
    list(second.run(tiles, labels))
    for ours, theirs in zip(second.average.parameters(), whole.average.parameters(), strict=True):
        assert torch.equal(ours, theirs)


class Company:
    """Stands for accelerate's Accelerator in process `index` of two, without the other one."""

    num_processes = 2

    def __init__(self, index):
        self.process_index = index

    def prepare_model(self, model):
        return model


def test_two_processes_see_two_halves_of_one_batch(base, monkeypatch):
    seen = []
    real = training_loop.edm_loss
    monkeypatch.setattr(training_loop, "edm_loss", lambda *given: seen.append(given[1:5]) or real(*given))
    config, weights = training_loop.init_from(base, ("protein", "fibre"), dropout=0.0)
    for company in (None, Company(0), Company(1)):
        plan = training_loop.GeneratorTrainingPlan(images=4, batch=4)
        training = training_loop.GeneratorTraining(config, plan, device=CPU, start=weights, accelerator=company)
        next(training.run(np.concatenate([drawn(5), drawn(5, 90)]), np.repeat([0, 1], 5)))
    whole, *halves = seen
    for full, *parts in zip(whole, *halves, strict=True):
        together = torch.empty_like(full)
        together[0::2], together[1::2] = parts
        assert torch.equal(together, full)
    with pytest.raises(ValueError, match="2 processes cannot share batches of 5"):
        training_loop.GeneratorTraining(
            config, training_loop.GeneratorTrainingPlan(batch=5), device=CPU, accelerator=Company(0)
        )


def test_band_errors_are_about_one_untrained_and_fall_with_training(base):
    tiles, labels = drawn(8, 200), np.zeros(8, int)
    tiles[:, 16:48, 16:48] -= 140  # a dark square, in every turn the same
    config = training_loop.config_for(tiles, ("dust",), widths=(16, 32))
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
