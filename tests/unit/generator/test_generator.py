"""The generator: pixels in model space, preconditioning, an image per seed, trajectories, its model folder."""

import itertools

import numpy as np
import pytest
import torch

from svp_core.errors import LabError
from svp_core.generator import samplers, sampling, training_loop, unet
from svp_core.model_files import save_model
from tests.helpers.tiny_generator import CONFIG, sampled


def test_encoding_and_decoding_restore_the_pixels():
    tiles = np.random.default_rng(0).integers(0, 256, (3, 64, 64), dtype=np.uint8)
    latents = unet.encode(tiles, CONFIG)
    assert latents.shape == (3, 4, 32, 32)
    assert np.array_equal(unet.decode(latents, CONFIG), tiles)


def test_model_space_is_standardised_to_sigma_data():
    tiles = np.random.default_rng(0).integers(100, 200, (50, 64, 64), dtype=np.uint8)
    latents = unet.encode(tiles, training_loop.config_for(tiles, ("a",)))
    assert abs(float(latents.mean())) < 0.01
    assert abs(float(latents.std()) - 0.5) < 0.01


def test_an_untrained_network_outputs_zero():
    model = unet.build_unet(CONFIG)
    output = model(torch.randn(2, 4, 32, 32), torch.tensor([100.0, -500.0]), torch.tensor([0, 2])).sample
    assert output.abs().max() == 0


def test_preconditioning_is_that_of_diffusers_scheduler():
    from diffusers.schedulers.scheduling_edm_dpmsolver_multistep import EDMDPMSolverMultistepScheduler

    scheduler = EDMDPMSolverMultistepScheduler(sigma_data=0.5)
    sigma = torch.tensor([0.01, 0.7, 40.0])
    c_skip, c_out, c_in, c_noise = unet.preconditioning(sigma, 0.5)
    noisy, output = torch.randn(3), torch.randn(3)
    expected = scheduler.precondition_outputs(noisy, output, sigma)
    assert torch.allclose(c_skip * noisy + c_out * output, expected, atol=1e-6)
    assert torch.allclose(c_in * noisy, scheduler.precondition_inputs(noisy, sigma), atol=1e-6)
    assert torch.allclose(c_noise, scheduler.precondition_noise(sigma), atol=1e-6)


def test_an_image_depends_on_its_seed_alone(generator):
    seeds = sampling.image_seeds(7, 11)
    together = sampled(generator, "air_bubble", seeds)
    assert np.array_equal(sampled(generator, "air_bubble", seeds[9:10])[0], together[9])
    assert np.array_equal(sampled(generator, "air_bubble", seeds[::-1]), together[::-1])
    assert len(np.unique(together, axis=0)) == 11


def test_a_stochastic_sampler_draws_from_the_images_own_seed_too(generator):
    seeds = sampling.image_seeds(3, 9)
    together = sampled(generator, "silicone_oil", seeds, sampler="diverse")
    assert np.array_equal(sampled(generator, "silicone_oil", seeds[4:6], sampler="diverse"), together[4:6])


def test_class_and_sampler_change_the_image(generator):
    seeds = sampling.image_seeds(0, 2)
    base = sampled(generator, "air_bubble", seeds)
    assert not np.array_equal(sampled(generator, "silicone_oil", seeds), base)
    assert not np.array_equal(sampled(generator, "air_bubble", seeds, sampler="preview"), base)


def test_runs_share_no_seeds_and_a_longer_run_extends_a_shorter_one():
    first, second = sampling.image_seeds(0, 500), sampling.image_seeds(1, 500)
    assert not set(first) & set(second)
    assert len(set(first)) == 500
    assert sampling.image_seeds(0, 20) == first[:20]
    assert max(first) < 2**53


@pytest.mark.parametrize("sampler", samplers.SAMPLERS)
def test_a_trajectory_ends_in_the_saved_tile(generator, sampler):
    seeds = sampling.image_seeds(5, 10)
    steps = list(sampling.trajectory(generator, "air_bubble", seeds=seeds, sampler=sampler, steps=3))
    assert [s.step for s in steps] == [0, 1, 2, 3]
    assert steps[-1].sigma == 0
    assert all(a.sigma > b.sigma for a, b in itertools.pairwise(steps))
    assert np.array_equal(steps[-1].clean, sampled(generator, "air_bubble", seeds, sampler=sampler))
    assert np.array_equal(steps[-1].clean, steps[-1].noisy)
    assert steps[0].noisy.std() > 20
    assert steps[0].noisy.shape == (10, 64, 64)


def test_an_unknown_class_is_refused(generator):
    with pytest.raises(ValueError, match="'dust' is not a class of this generator; it makes silicone_oil, air_bubble"):
        sampled(generator, "dust", [1])


def test_a_model_folder_rebuilds_the_generator(generator, tmp_path):
    save_model(tmp_path, config=unet.config_as_dict(CONFIG), tensors=generator.model.state_dict(), card="", history=[])
    loaded = unet.load_generator(tmp_path, device=torch.device("cpu"))
    assert loaded.config == CONFIG
    assert loaded.class_keys == CONFIG.class_keys
    assert np.array_equal(sampled(loaded, "air_bubble", [1, 2]), sampled(generator, "air_bubble", [1, 2]))


def test_a_model_of_another_kind_is_refused(tmp_path):
    save_model(tmp_path, config={"classifier": {}}, tensors={"a": torch.zeros(1)}, card="", history=[])
    with pytest.raises(LabError, match="is not a generator"):
        unet.load_generator(tmp_path)
