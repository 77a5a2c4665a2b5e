"""Attach a guide to a generator: a weaker model of the same particles, for autoguidance (Karras et al. 2024)."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from svp_core.errors import LabError
from svp_core.generator.unet import GeneratorConfig, config_as_dict
from svp_core.model_files import WEIGHTS_FILE, read_model_folder, read_tensors, stored_config

# What both models must have in common: field of the config -> its name in messages.
SHARED_SETTINGS = {
    "class_keys": "classes",
    "pixel_mean": "mean grey levels",
    "pixel_std": "standard deviations of grey levels",
    "tile_px": "tile sizes",
    "patch": "patch sizes",
    "sigma_data": "sigma_data",
    "layers": "blocks per level",
}


def attach_guide(
    model_folder: str | Path,
    guide_folder: str | Path,
    out: str | Path,
    *,
    class_guidance: Mapping[str, float] | None = None,
    level_offset: Mapping[str, float] | None = None,
) -> None:
    """Write the model folder `out`, new: the generator of model_folder with the one of guide_folder as its guide.

    A good guide is a weaker version of the same model: trained on the same particles, for a quarter of the time or
    with somewhat fewer channels (Karras et al. 2024, arXiv 2406.02507). A guide that either of the two already has is
    dropped. class_guidance: class key -> weight, for classes sampled with classifier-free guidance instead.
    level_offset: class key -> grey levels, 0..255, added to the mean level that sampling of this class starts from
    (negative = darker), because guidance shifts the brightness of the images. Raises LabError where the two models
    differ in classes or pixels, a class is unknown, the model stores no levels, or `out` exists.
    """
    model, guide, out = read_model_folder(model_folder), read_model_folder(guide_folder), Path(out)
    class_guidance, level_offset = class_guidance or {}, level_offset or {}
    config = stored_config(model, "generator", GeneratorConfig)
    guide_config = stored_config(guide, "generator", GeneratorConfig)
    for field, name in SHARED_SETTINGS.items():
        value, guide_value = getattr(config, field), getattr(guide_config, field)
        if value != guide_value:
            raise LabError(
                f"{guide.name} cannot guide {model.name}: their {name} differ, {guide_value} and {value}; train both "
                "on the same particles."
            )
    for key in (*class_guidance, *level_offset):
        if key not in config.class_keys:
            raise LabError(f"{key!r} is not a class of {model.name}; its classes are {', '.join(config.class_keys)}.")
    if level_offset and not config.level_means:
        raise LabError(
            f"{model.name} does not store the mean level of its classes, so none can be offset; train it again."
        )
    if out.exists():
        raise LabError(f"{out} exists already; choose a new folder.")
    _write(model, guide, out, _guided_config(config, guide_config, class_guidance, level_offset))


def _guided_config(config, guide_config, class_guidance, level_offset):
    weights = tuple(class_guidance.get(key, 0) for key in config.class_keys) if class_guidance else ()
    grey_levels = 127.5 * config.pixel_std / config.sigma_data  # per unit of model space
    level_means = tuple(
        mean + level_offset.get(key, 0) / grey_levels
        for mean, key in zip(config.level_means, config.class_keys, strict=False)
    )
    return replace(config, guide_channels=guide_config.channels, class_guidance=weights, level_means=level_means)


def _write(model, guide, out, config):
    from safetensors.torch import save_file

    shutil.copytree(model.folder, out)
    (out / "config.json").write_text(json.dumps(model.config | config_as_dict(config), indent=2) + "\n", "utf-8")
    guide_tensors = {f"guide/{name}": tensor for name, tensor in read_tensors(guide.folder).items()}
    save_file(read_tensors(model.folder) | guide_tensors, out / WEIGHTS_FILE)
