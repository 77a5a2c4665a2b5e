"""Import the published checkpoints, sent by their authors on request, as model folders for all pages and commands."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from svp_core.classifier import resnet
from svp_core.errors import LabError
from svp_core.files import file_sha256
from svp_core.generator import published
from svp_core.generator.published_checkpoint import (
    check_fit,
    published_network,
    read_checkpoint,
    shorten_names,
    sizes_of,
)
from svp_core.model_files import save_model
from svp_core.particle_classes import CLASSES, FURTHER_CLASSES, class_by_key, key_from_name

# Defaults of timm's ResNet-18; the checkpoint does not store what its authors used.
COLOUR_MEAN, COLOUR_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CLASSIFIER = resnet.ClassifierConfig(
    tuple(particle.key for particle in CLASSES), um_per_px=(), colour_mean=COLOUR_MEAN, colour_std=COLOUR_STD
)

PAPER = "Ozbulak et al., J. Pharm. Sci. 2026, arXiv:2508.06021"
LICENCE = """## Licence

The work of its authors, under **CC BY-NC-SA 4.0**: non-commercial use only, with attribution, shared only under the
same licence. That also holds for images generated with it, as far as they are derived from it. You received the
checkpoint from its authors; SvP Lab ships neither it nor anything trained on it.
"""


def import_published(path: str | Path, folder: str | Path, *, class_key: str | None = None) -> str:
    """Make a model folder of a published checkpoint; returns its key in config.json, "published" or "classifier".

    path: of the generator (.pth, one class per file) or the ResNet-18. folder: of the model, new. class_key: class that
    the generator makes, a key or a name; None = the file's name must say it. The classifier has its own classes. Only
    tensors are read from the file. Raises LabError where it holds neither network.
    """
    path, folder = Path(path), Path(folder)
    if (folder / "config.json").exists():
        raise LabError(f"There is already a model in {folder}; choose a new folder.")
    tensors = read_checkpoint(path)
    if any(key.startswith(("init_conv.", "downs.", "ups.")) for key in tensors):
        config, card = _generator_folder(tensors, path, class_key)
    elif "conv1.weight" in tensors and any(key.startswith("layer1.") for key in tensors):
        config, card = _classifier_folder(tensors, path)
    else:
        raise LabError(
            f"{path.name} is neither of the published networks: expected tensors like init_conv.weight (generator) "
            f"or conv1.weight and layer1.0.conv1.weight (ResNet-18), got {shorten_names(sorted(tensors))}."
        )
    broken = [key for key, tensor in tensors.items() if not torch.isfinite(tensor).all()]
    if broken:
        raise LabError(
            f"{path.name} holds infinite or undefined values ({shorten_names(broken)}); ask for the file again."
        )
    tensors = {key: tensor.float() if tensor.is_floating_point() else tensor for key, tensor in tensors.items()}
    origin = {"imported_from": {"file": path.name, "sha256": file_sha256(path)}}
    save_model(folder, config={**config, **origin}, tensors=tensors, card=card, history=[])
    return next(iter(config))


def class_in_name(name: str) -> str | None:
    """Key of the one particle class that a file's name mentions ("air_bubble_model.pth"); None where unclear."""
    words = f" {' '.join(''.join(c if c.isalpha() else ' ' for c in name.casefold()).split())} "
    keys = {
        particle.key
        for particle in (*CLASSES, *FURTHER_CLASSES)
        if any(f" {alias} " in words for alias in particle.aliases)
    }
    return keys.pop() if len(keys) == 1 else None


def _generator_folder(
    tensors: Mapping[str, torch.Tensor], path: Path, class_key: str | None
) -> tuple[dict[str, Any], str]:
    network = published_network(tensors, path.name)
    sizes = sizes_of(tensors, path.name)
    if sizes["image_channels"] != 1:
        raise LabError(
            f"{path.name} makes images of {sizes['image_channels']} channels; only grey ones can be imported."
        )
    key = key_from_name(class_key) if class_key else class_in_name(path.stem)
    if not key:
        raise LabError(
            f"The name {path.name} does not say which class this generator makes; give the class, silicone_oil or "
            "air_bubble."
        )
    config = published.PublishedConfig((key,), **sizes)
    class_source = "you, at the import" if class_key else "the file's name"
    millions = sum(parameter.numel() for parameter in network.parameters()) / 1e6
    times_cheaper = config.steps // published.FAST_STEPS
    card = f"""# Published generator: {class_by_key(key).name.lower()}

Generates grey 64 x 64 tiles of one class. The network of {PAPER}:
{millions:.1f} M parameters, {len(tensors)} tensors, from the file `{path.name}`.
The weights are unchanged; weight standardisation is folded in when the model is loaded, which changes only the time.

{LICENCE}
## Sampling

- **Exact**: ancestral sampling as published, all {config.steps} steps, fresh noise at each.
- **Fast**: {published.FAST_STEPS} network calls (DPM-Solver++ 2M, evenly spaced in log SNR), {times_cheaper} times
  cheaper. Its images differ from the exact sampler's of the same seed; how similar both sets are has to be measured.

## Not stored in the file

- The class. It was given by {class_source}.
- The noise schedule. Used here, as its authors publish: {config.steps} steps, beta linear from
  {config.beta_first:g} to {config.beta_last:g}.
- The training data. According to the paper, about 1,000 real images of the class. The pixel size is unknown.
"""
    return published.config_as_dict(config), card


def _classifier_folder(tensors: Mapping[str, torch.Tensor], path: Path) -> tuple[dict[str, Any], str]:
    check_fit(tensors, resnet.build_classifier(CLASSIFIER).state_dict(), path.name, "published ResNet-18")
    classes = ", ".join(class_by_key(key).name.lower() for key in CLASSIFIER.class_keys)
    card = f"""# Published ResNet-18

Classifies particles as {classes}: the classifier of
{PAPER}, from the file `{path.name}`.

{LICENCE}
## Known and unknown

- Known from its description: timm's `resnet18`, 3 input channels, the classes in this order.
- **Unknown: how its authors prepared the images.** Used here: tiles of 64 px at native scale, grey in all three
  channels, normalised as timm's networks usually are (`colour_mean` and `colour_std` in config.json). Test it on
  particles of known class before you rely on it.
- Unknown: the pixel sizes it was trained on. Its probabilities are not calibrated (temperature 1).
"""
    return resnet.config_as_dict(CLASSIFIER), card
