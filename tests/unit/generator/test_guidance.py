"""Autoguidance, class weights and level offsets, of a tiny generator."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from svp_core.cli import main
from svp_core.errors import LabError
from svp_core.generator import pipeline, samplers, sampling, unet
from svp_core.generator.autoguidance import attach_guide
from svp_core.model_files import read_model_folder, save_model
from tests.helpers.random_networks import randomise_output
from tests.helpers.tiny_generator import CONFIG

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
    assert main([*command[:-1], str(tmp_path / "no"), "--class-guidance", "dust=3"]) == 2
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
