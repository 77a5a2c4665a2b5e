"""An order of synthetic particles: which generator, how, and whether it can."""

import hashlib

from svp_core.errors import LabError

MOST_IMAGES = 100_000  # of one order


def ready_generator(config):
    """(Generator, Sampler, steps) that a config asks for."""
    from svp_core.generator.sample import SAMPLERS
    from svp_core.generator.unet import load_generator
    from svp_core.workspace.models import find_model

    sampler = SAMPLERS.get(config.get("sampler", "standard"))
    if sampler is None:
        raise LabError(f"There is no sampler {config['sampler']!r}; use {', '.join(SAMPLERS)}.")
    steps = config.get("steps") or sampler.steps
    if not 2 <= steps <= 1000:
        raise LabError(f"{steps} denoising steps were asked for; 2 to 1,000 can be made.")
    return load_generator(find_model(config.get("weights") or "generator")), sampler, steps


def check_order(generator, class_keys, count, seed):
    """Raises LabError where this generator cannot make what is ordered."""
    unknown = [key for key in class_keys if key not in generator.class_keys]
    if unknown or not class_keys:
        made = ", ".join(generator.class_keys)
        raise LabError(f"This generator makes {made}; it was asked for {', '.join(unknown) or 'no class'}.")
    if not 1 <= count <= MOST_IMAGES:
        raise LabError(f"{count} images were asked for; 1 to {MOST_IMAGES:,} can be made at once.")
    if seed < 0:
        raise LabError(f"The seed {seed} is negative; use 0 or a larger whole number.")


def made_by(generator, sampler, steps):
    """Which model made it, and how: what a data set has to say about its parents."""
    files = {"card_sha256": "card.md", "weights_sha256": "model.safetensors"}
    parents = {name: _sha256(generator.folder / file) for name, file in files.items()}
    return {"made_by": "generator", "weights": generator.folder.name, **parents, "sampler": sampler.key, "steps": steps}


def _sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
