"""A generator and a lesser one of the same particles, put together into one run: the second guides the first."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

from svp_core.errors import LabError
from svp_core.generator.unet import GeneratorConfig, config_as_dict
from svp_core.runs import read_run, read_tensors, stored_config

# What both have to have in common: field of the config, and what it is to the person.
COMMON = {
    "class_keys": "classes", "pixel_mean": "mean grey levels", "pixel_std": "spreads of grey levels",
    "tile_px": "tile sizes", "patch": "foldings", "sigma_data": "noise scales", "layers": "blocks a level",
}  # fmt: skip


def join_guide(run_folder, guide_folder, out, *, insisted=None):
    """Write the run `out`, a new folder: the generator of run_folder, from now on guided by that of guide_folder.

    A guide does best as a lesser version of the same: trained on the same particles, a quarter as long or somewhat
    smaller (Karras et al. 2024, arXiv 2406.02507). A guide that one of the two has already is left behind. insisted:
    class key -> strength, of classes that are insisted on whatever the guide says. Raises LabError where the two do not
    speak of the same classes and pixels, `insisted` names another class, or `out` exists.
    """
    run, guide, out = read_run(run_folder), read_run(guide_folder), Path(out)
    config, lesser = (stored_config(one, "generator", GeneratorConfig) for one in (run, guide))
    for field, words in COMMON.items():
        mine, other = getattr(config, field), getattr(lesser, field)
        if mine != other:
            raise LabError(
                f"{guide.name} cannot guide {run.name}: their {words} differ, {other} and {mine}; train both on the "
                "same particles."
            )
    insisted = insisted or {}
    for key in insisted.keys() - set(config.class_keys):
        raise LabError(
            f"{run.name} makes no {key!r} that could be insisted on; it makes {', '.join(config.class_keys)}."
        )
    if out.exists():
        raise LabError(f"{out} exists already; choose a new folder.")
    from safetensors.torch import save_file

    shutil.copytree(run.folder, out)
    strengths = tuple(insisted.get(key, 0) for key in config.class_keys) if insisted else ()
    described = run.config | config_as_dict(replace(config, guide_widths=lesser.widths, insisted=strengths))
    (out / "config.json").write_text(json.dumps(described, indent=2) + "\n", "utf-8")
    guiding = {f"guide/{name}": tensor for name, tensor in read_tensors(guide.folder).items()}
    save_file(read_tensors(run.folder) | guiding, out / "model.safetensors")
