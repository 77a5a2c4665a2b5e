"""A generator's run as a pipeline folder that diffusers itself opens, on a machine without SvP Lab."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import torch

from svp_core.errors import LabError
from svp_core.generator import samplers, unet
from svp_core.model_files import read_model_folder

OPENING = """# {name}: a diffusers pipeline

    from diffusers import DiffusionPipeline
    pipeline = DiffusionPipeline.from_pretrained("{folder}", trust_remote_code=True)
    images = pipeline("{class_key}", seeds=[1, 2, 3]).images

`trust_remote_code` lets diffusers run `pipeline.py` of this folder: read it first. Without it, the network alone:
`UNet2DModel.from_pretrained("{folder}", subfolder="unet")`.

Samplers, chosen by `sampler=`: {samplers}; other numbers of steps by `steps=`. `output_type="np"` gives uint8
(N, 64, 64). The image_seed of a manifest gives that image again; where SvP Lab computed in bfloat16, bit for bit only
inside `torch.autocast(device, torch.bfloat16)`.

Written with diffusers {version}. `run_config.json` is the run's own config.json; its card follows.

---

"""


def export_diffusers(run_folder, out):
    """Write the run in run_folder as a pipeline into the folder `out`, new or empty; returns nothing.

    unet/ and scheduler/ with their configs, model_index.json, pipeline.py, run_config.json, card.md. Weights are
    float32. Raises LabError where the run is no generator of our own, or `out` holds files.
    """
    run, out = read_model_folder(run_folder), Path(out)
    if "published" in run.config:
        raise LabError(
            f"{run.name} is a published network, which diffusers has no model for; only our own kind can be exported."
        )
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise LabError(f"{out} exists and is not empty; choose a new folder.")
    generator = unet.load_generator(run.folder, device=torch.device("cpu"))
    import diffusers

    from svp_core.generator import pipeline as pipeline_file

    config, standard = generator.config, samplers.SAMPLERS["standard"]
    guided = [standard.guided(config, label) for label in range(len(config.class_keys))]
    pipeline = pipeline_file.ParticlePipeline(
        generator.model,
        pipeline_file.edm_scheduler(
            config.sigma_data, standard.sigma_min, standard.sigma_max, standard.stochastic, standard.rho
        ),
        guide=generator.guide,
        class_keys=config.class_keys,
        pixel_mean=config.pixel_mean,
        pixel_std=config.pixel_std,
        patch=config.patch,
        time_scale=unet.TIME_SCALE,
        guided=[(how.by_guide, how.strength, *how.sigma) for how in guided],
        levels=[config.level(label) for label in range(len(config.class_keys))],
        samplers={sampler.key: _settings(sampler) for sampler in samplers.SAMPLERS.values()},
        images_per_call=samplers.CALL_SIZE["cpu"],
    )
    pipeline.save_pretrained(out)
    shutil.copyfile(pipeline_file.__file__, out / "pipeline.py")
    _name_class_file(out / "model_index.json")
    (out / "run_config.json").write_text(json.dumps(run.config, indent=2) + "\n", "utf-8")
    opening = OPENING.format(
        name=run.name,
        folder=out.name,
        class_key=config.class_keys[0],
        samplers=", ".join(samplers.SAMPLERS),
        version=diffusers.__version__,
    )
    (out / "card.md").write_text(opening + run.card, "utf-8")


def _settings(sampler):
    stored = ("steps", "sigma_min", "sigma_max", "stochastic", "rho")
    return {name: value for name, value in asdict(sampler).items() if name in stored}


def _name_class_file(index):
    # As a pair (file, class), diffusers finds the class in the folder itself.
    content = json.loads(index.read_text("utf-8"))
    content["_class_name"] = ["pipeline", content["_class_name"]]
    index.write_text(json.dumps(content, indent=2) + "\n", "utf-8")
