"""A generator and a lesser one of the same particles, put together into one run: the second guides the first."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

from svp_core.errors import LabError
from svp_core.generator.unet import GeneratorConfig, config_as_dict
from svp_core.model_files import read_model_folder, read_tensors, stored_config

# What both have to have in common: field of the config, and what it is to the person.
SHARED_SETTINGS = {
    "class_keys": "classes",
    "pixel_mean": "mean grey levels",
    "pixel_std": "spreads of grey levels",
    "tile_px": "tile sizes",
    "patch": "foldings",
    "sigma_data": "noise scales",
    "layers": "blocks a level",
}


def attach_guide(run_folder, guide_folder, out, *, insisted=None, brighter=None):
    """Write the run `out`, a new folder: the generator of run_folder, from now on guided by that of guide_folder.

    A guide does best as a lesser version of the same: trained on the same particles, a quarter as long or somewhat
    smaller (Karras et al. 2024, arXiv 2406.02507). A guide that one of the two has already is left behind. insisted:
    class key -> strength, of classes that are insisted on whatever the guide says. brighter: class key -> grey levels,
    0..255, by which tiles of this class begin brighter than those trained on, darker below 0: guiding shifts how bright
    they end. Raises LabError where the two do not speak of the same classes and pixels, `insisted` or `brighter` names
    another class or the run knows no levels, or `out` exists.
    """
    run, guide, out = read_model_folder(run_folder), read_model_folder(guide_folder), Path(out)
    config, lesser = (stored_config(one, "generator", GeneratorConfig) for one in (run, guide))
    for field, words in SHARED_SETTINGS.items():
        mine, other = getattr(config, field), getattr(lesser, field)
        if mine != other:
            raise LabError(
                f"{guide.name} cannot guide {run.name}: their {words} differ, {other} and {mine}; train both on the "
                "same particles."
            )
    insisted, brighter = insisted or {}, brighter or {}
    for keys, what in ((insisted, "be insisted on"), (brighter, "be brighter")):
        for key in keys.keys() - set(config.class_keys):
            raise LabError(f"{run.name} makes no {key!r} that could {what}; it makes {', '.join(config.class_keys)}.")
    if brighter and not config.level_means:
        raise LabError(f"{run.name} does not know how bright its classes begin; train it again.")
    if out.exists():
        raise LabError(f"{out} exists already; choose a new folder.")
    from safetensors.torch import save_file

    shutil.copytree(run.folder, out)
    strengths = tuple(insisted.get(key, 0) for key in config.class_keys) if insisted else ()
    grey = 127.5 * config.pixel_std / config.sigma_data  # grey levels of 1 in model space
    begun = zip(config.level_means, config.class_keys, strict=False)
    levels = tuple(mean + brighter.get(key, 0) / grey for mean, key in begun)
    joined = replace(config, guide_widths=lesser.widths, insisted=strengths, level_means=levels)
    described = run.config | config_as_dict(joined)
    (out / "config.json").write_text(json.dumps(described, indent=2) + "\n", "utf-8")
    guiding = {f"guide/{name}": tensor for name, tensor in read_tensors(guide.folder).items()}
    save_file(read_tensors(run.folder) | guiding, out / "model.safetensors")
