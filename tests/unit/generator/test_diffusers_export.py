"""Exported models: content of the folder, opening with diffusers alone, and the same images."""

import json
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from svp_core import model_files
from svp_core.cli import main
from svp_core.errors import LabError
from svp_core.generator import load, samplers, sampling, unet
from svp_core.generator.diffusers_export import export_diffusers
from svp_core.generator.pipeline import ParticlePipeline
from svp_core.generator.published import PublishedConfig, build_published
from svp_core.generator.published import config_as_dict as published_as_dict
from tests.helpers.random_networks import randomise_output

CONFIG = unet.GeneratorConfig(
    ("silicone_oil", "air_bubble"), pixel_mean=0.3, pixel_std=0.2, channels=(16, 32), dropout=0.1
)
CPU = torch.device("cpu")
SEEDS = sampling.image_seeds(4, 9)

# Run without SvP Lab on the path.
PROGRAM = """
import sys, numpy, torch
torch.set_num_threads(1)
from diffusers import DiffusionPipeline
pipeline = DiffusionPipeline.from_pretrained(sys.argv[1], trust_remote_code=True)
pipeline.set_progress_bar_config(disable=True)
seeds = [int(seed) for seed in sys.argv[3:]]
made = {key: pipeline("air_bubble", seeds=seeds, sampler=key, steps=3, output_type="np").images
        for key in pipeline.config.samplers}
numpy.savez(sys.argv[2], **made)
pictures = pipeline("silicone_oil", seeds=seeds[:2], steps=2).images
print([(picture.mode, picture.size) for picture in pictures], "svp_core" in sys.modules)
"""


def random_model(folder, config):
    """Model folder of networks with random weights, half precision as shipped ones."""
    torch.manual_seed(0)
    tensors = {}
    for part, plan in (("", config), ("guide/", unet.guide_config(config) if config.guide_channels else None)):
        if plan:
            model = unet.build_unet(plan)
            randomise_output(model)
            tensors |= {part + name: tensor.half() for name, tensor in model.state_dict().items()}
    facts = {**unet.config_as_dict(config), "trained_on": {"silicone_oil": 7}}
    model_files.save_model(folder, config=facts, tensors=tensors, card="# Own oil\n\nSeven droplets.\n", history=[])
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return random_model(tmp_path_factory.mktemp("runs") / "own oil", CONFIG)


