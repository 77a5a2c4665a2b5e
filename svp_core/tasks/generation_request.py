"""What all jobs that generate particles share: limits of a request, the generator it names, provenance."""

from collections.abc import Sequence
from typing import Any

from svp_core.errors import LabError
from svp_core.files import file_sha256

DEFAULT_GENERATOR = "generator"  # name of the shipped model
MAX_IMAGES = 100_000  # per job
MAX_SEED = 2**31
MIN_STEPS, MAX_STEPS = 2, 1000  # denoising steps


def check_generation(count: int, seed: int, steps: int | None = None) -> None:
    """Raise LabError for a number of images, a seed or a number of denoising steps outside its limits."""
    if not 1 <= count <= MAX_IMAGES:
        raise LabError(f"{count} images were requested; one job can generate 1 to {MAX_IMAGES:,}.")
    if not 0 <= seed <= MAX_SEED:
        raise LabError(f"The seed {seed:,} is not from 0 to {MAX_SEED:,}; use a whole number in this range.")
    if steps is not None and not MIN_STEPS <= steps <= MAX_STEPS:
        raise LabError(f"{steps} denoising steps were requested; {MIN_STEPS} to {MAX_STEPS:,} are possible.")


def ready_generator(weights: str | None, sampler_key: str | None, steps: int | None) -> tuple[Any, Any, int]:
    """(generator, sampler, denoising steps) of a request; the sampler is one of that generator's own.

    weights: name or folder of a generator, None: the shipped one. sampler_key: None: the generator's default.
    steps: None: the sampler's own number.
    """
    from svp_core.generator.load import load_generator, samplers_of
    from svp_core.generator.sampling import sampler_of
    from svp_core.model_files import read_model_folder
    from svp_core.workspace.models import find_model

    folder = find_model(weights or DEFAULT_GENERATOR)
    sampler = sampler_of(samplers_of(read_model_folder(folder).config), sampler_key)
    return load_generator(folder), sampler, steps or sampler.steps


def check_classes(generator: Any, class_keys: Sequence[str]) -> None:
    """Raise LabError for classes that this generator was not trained to generate, and for none at all."""
    unknown = [key for key in class_keys if key not in generator.class_keys]
    if unknown or not class_keys:
        raise LabError(
            f"This generator can generate {', '.join(generator.class_keys)}; requested: "
            f"{', '.join(unknown) or 'no class'}."
        )


def provenance(generator: Any, sampler: Any, steps: int) -> dict[str, Any]:
    """Which model generated the images and how; stored in provenance.json and in data sets made from them."""
    files = {"card_sha256": "card.md", "weights_sha256": "model.safetensors"}
    hashes = {name: _sha256_or_none(generator.folder / file) for name, file in files.items()}
    return {"made_by": "generator", "weights": generator.folder.name, **hashes, "sampler": sampler.key, "steps": steps}


def _sha256_or_none(path):
    return file_sha256(path) if path.is_file() else None
