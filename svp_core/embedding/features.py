"""Feature vectors of tiles: activations of our classifier, and of a fixed network that was trained on nothing.

A network trained on the classes ignores what it does not need, such as the grain of the background; the fixed one does
not. Distances between sets of images (svp_core.quality) are measured in both.
"""

from collections.abc import Generator, Sequence
from functools import lru_cache
from typing import cast

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn
from torch.nn import functional

from svp_core.classifier.resnet import Classifier, pool_stage, predict_probs, start_predicting
from svp_core.progress import Progress

FIXED_WIDTH = 64  # features per tile
SEED = 64  # of the fixed network's weights; another one gives other features
GRAIN_SCALE = 2.0  # grey levels; weaker responses stay linear, stronger ones are compressed to their logarithm
MIN_EIGENVALUE = 0.1  # added to the eigenvalues of the correlation matrix, so that faint directions are not amplified
_FILTERS = ((12, 5), (32, 3), (32, 5))  # per layer: number of filters, and their width in pixels of that layer
_BATCH_SIZE = 256  # tiles embedded between two steps
_READ_OUT = (12, 26, 26)  # features taken from each layer; they add up to 64


def classifier_features(classifier: Classifier, tiles: NDArray[np.uint8], *, batch: int = 64) -> NDArray[np.float32]:
    """Input of the classifier's last layer for each tile: float32 (N, 512), 2048 for a ResNet-50.

    Of a network whose last layer sees all stages, the layered_features. classifier: from load_classifier. tiles: uint8
    (N, 64, 64).
    """
    batches, last_layer = [], _last_layer(classifier)
    hook = last_layer.register_forward_pre_hook(lambda _, inputs: batches.append(inputs[0].float().cpu()))
    try:
        predict_probs(classifier, tiles, batch=batch)
    finally:
        hook.remove()
    if not batches:
        return np.zeros((0, last_layer.in_features), np.float32)
    return torch.cat(batches).numpy()


def embed_tiles(classifier: Classifier, tiles: NDArray[np.uint8]) -> Generator[Progress, None, NDArray[np.float32]]:
    """classifier_features of many tiles, float32 (N, D); yields Progress."""
    features = np.empty((len(tiles), _last_layer(classifier).in_features), np.float32)
    for start in range(0, len(tiles), _BATCH_SIZE):
        stop = min(start + _BATCH_SIZE, len(tiles))
        features[start:stop] = classifier_features(classifier, np.ascontiguousarray(tiles[start:stop]))
        yield Progress(stop, len(tiles), "Computing features")
    return features


def layered_features(classifier: Classifier, tiles: NDArray[np.uint8], *, batch: int = 64) -> NDArray[np.float32]:
    """Features from every depth of the classifier for each tile: float32 (N, 1408), more for a ResNet-50.

    Mean response of each filter of the last stage, then mean and largest one of each filter of the first three. The
    last stage separates only the network's own classes; the earlier ones respond to what other classes differ in.
    classifier: from load_classifier. tiles: uint8 (N, 64, 64).
    """
    tiles = np.asarray(tiles)
    images = tiles if len(tiles) else np.zeros((1, 64, 64), np.uint8)
    batches = [
        start_predicting_in_layers(classifier, images[start : start + batch])[1].cpu()
        for start in range(0, len(images), batch)
    ]
    return torch.cat(batches).numpy()[: len(tiles)]


def start_predicting_in_layers(classifier: Classifier, tiles: NDArray[np.uint8]) -> tuple[torch.Tensor, torch.Tensor]:
    """(probabilities (n, K), layered_features (n, D)) of tiles, from one pass; a GPU may still be computing them."""
    last, pooled = [], []
    earlier = () if classifier.config.all_stages else (1, 2, 3)  # else the last layer sees them anyway

    def record_stage(_module, _inputs, output):
        pooled.extend(pool_stage(output))

    hooks = [classifier.model.get_submodule(f"layer{n}").register_forward_hook(record_stage) for n in earlier]
    hooks.append(_last_layer(classifier).register_forward_pre_hook(lambda _, inputs: last.append(inputs[0].float())))
    try:
        probs = start_predicting(classifier, tiles)
    finally:
        for hook in hooks:
            hook.remove()
    return probs, torch.cat([*last, *pooled], 1)


@torch.inference_mode()
def fixed_features(tiles: ArrayLike, *, batch: int = 32) -> NDArray[np.float32]:
    """Features of each tile from a small fixed network: float32 (N, 64), -1..1; tiles: uint8 (N, 64, 64).

    Three layers of random filters with receptive fields of 5, 10 and 28 px, so that grain, rings and outlines all
    count; each feature is a mean over the tile, so it hardly depends on the particle's position. The features are
    decorrelated over drawn particles and bounded: otherwise the few largest particles would dominate every distance.
    The weights come from numpy and a fixed seed, so that they are the same with every version of torch.
    """
    weights, mean, decorrelation = _fixed_network()
    images = np.asarray(tiles)
    features = np.empty((len(images), FIXED_WIDTH), np.float32)
    for start in range(0, len(images), batch):
        rows = _read_out(images[start : start + batch], weights)
        features[start : start + len(rows)] = np.tanh((rows - mean) @ decorrelation / 2)
    return features