@pytest.fixture(scope="module")
def exported(run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported") / "pipeline ä"
    export_diffusers(run, folder)
    return folder


@pytest.fixture
def exact_arithmetic(monkeypatch):
    """float32, as diffusers computes, one thread; here and in the other process."""
    monkeypatch.setattr("svp_core.device.has_fast_bfloat16", lambda device: False)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def sampled(generator, key, sampler, steps=3):
    batches = sampling.sample_tiles(generator, key, seeds=SEEDS, sampler=sampler, steps=steps)
    return np.concatenate([tiles for _, tiles in batches])


@pytest.mark.parametrize("guide_channels", [(), (8, 32)], ids=["alone", "guided"])
def test_diffusers_alone_opens_an_export_and_generates_the_same_images(
    guide_channels, tmp_path, monkeypatch, exact_arithmetic
):
    run, exported = (
        random_model(tmp_path / "oil", replace(CONFIG, guide_channels=guide_channels)),
        tmp_path / "pipeline ö",
    )
    export_diffusers(run, exported)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.delenv("PYTHONPATH", raising=False)
    arguments = [str(exported), str(tmp_path / "made.npz"), *map(str, SEEDS[:3])]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[('L', (64, 64)), ('L', (64, 64))] False"
    generator = load.load_generator(run, device=CPU)
    with np.load(tmp_path / "made.npz") as images:
        assert set(images) == set(samplers.SAMPLERS)
        for key in samplers.SAMPLERS:
            assert images[key].std() > 0
            assert np.array_equal(images[key], sampled(generator, "air_bubble", key)[:3])
    # Three steps are enough for the guide to change the images, where there is one.
    unguided = sampled(unet.Generator(generator.model, CONFIG, None, CPU), "air_bubble", "standard")
    assert np.array_equal(unguided, sampled(generator, "air_bubble", "standard")) == (not guide_channels)


def test_the_network_alone_opens_as_a_diffusers_class(run, exported):
    from diffusers.models.unets.unet_2d import UNet2DModel

    network: Any = UNet2DModel.from_pretrained(exported, subfolder="unet")
    expected = load.load_generator(run, device=CPU).model.state_dict()
    tensors = network.state_dict()
    assert tensors.keys() == expected.keys()
    assert all(torch.equal(tensors[key], expected[key]) for key in expected)
    assert network.config.num_class_embeds == 3
    assert network.config.sample_size == 32


def test_the_folder_describes_the_model(exported, run):
    names = {str(path.relative_to(exported)) for path in exported.rglob("*") if path.is_file()}
    assert names == {
        "model_index.json",
        "pipeline.py",
        "run_config.json",
        "card.md",
        "unet/config.json",
        "unet/diffusion_pytorch_model.safetensors",
        "scheduler/scheduler_config.json",
    }
    index = json.loads((exported / "model_index.json").read_text("utf-8"))
    assert index["_class_name"] == ["pipeline", "ParticlePipeline"]
    assert index["class_keys"] == list(CONFIG.class_keys)
    assert (index["pixel_mean"], index["pixel_std"], index["time_scale"]) == (0.3, 0.2, unet.TIME_SCALE)
    assert json.loads((exported / "run_config.json").read_text())["trained_on"] == {"silicone_oil": 7}
    card = (exported / "card.md").read_text("utf-8")
    assert card.startswith("# own oil: a diffusers pipeline")
    assert card.endswith("# Own oil\n\nSeven droplets.\n")
    scheduler = json.loads((exported / "scheduler" / "scheduler_config.json").read_text())
    assert (scheduler["sigma_min"], scheduler["sigma_max"]) == (0.002, 80)


def test_images_of_a_pipeline_depend_on_their_seed_alone(run, exact_arithmetic):
    generator = load.load_generator(run, device=CPU)
    settings = {"standard": {"steps": 3, "sigma_min": 0.002, "sigma_max": 80, "stochastic": False, "rho": 10.0}}
    from svp_core.generator.pipeline import edm_scheduler

    pipeline = ParticlePipeline(
        generator.model,
        edm_scheduler(0.5, 0.002, 80, False, 10),
        class_keys=CONFIG.class_keys,
        pixel_mean=0.3,
        pixel_std=0.2,
        samplers=settings,
        guided=[(False, 2.0, 0.8, 4.0)] * 2,
    )
    pipeline.set_progress_bar_config(disable=True)
    together = np.asarray(pipeline("silicone_oil", seeds=SEEDS, output_type="np").images)
    assert np.array_equal(together, sampled(generator, "silicone_oil", "standard"))
    alone = np.asarray(pipeline("silicone_oil", seeds=SEEDS[4:5], output_type="np").images)
    assert np.array_equal(alone[0], together[4])
    assert pipeline("silicone_oil", seeds=[]).images == []
    with pytest.raises(ValueError, match="'dust' is not a class of this pipeline; it makes silicone_oil, air_bubble"):
        pipeline("dust", seeds=[1])
    with pytest.raises(ValueError, match="no sampler 'best'; use standard"):
        pipeline("air_bubble", seeds=[1], sampler="best")


def test_models_that_cannot_be_exported_are_refused_with_a_reason(run, exported, tmp_path, capsys):
    published = tmp_path / "their oil"
    tensors = build_published(dim=8, dim_mults=(1, 2)).state_dict()
    config = published_as_dict(PublishedConfig(("silicone_oil",), dim=8, dim_mults=(1, 2)))
    model_files.save_model(published, config=config, tensors=tensors, card="", history=[])
    with pytest.raises(LabError, match="their oil is a published network"):
        export_diffusers(published, tmp_path / "out")
    with pytest.raises(LabError, match="exists and is not empty; choose a new folder"):
        export_diffusers(run, exported)
    with pytest.raises(LabError, match="net is not a generator"):
        model_files.save_model(tmp_path / "net", config={"a": 1}, tensors={"a": torch.zeros(1)}, card="", history=[])
        export_diffusers(tmp_path / "net", tmp_path / "out")
    assert main(["export-diffusers", "nowhere", "--out", str(tmp_path / "out")]) == 2
    assert "no model called 'nowhere'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_command_exports_by_name(tmp_path, run, capsys):
    assert main(["export-diffusers", str(run), "--out", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "model_index.json").is_file()
    assert "card.md" in capsys.readouterr().out
