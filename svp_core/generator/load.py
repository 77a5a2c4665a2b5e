"""A generator of any kind from its run folder: our own, or a published one that was imported."""

from svp_core.errors import LabError
from svp_core.generator import published, samplers, unet
from svp_core.model_files import read_model_folder


def load_generator(folder, *, device=None):
    """The generator of a run folder, ready for sample.sample_tiles. Raises LabError where the folder holds none.

    It has class_keys, samplers (key -> sampler with key, name, steps), folder and device.
    """
    run = read_model_folder(folder)
    if "generator" in run.config:
        return unet.load_generator(folder, device=device)
    if "published" in run.config:
        return published.load_published(folder, device=device)
    raise LabError(f"{run.name} is no generator: its config.json describes neither one of ours nor a published one.")


def samplers_of(config):
    """Key -> sampler of a run with this config (the content of its config.json), without loading its network."""
    if "published" in config:
        return published.published_samplers(published.PublishedConfig(**config["published"]))
    return samplers.SAMPLERS
