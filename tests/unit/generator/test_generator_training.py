"""Training of the generator: learns its classes, resumes, EMA, noise levels, levels of classes."""

import numpy as np
import pytest
import torch

from svp_core.generator import pipeline, training_loop, unet
from tests.helpers.tiny_generator import CONFIG, sampled


def two_classes():
    """Dark tiles and bright tiles."""
    rng = np.random.default_rng(0)
    levels = np.repeat([60, 200], 8)
    return (levels[:, None, None] + rng.integers(0, 5, (16, 64, 64))).astype(np.uint8), np.repeat([0, 1], 8)


def test_training_learns_the_classes():
    tiles, labels = two_classes()
    config = training_loop.config_for(tiles, CONFIG.class_keys, channels=(16, 32), dropout=0.0)
    plan = training_loop.GeneratorTrainingPlan(images=8 * 80, batch=8, learning_rate=3e-3, warmup_steps=10)
    training = training_loop.GeneratorTraining(config, plan, device=torch.device("cpu"))
    losses = [progress.loss or np.nan for progress in training.run(tiles, labels)]
    assert np.mean(losses[-10:]) < 0.7 * np.mean(losses[:10])
    trained = unet.Generator(training.ema.eval(), config, None, torch.device("cpu"))
    dark, bright = (sampled(trained, key, [1, 2, 3]).mean() for key in config.class_keys)
    assert dark < 110
    assert bright > 150


def test_a_resumed_training_equals_an_uninterrupted_one():
    tiles, labels = two_classes()
    config = training_loop.config_for(tiles, CONFIG.class_keys, channels=(16, 32), dropout=0.0)
    plan = training_loop.GeneratorTrainingPlan(images=4 * 6, batch=4)

    whole = training_loop.GeneratorTraining(config, plan, device=torch.device("cpu"))
    assert [p.step for p in whole.run(tiles, labels)] == [1, 2, 3, 4, 5, 6]
    first = training_loop.GeneratorTraining(config, plan, device=torch.device("cpu"))
    for progress in first.run(tiles, labels):
        if progress.step == 3:
            break
    second = training_loop.GeneratorTraining(config, plan, device=torch.device("cpu"))
    second.resume(first.state())
    assert [p.step for p in second.run(tiles, labels)] == [4, 5, 6]
    for resumed, uninterrupted in zip(second.ema.parameters(), whole.ema.parameters(), strict=True):
        assert torch.allclose(resumed, uninterrupted, atol=1e-6)


def test_a_class_without_tiles_is_named():
    tiles, labels = two_classes()
    config = training_loop.config_for(tiles, ("protein", "silicone_oil", "air_bubble"), channels=(16, 32))
    training = training_loop.GeneratorTraining(
        config, training_loop.GeneratorTrainingPlan(images=8), device=torch.device("cpu")
    )
    with pytest.raises(ValueError, match="no training tiles of class 'air_bubble'"):
        next(training.run(tiles, labels))


def test_the_ema_follows_the_power_function():
    """Of weights that grow by one per step, the EMA is about (gamma + 1) / (gamma + 2) of the last."""
    tiles, _labels = two_classes()
    config = training_loop.config_for(tiles, CONFIG.class_keys, channels=(16, 32))
    training = training_loop.GeneratorTraining(
        config, training_loop.GeneratorTrainingPlan(images=10**6), device=torch.device("cpu")
    )
    weight = next(training.model.parameters())
    training.optimiser = torch.optim.SGD([weight], lr=0.0)
    for step in range(1, 201):
        with torch.no_grad():
            weight.fill_(float(step))
        training._update((weight * 0).sum())
    assert abs(float(next(training.ema.parameters()).flatten()[0]) - 200 * 7.94 / 8.94) < 1.5


def test_the_eight_orientations_all_differ():
    tile = np.arange(9, dtype=np.uint8).reshape(3, 3)
    assert len({training_loop.dihedral(tile, k).tobytes() for k in range(8)}) == 8


def test_a_quarter_of_the_noise_levels_is_coarse():
    source = torch.Generator().manual_seed(0)
    drawn = torch.cat(
        [
            training_loop.sample_log_sigma(training_loop.GeneratorTrainingPlan(batch=1000), source).flatten()
            for _ in range(20)
        ]
    )
    above = (drawn.exp() > 20).float().mean()
    # ln(80 / 20) / ln(80 / 2) of the coarse quarter, and almost none of the others.
    assert abs(above - 0.25 * np.log(4) / np.log(40)) < 0.01
    none = training_loop.sample_log_sigma(training_loop.GeneratorTrainingPlan(batch=20_000, coarse_fraction=0), source)
    assert abs(none.mean() + 1.2) < 0.05
    assert abs(none.std() - 1.6) < 0.05


def test_levels_are_mean_and_standard_deviation_per_class_in_model_space():
    rng = np.random.default_rng(0)
    tiles, labels = rng.integers(40, 220, (60, 64, 64), dtype=np.uint8), np.arange(60) % 2
    tiles[labels == 1] //= 2
    config = training_loop.with_level_offsets(CONFIG, tiles, labels)
    for label in range(2):
        means = unet.encode(tiles[labels == label], CONFIG).mean((1, 2, 3))
        assert config.level(label) == pytest.approx((float(means.mean()), float(means.std(correction=0))), abs=1e-5)
    assert CONFIG.level(1) == (0, 0)


@pytest.mark.parametrize(("level", "mean", "spread"), [((-0.4, 0.5), -0.4, 0.5), ((0.0, 0.0), -0.251, 0.464)])
def test_images_reach_the_level_of_their_class_only_when_sampling_starts_from_it(level, mean, spread):
    """The ideal denoiser of blank images with level N(-0.4, 0.5), whose output is known in closed form."""

    def ideal(scaled, c_noise, labels):
        sigma = torch.exp(4 * c_noise)
        c_skip, c_out, c_in, _ = unet.preconditioning(sigma, 0.5)
        noisy = scaled / c_in
        known = 0.25 / (0.25 + sigma**2 / 4096)
        denoised = -0.4 + known * (noisy.mean((1, 2, 3), keepdim=True) + 0.4)
        return (denoised - c_skip * noisy) / c_out

    steps = pipeline.edm_denoise_steps(
        ideal,
        pipeline.edm_scheduler(0.5, 0.002, 80, False),
        steps=64,
        seeds=range(600),
        shape=(4, 32, 32),
        label=0,
        null_label=1,
        guidance=1,
        guidance_interval=(0, 0),
        device=torch.device("cpu"),
        level=level,
    )
    *_, (_, _, _, clean) = steps
    levels = clean.mean((1, 2, 3))
    # From plain noise the flow ends at mean -0.4 (1 - k) and standard deviation 80 / 64 k,
    # with k = 0.5 / hypot(0.5, 80 / 64).
    assert float(levels.mean()) == pytest.approx(mean, abs=0.05)
    assert float(levels.std()) == pytest.approx(spread, abs=0.03)
