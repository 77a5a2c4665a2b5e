"""The generator at tiny size: preconditioning, sampling, seeds, trajectories, training, model folders.

The schedulers are diffusers'; these tests cover how network, seeds and pixels are connected to them.
"""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from svp_core.cli import main
from svp_core.errors import LabError
from svp_core.generator import pipeline, samplers, sampling, training_loop, unet
from svp_core.generator.autoguidance import attach_guide
from svp_core.model_files import read_model_folder, save_model
from tests.helpers.random_networks import randomise_output

CONFIG = unet.GeneratorConfig(
    ("silicone_oil", "air_bubble"), pixel_mean=0.3, pixel_std=0.2, channels=(16, 32), dropout=0.0
)


@pytest.fixture(scope="module")
def generator():
    """A network with random weights: its images mean nothing but depend on every input."""
    torch.manual_seed(0)
    model = unet.build_unet(CONFIG).eval()
    randomise_output(model)
    return unet.Generator(model, CONFIG, None, torch.device("cpu"))


def sampled(generator, key, seeds, **options):
    return np.concatenate(
        [tiles for _, tiles in sampling.sample_tiles(generator, key, seeds=seeds, steps=3, **options)]
    )


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


GUIDED = replace(CONFIG, guide_channels=(8, 32))


@pytest.fixture(scope="module")
def guided(generator):
    """The same network with a guide, of random weights too."""
    torch.manual_seed(1)
    guide = unet.build_unet(unet.guide_config(GUIDED)).eval()
    randomise_output(guide)
    return unet.Generator(generator.model, GUIDED, None, torch.device("cpu"), guide)


def test_a_guide_is_stored_in_the_model_folder_and_changes_the_images(generator, guided, tmp_path):
    tensors = generator.model.state_dict() | {f"guide/{k}": v for k, v in guided.guide.state_dict().items()}
    save_model(tmp_path, config=unet.config_as_dict(GUIDED), tensors=tensors, card="", history=[])
    loaded = unet.load_generator(tmp_path, device=torch.device("cpu"))
    seeds = sampling.image_seeds(1, 10)
    together = np.concatenate(
        [tiles for _, tiles in sampling.sample_tiles(guided, "air_bubble", seeds=seeds, sampler="standard")]
    )
    ((_, alone),) = sampling.sample_tiles(loaded, "air_bubble", seeds=seeds[9:], sampler="standard")
    assert np.array_equal(alone[0], together[9])
    ((_, without),) = sampling.sample_tiles(generator, "air_bubble", seeds=seeds[9:], sampler="standard")
    assert not np.array_equal(without, alone)
    # A folder whose config names a guide but whose weights hold none is damaged.
    save_model(tmp_path, config=unet.config_as_dict(GUIDED), tensors=generator.model.state_dict(), card="", history=[])
    with pytest.raises(LabError, match="do not fit its config.json"):
        unet.load_generator(tmp_path)


def test_attaching_a_guide_gives_one_model_folder_of_both(generator, guided, tmp_path, capsys):
    weaker = unet.guide_config(GUIDED)
    for name, config, model in (("good", CONFIG, generator.model), ("weaker", weaker, guided.guide)):
        save_model(
            tmp_path / name,
            config=unet.config_as_dict(config) | {"steps": 7},
            tensors=model.state_dict(),
            card=f"# {name}\n",
            history=[],
        )
    command = ["attach-guide", str(tmp_path / "good"), str(tmp_path / "weaker"), "--out", str(tmp_path / "out")]
    assert main(command) == 0
    joined = unet.load_generator(tmp_path / "out", device=torch.device("cpu"))
    assert joined.config == GUIDED
    assert read_model_folder(tmp_path / "out").card == "# good\n"
    assert read_model_folder(tmp_path / "out").config["steps"] == 7
    seeds = sampling.image_seeds(1, 2)
    expected, tiles = (next(sampling.sample_tiles(g, "air_bubble", seeds=seeds))[1] for g in (guided, joined))
    assert np.array_equal(tiles, expected)
    assert main(command) == 2
    assert "exists already; choose a new folder" in capsys.readouterr().err
    other = replace(weaker, class_keys=("silicone_oil", "fibre"))
    save_model(
        tmp_path / "other", config=unet.config_as_dict(other), tensors=guided.guide.state_dict(), card="", history=[]
    )
    with pytest.raises(LabError, match="other cannot guide good: their classes differ"):
        attach_guide(tmp_path / "good", tmp_path / "other", tmp_path / "no")
    assert not (tmp_path / "no").exists()
    assert main([*command[:-1], str(tmp_path / "cfg"), "--insist", "air_bubble=3"]) == 0
    assert unet.load_generator(tmp_path / "cfg").config == replace(GUIDED, class_guidance=(0, 3.0))
    assert main([*command[:-1], str(tmp_path / "no"), "--insist", "dust=3"]) == 2
    assert "'dust' is not a class of good" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([*command, "--insist", "air_bubble=1"])
    assert "above 1 and up to 10" in capsys.readouterr().err


