"""An order of synthetic particles: which generator, how, and whether it can."""

from svp_core.errors import LabError
from svp_core.files import file_sha256

MAX_IMAGES = 100_000  # of one order
MAX_SEED = 2**31


def ready_generator(config):
    """(generator, sampler, steps) that a config asks for; the sampler is one of that generator's own."""
    from svp_core.generator.load import load_generator, samplers_of
    from svp_core.generator.sampling import sampler_of
    from svp_core.model_files import read_model_folder
    from svp_core.workspace.models import find_model

    folder = find_model(config.get("weights") or "generator")
    sampler = sampler_of(samplers_of(read_model_folder(folder).config), config.get("sampler"))
    steps = config.get("steps") or sampler.steps
    if not 2 <= steps <= 1000:
        raise LabError(f"{steps} denoising steps were asked for; 2 to 1,000 can be made.")
    return load_generator(folder), sampler, steps


def check_request(generator, class_keys, count, seed):
    """Raises LabError where this generator cannot make what is ordered."""
    unknown = [key for key in class_keys if key not in generator.class_keys]
    if unknown or not class_keys:
        made = ", ".join(generator.class_keys)
        raise LabError(f"This generator makes {made}; it was asked for {', '.join(unknown) or 'no class'}.")
    if not 1 <= count <= MAX_IMAGES:
        raise LabError(f"{count} images were asked for; 1 to {MAX_IMAGES:,} can be made at once.")
    if not 0 <= seed <= MAX_SEED:
        raise LabError(f"The seed {seed:,} is not from 0 to {MAX_SEED:,}; use a whole number of these.")


def provenance(generator, sampler, steps):
    """Which model made it, and how: what a data set has to say about its parents."""
    files = {"card_sha256": "card.md", "weights_sha256": "model.safetensors"}
    paths = {name: generator.folder / file for name, file in files.items()}
    parents = {name: file_sha256(path) if path.is_file() else None for name, path in paths.items()}
    return {"made_by": "generator", "weights": generator.folder.name, **parents, "sampler": sampler.key, "steps": steps}