def _last_layer(classifier: Classifier) -> nn.Linear:
    return cast(nn.Linear, classifier.model.get_submodule("fc"))


def _read_out(tiles: NDArray[np.uint8], weights: Sequence[torch.Tensor]) -> NDArray[np.float32]:
    """Means over each tile of the chosen filters' responses, float32 (N, 64)."""
    levels = torch.from_numpy(np.asarray(tiles, np.float32))[:, None]
    # Grain is about one grey level, an outline a hundred; both have to count: compressed by the inverse hyperbolic
    # sine, its positive and its negative part apart.
    responses = functional.conv2d(levels, weights[0] / GRAIN_SCALE)
    strength = responses.abs()
    strength = (strength * strength).add_(1).sqrt_().add_(strength).log_()
    positive = torch.copysign(strength, responses).relu_()
    # The first filters sum to zero: they do not respond to the brightness of a tile.
    brightness = (levels[:, :, 2:-2, 2:-2] - 128) / 64
    features = [positive[:, : _READ_OUT[0] - 1].mean((2, 3)), brightness.mean((2, 3))]
    pooled, pooled_positive = _halve(strength), _halve(positive)
    bright, dark = (_halve(part.relu()) for part in (brightness, -brightness))
    responses = torch.cat([pooled_positive, pooled - pooled_positive, bright, dark], 1)
    for number, (layer, count) in enumerate(zip(weights[1:], _READ_OUT[1:], strict=True)):
        responses = functional.conv2d(_halve(responses) if number else responses, layer).relu_()
        features.append(responses[:, :count].mean((2, 3)))
    return torch.cat(features, 1).numpy()


def _halve(maps: torch.Tensor) -> torch.Tensor:
    """Means of 2 x 2 pixels, (N, C, H / 2, W / 2): the bits of avg_pool2d in a fifth of its time on a CPU."""
    above = maps[..., 0::2, 0::2] + maps[..., 0::2, 1::2]
    return above.add_(maps[..., 1::2, 0::2]).add_(maps[..., 1::2, 1::2]).mul_(0.25)


@lru_cache(maxsize=1)
def _fixed_network() -> tuple[list[torch.Tensor], NDArray, NDArray]:
    """(weights of the three layers, mean of the 64 features over drawn particles, matrix that decorrelates them)."""
    rng = np.random.default_rng(SEED)
    weights, channels = [], 1
    for filters, width in _FILTERS:
        layer = rng.normal(size=(filters, channels, width, width))
        # Inputs of the later layers are not negative; filters that sum to zero keep them from growing with the grain.
        layer -= layer.mean((1, 2, 3), keepdims=True)
        layer /= np.sqrt((layer**2).sum((1, 2, 3), keepdims=True))
        weights.append(torch.from_numpy(layer.astype(np.float32)))
        channels = filters if len(weights) > 1 else 2 * filters + 2
    features = _read_out(_draw_particles(rng), weights).astype(np.float64)
    spread = features.std(0)
    eigenvalues, directions = np.linalg.eigh(np.corrcoef(features.T))
    # Rotated back to the 64 features, so that it does not depend on the signs the solver chooses.
    decorrelated = directions / np.sqrt(eigenvalues + MIN_EIGENVALUE) @ directions.T
    return weights, features.mean(0), decorrelated / spread[:, None]


def _draw_particles(rng: np.random.Generator, count: int = 512) -> NDArray[np.uint8]:
    """Blurred discs with a ring on a noisy background, uint8 (N, 64, 64), to which the 64 features are scaled."""
    rows, columns = np.mgrid[-31.5:32, -31.5:32]
    radius, depth = np.exp(rng.normal(2.3, 0.5, (count, 1, 1))), rng.normal(0, 60, (count, 1, 1))
    from_outline = np.hypot(rows, columns * np.exp(rng.normal(0, 0.2, (count, 1, 1)))) - radius
    edge = np.exp(rng.normal(0.5, 0.5, (count, 1, 1)))
    disc = depth / (1 + np.exp(np.clip(from_outline / edge, -50, 50)))
    ring = -0.5 * depth * np.exp(-((from_outline / edge - 2) ** 2) / 2)
    noise = rng.normal(size=(count, 64, 64)) * np.exp(rng.normal(0.4, 0.3, (count, 1, 1)))
    level = rng.normal(176, 15, (count, 1, 1))
    return (level + disc + ring + noise).round().clip(0, 255).astype(np.uint8)
