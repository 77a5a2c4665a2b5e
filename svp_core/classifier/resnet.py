"""The classifier network: config -> ResNet, model folder -> trained classifier, tiles -> probabilities."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import nn
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

from svp_core.device import best_device, fast_arithmetic
from svp_core.images import to_model
from svp_core.model_files import as_stored, load_weights, read_model_folder, stored_config

# Name -> block and number of blocks per stage (He et al. 2016, arXiv 1512.03385).
ARCHITECTURES = {"resnet18": (BasicBlock, [2, 2, 2, 2]), "resnet50": (Bottleneck, [3, 4, 6, 3])}
BATCH_SIZE = 256  # tiles per call: smaller calls cost up to a quarter more on a CPU, larger ones gain nothing


@dataclass(frozen=True)
class ClassifierConfig:
    """Everything needed to rebuild the network and to interpret its output."""

    class_keys: tuple[str, ...]  # label order
    architecture: str = "resnet18"  # one of ARCHITECTURES
    temperature: float = 1.0  # logits are divided by it; above 1 lowers the confidence
    um_per_px: tuple[float, ...] = (0.25, 1.4)  # range of pixel sizes it was trained on; () where unknown
    # For a network of colour images, mean and standard deviation per channel, 0..1; () for one grey channel.
    colour_mean: tuple[float, ...] = ()
    colour_std: tuple[float, ...] = ()
    all_stages: bool = False  # the last layer sees every stage (see AllStages), not the last one alone


@dataclass(frozen=True)
class Classifier:
    """A trained classifier, ready to predict."""

    model: nn.Module
    config: ClassifierConfig
    folder: Path | None
    device: torch.device


class ColourFirst(nn.Conv2d):
    """First convolution of a network for colour images; takes grey images and normalises them as that expects."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]):
        super().__init__(len(mean), 64, kernel_size=7, stride=2, padding=3, bias=False)
        for name, values in (("mean", mean), ("std", std)):
            # Stored in the config, not with the weights.
            self.register_buffer(name, torch.tensor(values)[:, None, None], persistent=False)

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Feature maps of grey images, float (N, 1, H, W), -1..1."""
        return super().forward(((input + 1) / 2 - self.mean) / self.std)


def pool_stage(responses: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and largest response of each filter of a stage, float32 (N, C) each, from its feature maps (N, C, H, W)."""
    flat = responses.flatten(2).float()
    return flat.mean(2), flat.amax(2)


class LastLayer(nn.Linear):
    """The last layer, in double precision.

    So many terms add up to more than bfloat16 resolves; and in single precision their sum depends on the number of
    threads, so that another engine would give other digits.
    """

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Logits, float32 (N, K), from features (N, D)."""
        return F.linear(input.double(), self.weight.double(), self.bias.double()).float()


class AllStages(ResNet):
    """A ResNet whose last layer sees the usual mean responses of the last stage and, of the three before it, mean and
    largest response of every filter (Evci et al. 2022, arXiv 2201.03529).

    What tells particles of a new instrument apart is often in the earlier stages: the last one has kept only what
    separated the particles that it was trained on.
    """

    def __init__(self, block: type[BasicBlock | Bottleneck], layers: list[int], num_classes: int) -> None:
        super().__init__(block, layers, num_classes=num_classes)
        earlier = sum(64 * 2**stage for stage in range(3)) * block.expansion
        self.fc = LastLayer(self.fc.in_features + 2 * earlier, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits, float32 (N, K)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        pooled = []
        for stage in (self.layer1, self.layer2, self.layer3):
            x = stage(x)
            pooled += pool_stage(x)
        return self.fc(torch.cat([self.avgpool(self.layer4(x)).flatten(1).float(), *pooled], 1))


def build_classifier(config: ClassifierConfig) -> nn.Module:
    """Untrained ResNet of torchvision for these classes; takes grey images, float (N, 1, H, W), -1..1."""
    if config.architecture not in ARCHITECTURES:
        raise ValueError(f"{config.architecture!r} is not a classifier architecture; use {' or '.join(ARCHITECTURES)}")
    network = AllStages if config.all_stages else ResNet
    model: Any = network(*ARCHITECTURES[config.architecture], num_classes=len(config.class_keys))
    if not config.all_stages:
        model.fc = LastLayer(model.fc.in_features, len(config.class_keys))
    if config.colour_mean:
        model.conv1 = ColourFirst(config.colour_mean, config.colour_std)
    else:
        model.conv1 = nn.Conv2d(1, 64, kernel_size=7, stride=2, padding=3, bias=False)
    nn.init.kaiming_normal_(model.conv1.weight, mode="fan_out", nonlinearity="relu")
    return model


def with_new_last_layer(classifier: Classifier, class_count: int, *, all_stages: bool) -> nn.Module:
    """A copy of the classifier's network with an untrained last layer for this number of classes; evaluation mode."""
    config = replace(classifier.config, class_keys=("",) * class_count, all_stages=all_stages)
    model: Any = build_classifier(config)
    layers = classifier.model.state_dict()
    kept = {name: tensor for name, tensor in layers.items() if not name.startswith("fc.")}
    model.load_state_dict({**model.state_dict(), **kept})
    return model.to(classifier.device, memory_format=torch.channels_last).eval()


def load_classifier(folder: str | Path, *, device: torch.device | None = None) -> Classifier:
    """Load the classifier of a model folder. Raises LabError where the folder holds none."""
    model_folder = read_model_folder(folder)
    config = stored_config(model_folder, "classifier", ClassifierConfig)
    device = device or best_device()
    model: Any = load_weights(build_classifier(config), model_folder.folder)
    return Classifier(model.to(device, memory_format=torch.channels_last), config, model_folder.folder, device)


def config_as_dict(config: ClassifierConfig) -> dict[str, Any]:
    """JSON-ready form of a config, as load_classifier reads it back."""
    return {"classifier": as_stored(config)}


def predict_probs(
    classifier: Classifier, tiles: NDArray[np.uint8] | Sequence[NDArray[np.uint8]], *, batch: int = BATCH_SIZE
) -> NDArray[np.float32]:
    """Predicted probabilities of tiles (N, 64, 64): float32 (N, K) in label order, rows sum to 1.

    Temperature-scaled (Guo et al. 2017, arXiv 1706.04599).
    """
    tiles = np.asarray(tiles)
    probs = np.empty((len(tiles), len(classifier.config.class_keys)), np.float32)
    # All batches are queued first, so that a GPU never waits for a copy.
    queued = [start_predicting(classifier, tiles[start : start + batch]) for start in range(0, len(tiles), batch)]
    for index, batch_probs in enumerate(queued):
        probs[index * batch : (index + 1) * batch] = batch_probs.cpu().numpy()
    return probs


@torch.inference_mode()
def start_predicting(classifier: Classifier, tiles: NDArray[np.uint8]) -> torch.Tensor:
    """Predicted probabilities of tiles that fit into one call, as a tensor that a GPU may still be computing."""
    images = to_model(tiles, classifier.device).to(memory_format=torch.channels_last)
    with fast_arithmetic(classifier.device):
        logits = classifier.model(images)
    return (logits.float() / classifier.config.temperature).softmax(1)
