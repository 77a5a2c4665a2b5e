"""The published generator: tensor names and outputs against the published code's, folding, both samplers.

The reference tensors are in ../shared/official; where that folder is missing, the tests that need it are skipped.
"""

import itertools
from typing import Any

import numpy as np
import pytest
import torch

from svp_core import model_files
from svp_core.errors import LabError
from svp_core.generator import load, published, sampling
from svp_core.generator.published import (
    PublishedConfig,
    ancestral_steps,
    build_published,
    config_as_dict,
    fold_weight_standardisation,
)
from svp_core.generator.published_checkpoint import published_network, read_checkpoint
from svp_core.tasks.job_kinds import run_task
from svp_core.tile_file import read_tiles


def small_network():
    torch.manual_seed(0)
    return build_published(dim=8, dim_mults=(1, 1, 1, 2))


def official_network(reference_vectors):
    return published_network(read_checkpoint(reference_vectors / "unet_dim8.pth"), "unet_dim8.pth")


def save_small_model(folder, **settings):
    """Model folder of the small network, 30 steps."""
    config = PublishedConfig(("silicone_oil",), dim=8, dim_mults=(1, 1, 1, 2), **{"steps": 30, **settings})
    tensors = small_network().state_dict()
    model_files.save_model(folder, config=config_as_dict(config), tensors=tensors, card="", history=[])
    return folder


@pytest.fixture(scope="module")
def generator(tmp_path_factory):
    return load.load_generator(save_small_model(tmp_path_factory.mktemp("oil")), device=torch.device("cpu"))


def sampled(generator, seeds, **options):
    return np.concatenate(
        [tiles for _, tiles in sampling.sample_tiles(generator, "silicone_oil", seeds=seeds, **options)]
    )


def output(model, images, times):
    with torch.no_grad():
        return model(images, times)


def test_every_tensor_of_the_published_network_has_its_name_and_shape(reference_vectors):
    lines = (reference_vectors / "unet_dim64_keys.txt").read_text().splitlines()
    expected = dict(line.split() for line in lines if line.strip())
    shapes = {key: "x".join(map(str, tensor.shape)) for key, tensor in build_published().state_dict().items()}
    assert shapes == expected


@pytest.mark.parametrize("folded", [False, True])
def test_output_equals_the_reference_output(folded, reference_vectors):
    model = official_network(reference_vectors)
    if folded:
        fold_weight_standardisation(model)
    reference = torch.load(reference_vectors / "unet_dim8_io.pt", weights_only=True)
    assert (output(model, reference["x"], reference["t"]) - reference["y"]).abs().max() <= 1e-5


def test_twenty_steps_equal_the_reference_loop(reference_vectors):
    model = official_network(reference_vectors)
    reference = torch.load(reference_vectors / "unet_dim8_sample20.pt", weights_only=True)
    torch.manual_seed(55)
    steps = list(ancestral_steps(model, lambda: torch.randn(2, 1, 64, 64), steps=20))
    assert (steps[1][2] - reference["first"]).abs().max() <= 1e-3
    assert (steps[-1][2] - reference["last"]).abs().max() <= 1e-3


def test_the_published_size_has_35_705_089_parameters():
    with torch.device("meta"):
        model = build_published()
    assert sum(parameter.numel() for parameter in model.parameters()) == 35_705_089
    assert len(model.state_dict()) == 293


def test_folding_changes_no_output_and_works_once():
    model = small_network()
    images, times = torch.randn(3, 1, 32, 32), torch.tensor([0, 250, 499])
    unfolded = output(model, images, times)
    fold_weight_standardisation(model)
    assert (output(model, images, times) - unfolded).abs().max() <= 1e-6
    with pytest.raises(ValueError, match="already folded"):
        fold_weight_standardisation(model)


def test_time_and_image_both_matter():
    model = small_network()
    images = torch.randn(2, 1, 32, 32)
    early = output(model, images, torch.tensor([0, 0]))
    assert (output(model, images, torch.tensor([0, 499])) - early).abs().amax((1, 2, 3)).tolist()[0] <= 1e-6
    assert (output(model, images, torch.tensor([0, 499])) - early).abs().amax((1, 2, 3)).tolist()[1] > 1e-3