def test_a_level_offset_shifts_the_mean_level_of_a_class(generator, guided, tmp_path, capsys):
    levels, weaker = replace(CONFIG, level_means=(0.1, -0.2), level_spreads=(0.2, 0.4)), unet.guide_config(GUIDED)
    for name, config, model in (
        ("good", levels, generator.model),
        ("weaker", weaker, guided.guide),
        ("blind", CONFIG, generator.model),
    ):
        save_model(tmp_path / name, config=unet.config_as_dict(config), tensors=model.state_dict(), card="", history=[])
    command = ["attach-guide", str(tmp_path / "good"), str(tmp_path / "weaker"), "--out", str(tmp_path / "out")]
    assert main([*command, "--brighter", "air_bubble=-5.1"]) == 0
    config = unet.load_generator(tmp_path / "out").config
    # 5.1 of 255 grey levels are 0.04 of -1..1, and 0.1 in model space: sigma_data is 0.5, pixel_std 0.2.
    assert config.level_means == pytest.approx((0.1, -0.3))
    assert config.level_spreads == (0.2, 0.4)
    dark, light = (unet.encode(np.full((1, 64, 64), grey, np.uint8), CONFIG) for grey in (100, 151))
    assert float((light - dark).mean()) == pytest.approx(0.1 * 51 / 5.1)
    assert main([*command[:-1], str(tmp_path / "no"), "--brighter", "dust=3"]) == 2
    assert "'dust' is not a class of good" in capsys.readouterr().err
    assert main(["attach-guide", str(tmp_path / "blind"), *command[2:], "--brighter", "air_bubble=1"]) == 2
    assert "blind does not store the mean level" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([*command, "--brighter", "air_bubble=200"])
    assert "from -100 to 100" in capsys.readouterr().err


def test_a_class_with_its_own_weight_uses_classifier_free_guidance_instead_of_the_guide(generator, guided):
    seeds, sampler = sampling.image_seeds(1, 2), replace(samplers.SAMPLERS["standard"], class_guidance=5.0)
    with_weight = replace(GUIDED, class_guidance=(0, 5.0))
    assert samplers.SAMPLERS["standard"].guidance_of(with_weight, 1) == samplers.Guidance(
        False, 5.0, samplers.CLASS_GUIDANCE_INTERVAL
    )
    assert samplers.SAMPLERS["standard"].guidance_of(with_weight, 0) == samplers.Guidance(
        True, 3.0, samplers.AUTOGUIDANCE_INTERVAL
    )
    both = unet.Generator(generator.model, with_weight, None, torch.device("cpu"), guided.guide)

    def tiles(of, key, sampler: str | samplers.Sampler = "standard"):
        return next(sampling.sample_tiles(of, key, seeds=seeds, sampler=sampler))[1]

    assert np.array_equal(tiles(both, "air_bubble"), tiles(generator, "air_bubble", sampler))
    assert np.array_equal(tiles(both, "silicone_oil"), tiles(guided, "silicone_oil"))


@pytest.mark.parametrize(("guidance_interval", "applied"), [((0, 100), 1.0), ((200, 300), 0.0)])
def test_autoguidance_extrapolates_from_the_guide_within_its_interval(guidance_interval, applied):
    def denoised(output, guide, guidance):
        steps = pipeline.edm_denoise_steps(
            output,
            pipeline.edm_scheduler(0.5, 0.002, 80, False),
            steps=4,
            seeds=[3],
            shape=(1, 2, 2),
            label=0,
            null_label=1,
            guidance=guidance,
            guidance_interval=guidance_interval,
            device=torch.device("cpu"),
            guide=guide,
        )
        return [noisy for _, _, noisy, _ in steps][-1]

    def constant(value):
        return lambda scaled, c_noise, labels: torch.full_like(scaled, value)

    # Guide 0.1, output 0.2, weight 3: 0.1 + 3 (0.2 - 0.1).
    expected = denoised(constant(0.2 + 0.2 * applied), None, 1)
    assert torch.allclose(denoised(constant(0.2), constant(0.1), 3), expected, atol=1e-6)


def test_a_model_of_another_kind_is_refused(tmp_path):
    save_model(tmp_path, config={"classifier": {}}, tensors={"a": torch.zeros(1)}, card="", history=[])
    with pytest.raises(LabError, match="is not a generator"):
        unet.load_generator(tmp_path)


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
