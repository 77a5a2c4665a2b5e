"""Denoising errors: the clean estimate is that of the samplers, by either kind of generator; errors by noise level."""

import contextlib

import numpy as np
import pytest
import torch

from svp_core.generator import published, unet
from svp_core.generator.denoising_error import SIGMAS, denoising_errors, noise_levels
from svp_core.generator.pipeline import edm_denoise_steps, edm_scheduler
from svp_core.progress import run_to_end
from tests.helpers.drawn_tiles import draw_blocks
from tests.helpers.tiny_generator import CONFIG


def random_generator():
    torch.manual_seed(0)
    network = unet.build_unet(CONFIG).eval()
    torch.nn.init.normal_(network.conv_out.weight, std=0.1)
    return unet.Generator(network, CONFIG, None, torch.device("cpu"))


@torch.inference_mode()
def test_the_clean_estimate_of_our_generator_is_that_of_its_sampler(monkeypatch):
    monkeypatch.setattr(unet, "fast_arithmetic", lambda device: contextlib.nullcontext())
    generator, scale = random_generator(), CONFIG.sigma_data / CONFIG.pixel_std
    steps = edm_denoise_steps(
        generator.predict,
        edm_scheduler(0.5, 0.01, 30, False),
        steps=6,
        seeds=[1, 2],
        shape=(4, 32, 32),
        label=1,
        null_label=2,
        guidance=1,
        guidance_interval=(0, 0),
        device=generator.device,
    )
    compared, before = 0, None
    for step, sigma, noisy, clean in steps:
        if step > 1:  # what this step's estimate was made from
            level, latents = before
            pixels = torch.nn.functional.pixel_shuffle(latents, 2) / scale + CONFIG.pixel_mean
            estimate = generator.estimate_clean(pixels, level / scale, ["air_bubble"] * 2)
            expected = torch.nn.functional.pixel_shuffle(clean, 2) / scale + CONFIG.pixel_mean
            torch.testing.assert_close(estimate, expected, atol=2e-3, rtol=1e-3)
            compared += 1
        before = sigma, noisy
    assert compared == 5


@torch.inference_mode()
def test_the_clean_estimate_of_a_published_generator_is_that_of_its_sampler():
    config = published.PublishedConfig(("protein",), dim=8, steps=20)
    torch.manual_seed(0)
    generator = published.PublishedGenerator(published.build_published(dim=8), config, None, torch.device("cpu"))
    sampler = generator.samplers["exact"]
    first = next(iter(sampler.denoise_steps(generator, "protein", [3], 20)))
    kept = 1 / (1 + first.sigma**2) ** 0.5
    estimate = generator.estimate_clean(first.noisy / kept, first.sigma, ["protein"])
    torch.testing.assert_close(estimate, first.clean, atol=1e-3, rtol=1e-3)


def test_errors_grow_with_the_noise_and_unknown_classes_count_as_any():
    tiles, generator = draw_blocks(5, seed=0), random_generator()
    sigmas = noise_levels(tiles)
    assert np.allclose(np.array(sigmas) / np.array(SIGMAS), tiles.std() / 127.5 / 0.5)
    torch.nn.init.zeros_(generator.model.conv_out.weight)
    errors = run_to_end(denoising_errors(generator, tiles, ["silicone_oil"] * 5, sigmas=sigmas))
    assert errors.shape == (5, 3)
    assert (np.diff(errors, axis=1) > 0).all()
    # An untrained network returns c_skip times the noisy image.
    scale = CONFIG.sigma_data / CONFIG.pixel_std
    skip = 0.25 / (0.25 + (sigmas[0] * scale) ** 2)
    clean = tiles[0] / 127.5 - 1 - CONFIG.pixel_mean
    expected = ((1 - skip) ** 2 * clean**2).mean() + (skip * sigmas[0]) ** 2
    assert errors[0, 0] == pytest.approx(expected, rel=0.05)
    known = run_to_end(denoising_errors(random_generator(), tiles, ["silicone_oil"] * 5, sigmas=sigmas))
    unknown = run_to_end(denoising_errors(random_generator(), tiles, ["fat_droplet"] * 5, sigmas=sigmas))
    assert np.isfinite(unknown).all()
    assert not np.array_equal(known, unknown)