def test_ancestral_sampling_equals_diffusers_scheduler():
    from diffusers.schedulers.scheduling_ddpm import DDPMScheduler

    model, steps = small_network(), 6
    scheduler: Any = DDPMScheduler(
        num_train_timesteps=steps,
        beta_schedule="linear",
        beta_start=1e-4,
        beta_end=0.02,
        prediction_type="epsilon",
        clip_sample=False,
        variance_type="fixed_small",
    )
    scheduler.set_timesteps(steps)
    torch.manual_seed(7)
    images = torch.randn(2, 1, 32, 32)
    for time in scheduler.timesteps:
        noise = output(model, images, time.expand(2))
        images = scheduler.step(noise, time, images).prev_sample
    torch.manual_seed(7)
    *_, (step, sigma, last, clean) = ancestral_steps(model, lambda: torch.randn(2, 1, 32, 32), steps=steps)
    assert (step, sigma) == (steps, 0)
    assert (last - images).abs().max() <= 1e-4
    assert (clean - last).abs().max() <= 1e-4  # the last step goes to the prediction itself


def test_noise_levels_are_those_of_the_published_schedule():
    class Silent(torch.nn.Module):
        def forward(self, images, times):
            return torch.zeros_like(images)

    levels = [sigma for _, sigma, _, _ in ancestral_steps(Silent(), lambda: torch.zeros(1, 1, 8, 8))]
    assert len(levels) == 501
    assert levels[0] == pytest.approx(12.5, abs=0.05)  # 8 % of the image is left in the noise at the start
    assert levels[-2] == pytest.approx(0.01, abs=1e-4)
    assert levels[-1] == 0


@pytest.mark.parametrize("sampler", ["exact", "fast"])
def test_an_image_depends_on_its_seed_alone(generator, sampler):
    together = sampled(generator, [5, 6, 7], sampler=sampler)
    assert together.shape == (3, 64, 64)
    assert together.dtype == np.uint8
    assert np.array_equal(sampled(generator, [6], sampler=sampler)[0], together[1])
    assert len(np.unique(together, axis=0)) == 3


@pytest.mark.parametrize(("sampler", "steps"), [("exact", 30), ("fast", 24)])
def test_a_trajectory_ends_in_the_saved_tile(generator, sampler, steps):
    steps_recorded = list(sampling.trajectory(generator, "silicone_oil", seeds=[5, 6], sampler=sampler))
    assert [recorded.step for recorded in steps_recorded] == list(range(steps + 1))
    assert steps_recorded[-1].sigma == 0
    assert all(a.sigma > b.sigma for a, b in itertools.pairwise(steps_recorded))
    assert np.array_equal(steps_recorded[-1].clean, sampled(generator, [5, 6], sampler=sampler))
    assert np.abs(steps_recorded[-1].clean.astype(int) - steps_recorded[-1].noisy).max() <= 1
    assert steps_recorded[0].noisy.std() > 50
    assert steps_recorded[0].noisy.shape == (2, 64, 64)


def test_exact_and_fast_start_from_the_same_noise(generator):
    exact, fast = (
        next(sampling.trajectory(generator, "silicone_oil", seeds=[4], sampler=key)) for key in ("exact", "fast")
    )
    assert np.array_equal(exact.noisy, fast.noisy)
    assert exact.sigma == pytest.approx(fast.sigma, rel=1e-3)


class IdealNetwork(torch.nn.Module):
    """The exact noise of images whose distribution is known: independent pixels, N(mean, spread^2)."""

    def __init__(self, mean, spread, config):
        super().__init__()
        betas = torch.linspace(config.beta_first, config.beta_last, config.steps, dtype=torch.float64)
        self.alpha_bars, self.mean, self.variance = (1 - betas).cumprod(0), mean, spread**2

    def forward(self, images, times):
        alpha_bar = self.alpha_bars[times][:, None, None, None]
        shift = images.double() - alpha_bar.sqrt() * self.mean
        return ((1 - alpha_bar).sqrt() * shift / (alpha_bar * self.variance + 1 - alpha_bar)).float()


