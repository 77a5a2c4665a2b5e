"""The published checkpoints, sent by their authors on request, as run folders that every page and command can use."""

from pathlib import Path

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
from svp_core.particle_classes import CLASSES, FOREIGN, class_by_key, key_from_name

# What timm's ResNet-18 expects where nothing else is said; the checkpoint does not hold what its authors used.
COLOUR_MEAN, COLOUR_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CLASSIFIER = resnet.ClassifierConfig(
    tuple(particle.key for particle in CLASSES), um_per_px=(), colour_mean=COLOUR_MEAN, colour_std=COLOUR_STD
)

PAPER = "Ozbulak et al., J. Pharm. Sci. 2026, arXiv 2508.06021"
LICENCE = """## Whose it is

Its authors' work, under **CC BY-NC-SA 4.0**: for research that earns no money, with their names, and passed on only
under the same licence. That holds for what is made with it too, as far as it is theirs. It is here for you, who have
the checkpoint from them; SvP Lab ships neither it nor anything trained on it.
"""


def import_published(path, folder, *, class_key=None):
    """Make a run of a published checkpoint; returns what its config calls it, "published" or "classifier".

    path: the generator's (.pth, one class a file) or the ResNet-18's. folder: of the run, new. class_key: what the
    generator makes, a key or a name; left out, the file's name has to say it. The classifier has its own classes.
    Nothing but tensors is taken from the file. Raises LabError where it is neither, saying what was expected and what
    was found.
    """
    path, folder = Path(path), Path(folder)
    if (folder / "config.json").exists():
        raise LabError(f"There is a model in {folder} already; choose a new folder.")
    tensors = read_checkpoint(path)
    if any(key.startswith(("init_conv.", "downs.", "ups.")) for key in tensors):
        config, card = _generator_run(tensors, path, class_key)
    elif "conv1.weight" in tensors and any(key.startswith("layer1.") for key in tensors):
        config, card = _classifier_run(tensors, path)
    else:
        raise LabError(
            f"{path.name} is neither of the published networks: expected are tensors like init_conv.weight (generator) "
            f"or conv1.weight and layer1.0.conv1.weight (ResNet-18), found are {shorten_names(sorted(tensors))}."
        )
    broken = [key for key, tensor in tensors.items() if not torch.isfinite(tensor).all()]
    if broken:
        raise LabError(
            f"{path.name} holds values that are no numbers ({shorten_names(broken)}); ask for the file again."
        )
    tensors = {key: tensor.float() if tensor.is_floating_point() else tensor for key, tensor in tensors.items()}
    origin = {"imported_from": {"file": path.name, "sha256": file_sha256(path)}}
    save_model(folder, config={**config, **origin}, tensors=tensors, card=card, history=[])
    return next(iter(config))


def class_in_name(name):
    """Key of the one class of the product that a file's name speaks of ("air_bubble_model.pth"); None where unclear."""
    words = f" {' '.join(''.join(c if c.isalpha() else ' ' for c in name.casefold()).split())} "
    found = {
        particle.key for particle in (*CLASSES, *FOREIGN) if any(f" {alias} " in words for alias in particle.aliases)
    }
    return found.pop() if len(found) == 1 else None


def _generator_run(tensors, path, class_key):
    network = published_network(tensors, path.name)
    sizes = sizes_of(tensors, path.name)
    if sizes["channels"] != 1:
        raise LabError(f"{path.name} makes pictures of {sizes['channels']} channels; expected are grey ones.")
    key = key_from_name(class_key) if class_key else class_in_name(path.stem)
    if not key:
        raise LabError(
            f"The name {path.name} does not say which class this generator makes; give it, silicone_oil or air_bubble."
        )
    config = published.PublishedConfig((key,), **sizes)
    said_by = "you, at the import" if class_key else "the file's name"
    millions = sum(parameter.numel() for parameter in network.parameters()) / 1e6
    times_cheaper = config.steps // published.FAST_STEPS
    card = f"""# Published generator: {class_by_key(key).name.lower()}

Makes grey 64 x 64 tiles of one class. The network of {PAPER}:
{millions:.1f} M parameters, {len(tensors)} tensors, from the file `{path.name}`.
The weights are as they came; weight standardisation is folded in when the run is opened, which changes nothing but
the time.

{LICENCE}
## How it samples

- **Exact**: as published, all {config.steps} steps, fresh noise at each.
- **Fast**: {published.FAST_STEPS} network calls (DPM-Solver++ 2M, evenly in log SNR), {times_cheaper} times cheaper.
  Its images are other ones than the exact sampler's of the same seed; how like those they are as a set has to be
  compared.

## What the file does not say

- The class. It is from {said_by}.
- The schedule. Taken here, as its authors publish: {config.steps} steps, beta linear from
  {config.beta_first:g} to {config.beta_last:g}.
- What it was trained on. By the paper, about 1,000 real images of the class. The pixel size is not known.
"""
    return published.config_as_dict(config), card


def _classifier_run(tensors, path):
    check_fit(tensors, resnet.build_classifier(CLASSIFIER).state_dict(), path.name, "published ResNet-18")
    classes = ", ".join(class_by_key(key).name.lower() for key in CLASSIFIER.class_keys)
    card = f"""# Published ResNet-18

Names particles {classes}: the classifier of
{PAPER}, from the file `{path.name}`.

{LICENCE}
## What the file says, and what not

- Known from its description: timm's `resnet18`, 3 input channels, the classes in this order.
- **Not known: how its authors prepared the pictures.** Taken here: tiles of 64 px at native scale, grey in all three
  channels, normalised as timm's networks usually are (`colour_mean` and `colour_std` in config.json). Try it on
  particles whose class you know before you believe it.
- Not known: the pixel sizes it was trained on. Its probabilities are not calibrated (temperature 1).
"""
    return resnet.config_as_dict(CLASSIFIER), card
