"""Load a generator of any kind from its model folder: our own, or an imported published one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from svp_core.errors import LabError
from svp_core.generator import published, samplers, unet
from svp_core.generator.sampling import TileSampler
from svp_core.model_files import from_stored, read_model_folder


def load_generator(
    folder: str | Path, *, device: torch.device | None = None
) -> unet.Generator | published.PublishedGenerator:
    """The generator of a model folder, ready for sampling.sample_tiles. Raises LabError where the folder holds none."""
    model_folder = read_model_folder(folder)
    if "generator" in model_folder.config:
        return unet.load_generator(folder, device=device)
    if "published" in model_folder.config:
        return published.load_published(folder, device=device)
    raise LabError(
        f"{model_folder.name} is not a generator: its config.json describes neither one of ours nor a published one."
    )


def samplers_of(config: Mapping[str, Any]) -> Mapping[str, TileSampler]:
    """Samplers by key of a model with this config (the content of config.json), without loading its network."""
    if "published" in config:
        return published.published_samplers(from_stored(published.PublishedConfig, config["published"]))
    return samplers.SAMPLERS