@pytest.mark.parametrize("sampler", ["exact", "fast"])
def test_both_samplers_reach_the_distribution_of_an_ideal_network(sampler):
    """500 steps of the published schedule reach mean and spread, except for what its first noise level leaves."""
    config = PublishedConfig(("silicone_oil",))
    known = published.PublishedGenerator(IdealNetwork(0.3, 0.1, config), config, None, torch.device("cpu"))
    pixels = sampled(known, [1, 2, 3, 4], sampler=sampler) / 127.5 - 1
    assert pixels.mean() == pytest.approx(0.3, abs=0.03)
    assert pixels.std() == pytest.approx(0.1, rel=0.1)


def test_a_recorded_trajectory_and_a_data_set_hold_the_same_images(tmp_path):
    """Through the tasks, as the pages do it, resumed in the middle."""
    request = {"count": 3, "seed": 2, "weights": str(save_small_model(tmp_path / "oil"))}
    for name in ("made", "film"):
        (tmp_path / name).mkdir()
    making = run_task("generate", {**request, "class_key": "silicone_oil"}, tmp_path / "made")
    assert [next(making).step for _ in range(2)] == [0, 1]
    making.close()
    making = run_task("generate", {**request, "class_key": "silicone_oil"}, tmp_path / "made")
    assert [progress.step for progress in making] == [1, 2, 3]
    list(run_task("denoise", {**request, "class_keys": ["silicone_oil"], "sampler": "fast"}, tmp_path / "film"))
    with np.load(tmp_path / "film" / "trajectory.npz") as film:
        assert film["noisy"].shape == (25, 3, 64, 64)
        assert len(film["sigmas"]) == 25
        assert np.array_equal(film["clean"][-1], read_tiles(tmp_path / "made" / "tiles.npy"))
    manifest = (tmp_path / "made" / "manifest.csv").read_text().splitlines()
    assert manifest[3].endswith(",fast,24,oil,synthetic")
    with pytest.raises(LabError, match="no sampler 'standard'; use fast, exact"):
        list(run_task("generate", {**request, "class_key": "silicone_oil", "sampler": "standard"}, tmp_path / "made"))
    with pytest.raises(LabError, match="silicone_oil; requested: protein"):
        list(run_task("generate", {**request, "class_key": "protein"}, tmp_path / "made"))


def test_fast_takes_24_calls_and_exact_500():
    samplers = load.samplers_of({"published": {"class_keys": ["air_bubble"]}})
    assert {key: sampler.steps for key, sampler in samplers.items()} == {"fast": 24, "exact": 500}
    assert sampling.sampler_of(samplers).key == "fast"
    assert sampling.sampler_of(load.samplers_of({"generator": {}})).key == "standard"


def test_steps_that_the_schedule_does_not_have_are_refused(generator):
    with pytest.raises(LabError, match="takes all 30 steps of its schedule, not 20"):
        sampled(generator, [1], sampler="exact", steps=20)
    with pytest.raises(LabError, match="at most the 30 steps of this model's schedule; got 31"):
        sampled(generator, [1], sampler="fast", steps=31)
    with pytest.raises(LabError, match="no sampler 'standard'; use fast, exact"):
        sampled(generator, [1], sampler="standard")
    with pytest.raises(ValueError, match="'air_bubble' is not a class of this generator"):
        list(sampling.sample_tiles(generator, "air_bubble", seeds=[1]))


def test_a_loaded_model_is_the_saved_network_folded(generator):
    images, times = torch.randn(2, 1, 32, 32), torch.tensor([10, 29])
    assert (output(generator.model, images, times) - output(small_network(), images, times)).abs().max() <= 1e-6
    assert generator.class_keys == ("silicone_oil",)
    assert not generator.model.training
    with pytest.raises(ValueError, match="already folded"):
        fold_weight_standardisation(generator.model)


def test_a_model_that_is_not_a_generator_is_refused(tmp_path):
    model_files.save_model(
        tmp_path / "net", config={"classifier": {}}, tensors={"a": torch.zeros(1)}, card="", history=[]
    )
    with pytest.raises(LabError, match="net is not a generator: its config.json describes neither"):
        load.load_generator(tmp_path / "net")
