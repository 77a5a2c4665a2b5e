"""Export a generator as a diffusers pipeline folder, which opens on machines without SvP Lab."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from svp_core.errors import LabError
from svp_core.generator import samplers, unet
from svp_core.model_files import read_model_folder

CARD_OPENING = """# {name}: a diffusers pipeline

    from diffusers import DiffusionPipeline
    pipeline = DiffusionPipeline.from_pretrained("{folder}", trust_remote_code=True)
    images = pipeline("{class_key}", seeds=[1, 2, 3]).images

`trust_remote_code` lets diffusers run `pipeline.py` of this folder: read it first. The network alone loads without it:
`UNet2DModel.from_pretrained("{folder}", subfolder="unet")`.

Choose a sampler with `sampler=` ({samplers}) and a number of steps with `steps=`. `output_type="np"` gives uint8
(N, 64, 64). The image_seed of a manifest reproduces that image; where SvP Lab computed in bfloat16, bit for bit only
inside `torch.autocast(device, torch.bfloat16)`.

Written with diffusers {version}. `run_config.json` is the model's own config.json; its card follows.

---

"""


def export_diffusers(model_folder: str | Path, out: str | Path) -> None:
    """Write a generator as a pipeline into the folder `out`, new or empty.

    unet/ and scheduler/ with their configs, model_index.json, pipeline.py, run_config.json, card.md. Weights are
    float32. Raises LabError where the model is not a generator of our own, or `out` holds files.
    """
    model, out = read_model_folder(model_folder), Path(out)
    if "published" in model.config:
        raise LabError(
            f"{model.name} is a published network, which diffusers cannot represent; only our own generators can be "
            "exported."
        )
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise LabError(f"{out} exists and is not empty; choose a new folder.")
    generator = unet.load_generator(model.folder, device=torch.device("cpu"))
    import diffusers

    from svp_core.generator import pipeline as pipeline_file

    _pipeline_of(generator).save_pretrained(out)
    shutil.copyfile(pipeline_file.__file__, out / "pipeline.py")
    _name_class_file(out / "model_index.json")
    (out / "run_config.json").write_text(json.dumps(model.config, indent=2) + "\n", "utf-8")
    opening = CARD_OPENING.format(
        name=model.name,
        folder=out.name,
        class_key=generator.config.class_keys[0],
        samplers=", ".join(samplers.SAMPLERS),
        version=diffusers.__version__,
    )
    (out / "card.md").write_text(opening + model.card, "utf-8")


def _pipeline_of(generator: unet.Generator):
    from svp_core.generator import pipeline

    config, standard = generator.config, samplers.SAMPLERS["standard"]
    guidances = [standard.guidance_of(config, label) for label in range(len(config.class_keys))]
    return pipeline.ParticlePipeline(
        generator.model,
        pipeline.edm_scheduler(
            config.sigma_data, standard.sigma_min, standard.sigma_max, standard.stochastic, standard.rho
        ),
        guide=generator.guide,
        class_keys=config.class_keys,
        pixel_mean=config.pixel_mean,
        pixel_std=config.pixel_std,
        patch=config.patch,
        time_scale=unet.TIME_SCALE,
        guided=[(guidance.autoguidance, guidance.weight, *guidance.interval) for guidance in guidances],
        levels=[config.level(label) for label in range(len(config.class_keys))],
        samplers={sampler.key: _settings(sampler) for sampler in samplers.SAMPLERS.values()},
        images_per_call=samplers.CALL_SIZE["cpu"],
    )


def _settings(sampler: samplers.Sampler) -> dict[str, Any]:
    stored = ("steps", "sigma_min", "sigma_max", "stochastic", "rho")
    return {name: value for name, value in asdict(sampler).items() if name in stored}


def _name_class_file(index: Path) -> None:
    # Given as a pair (file, class), diffusers finds the class in the folder itself.
    content = json.loads(index.read_text("utf-8"))
    content["_class_name"] = ["pipeline", content["_class_name"]]
    index.write_text(json.dumps(content, indent=2) + "\n", "utf-8")
