"""The network: config -> ResNet, run folder -> trained classifier, tiles -> probabilities."""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from svp_core.device import best_device, fast_arithmetic
from svp_core.images import to_model
from svp_core.model_files import load_weights, read_model_folder, stored_config

ARCHITECTURES = ("resnet18", "resnet50")
BATCH_SIZE = 256  # tiles a call: smaller ones cost up to a quarter more on a processor, larger ones gain nothing


@dataclass(frozen=True)
class ClassifierConfig:
    """Everything needed to rebuild the network and to read its answers."""

    class_keys: tuple[str, ...]  # label order
    architecture: str = "resnet18"  # one of ARCHITECTURES
    temperature: float = 1.0  # logits are divided by it; above 1 makes answers less sure
    um_per_px: tuple[float, ...] = (0.25, 1.4)  # range of pixel sizes it was trained on; () where nobody knows
    # Of a network for colour pictures, mean and spread of each channel, black 0 and white 1; () for one grey channel.
    colour_mean: tuple[float, ...] = ()
    colour_std: tuple[float, ...] = ()


@dataclass(frozen=True)
class Classifier:
    """A trained classifier, ready to predict."""

    model: nn.Module
    config: ClassifierConfig
    folder: Path
    device: torch.device


class ColourFirst(nn.Conv2d):
    """The first convolution of a network for colour pictures; it is given grey ones, and puts them as that expects."""

    def __init__(self, mean, std):
        super().__init__(len(mean), 64, kernel_size=7, stride=2, padding=3, bias=False)
        for name, values in (("mean", mean), ("std", std)):
            # Not of the weights: a run's config holds them.
            self.register_buffer(name, torch.tensor(values)[:, None, None], persistent=False)

    def forward(self, grey):
        """grey: float (N, 1, H, W), -1..1."""
        return super().forward(((grey + 1) / 2 - self.mean) / self.std)


def build_classifier(config):
    """Untrained torchvision ResNet for these classes; grey pictures, float (N, 1, H, W), -1..1, go in."""
    from torchvision import models

    if config.architecture not in ARCHITECTURES:
        raise ValueError(f"{config.architecture!r} is no classifier; use {' or '.join(ARCHITECTURES)}")
    model = getattr(models, config.architecture)(weights=None, num_classes=len(config.class_keys))
    if config.colour_mean:
        model.conv1 = ColourFirst(config.colour_mean, config.colour_std)
    else:
        model.conv1 = nn.Conv2d(1, 64, kernel_size=7, stride=2, padding=3, bias=False)
    nn.init.kaiming_normal_(model.conv1.weight, mode="fan_out", nonlinearity="relu")
    return model


def load_classifier(folder, *, device=None):
    """The classifier of a run folder. Raises LabError where the folder is no finished classifier."""
    run = read_model_folder(folder)
    config = stored_config(run, "classifier", ClassifierConfig)
    device = device or best_device()
    model = load_weights(build_classifier(config), run.folder)
    return Classifier(model.to(device, memory_format=torch.channels_last), config, run.folder, device)


def config_as_dict(config):
    """JSON-ready form of a config, as load_classifier reads it back."""
    return {"classifier": asdict(config)}


def predict_probs(classifier, tiles, *, batch=BATCH_SIZE):
    """Probability of each class, float32 (N, K) in label order, rows sum to 1; uint8 tiles (N, 64, 64) in.

    Temperature-scaled (Guo et al. 2017, arXiv 1706.04599).
    """
    tiles = np.asarray(tiles)
    probs = np.empty((len(tiles), len(classifier.config.class_keys)), np.float32)
    begun = [start_predicting(classifier, tiles[start : start + batch]) for start in range(0, len(tiles), batch)]
    for position, found in enumerate(begun):
        probs[position * batch : (position + 1) * batch] = found.cpu().numpy()
    return probs


@torch.inference_mode()
def start_predicting(classifier, tiles):
    """As predict_probs, of tiles that fit into one call: a tensor that a GPU may still be at work on."""
    images = to_model(tiles, classifier.device).to(memory_format=torch.channels_last)
    with fast_arithmetic(classifier.device):
        logits = classifier.model(images)
    return (logits.float() / classifier.config.temperature).softmax(1)
