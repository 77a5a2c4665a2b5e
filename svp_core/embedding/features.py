"""Tiles as vectors: what our classifier sees in them, and what a fixed network sees that was trained on nothing.

A network trained on the classes is blind to what it does not need, such as the grain of the background; the fixed one
is not. Distances between sets of images (quality) are looked at in both.
"""

from functools import lru_cache

import numpy as np
import torch
from torch.nn import functional

from svp_core.classifier.resnet import predict_probs

FIXED = 64  # numbers a tile
SEED = 64  # of the fixed network's weights; another one makes other features
GRAIN = 2.0  # grey levels; weaker responses count as they are, stronger ones by their logarithm
MIN_SHARE = 0.1  # combinations of the numbers that vary less than this, relative to one number, are not blown up
_FILTERS = ((12, 5), (32, 3), (32, 5))  # in the three layers: how many, and their width in pixels of that layer
_READ = (12, 26, 26)  # numbers taken from each layer; they add up to 64


def classifier_features(classifier, tiles, *, batch=64):
    """What the classifier's last layer is given for each tile: float32 (N, 512), 2048 of a ResNet-50.

    classifier: as load_classifier gives it. tiles: uint8 (N, 64, 64).
    """
    seen = []
    hook = classifier.model.fc.register_forward_pre_hook(lambda _, given: seen.append(given[0].float().cpu()))
    try:
        predict_probs(classifier, tiles, batch=batch)
    finally:
        hook.remove()
    if not seen:
        return np.zeros((0, classifier.model.fc.in_features), np.float32)
    return torch.cat(seen).numpy()


def layered_features(classifier, tiles, *, batch=64):
    """What every depth of the classifier sees in each tile: float32 (N, 1408), more of a ResNet-50.

    The numbers of classifier_features, then mean and largest response of each filter of the first three stages. The
    last layer knows only what tells the network's own classes apart; the earlier ones see what other classes differ in.
    classifier: as load_classifier gives it. tiles: uint8 (N, 64, 64).
    """
    stages = [classifier.model.layer1, classifier.model.layer2, classifier.model.layer3]
    seen = [[] for _ in range(2 * len(stages) + 1)]

    def keep(place):
        def hook(_, given, response):
            flat = response.flatten(2).float()
            seen[2 * place + 1].append(flat.mean(2).cpu())
            seen[2 * place + 2].append(flat.amax(2).cpu())

        return hook

    hooks = [stage.register_forward_hook(keep(place)) for place, stage in enumerate(stages)]
    hooks.append(classifier.model.fc.register_forward_pre_hook(lambda _, given: seen[0].append(given[0].float().cpu())))
    try:
        predict_probs(classifier, tiles if len(tiles) else np.zeros((1, 64, 64), np.uint8), batch=batch)
    finally:
        for hook in hooks:
            hook.remove()
    return torch.cat([torch.cat(parts) for parts in seen], 1).numpy()[: len(tiles)]


@torch.inference_mode()
def fixed_features(tiles, *, batch=256):
    """What a small fixed network sees in each tile: float32 (N, 64), -1..1; uint8 tiles (N, 64, 64) in.

    Three layers of random filters that see 5, 10 and 28 px at once, so that grain, rings and outlines all count; each
    number is a mean over the tile, thus nearly the same for a particle that lies elsewhere. The numbers are
    decorrelated over drawn particles and bounded: otherwise the few largest particles would decide every distance. The
    weights come from numpy and a fixed seed, so that they are the same with every version of torch.
    """
    weights, middle, mixed = _fixed_network()
    tiles = np.asarray(tiles)
    features = np.empty((len(tiles), FIXED), np.float32)
    for start in range(0, len(tiles), batch):
        read = _read_out(tiles[start : start + batch], weights)
        features[start : start + len(read)] = np.tanh((read - middle) @ mixed / 2)
    return features


def _read_out(tiles, weights):
    """Means over each tile of the chosen filters' responses, float32 (N, 64)."""
    levels = torch.from_numpy(np.asarray(tiles, np.float32))[:, None]
    found = functional.conv2d(levels, weights[0])
    # The grain is a grey level strong, an outline a hundred; both have to count.
    found = torch.cat([torch.asinh(found / GRAIN).relu(), torch.asinh(-found / GRAIN).relu()], 1)
    # The first filters add up to zero: they do not see how bright a tile is.
    brightness = (levels[:, :, 2:-2, 2:-2] - 128) / 64
    read = [found[:, : _READ[0] - 1].mean((2, 3)), brightness.mean((2, 3))]
    found = torch.cat([found, brightness.relu(), (-brightness).relu()], 1)
    for layer, share in zip(weights[1:], _READ[1:], strict=True):
        found = functional.conv2d(functional.avg_pool2d(found, 2), layer).relu()
        read.append(found[:, :share].mean((2, 3)))
    return torch.cat(read, 1).numpy()


@lru_cache(maxsize=1)
def _fixed_network():
    """(weights of the three layers, middle of the 64 numbers over drawn particles, matrix that decorrelates them)."""
    rng = np.random.default_rng(SEED)
    weights, given = [], 1
    for filters, width in _FILTERS:
        layer = rng.normal(size=(filters, given, width, width))
        # Later layers are given nothing negative; filters that add up to zero keep them from growing with the grain.
        layer -= layer.mean((1, 2, 3), keepdims=True)
        layer /= np.sqrt((layer**2).sum((1, 2, 3), keepdims=True))
        weights.append(torch.from_numpy(layer.astype(np.float32)))
        given = filters if len(weights) > 1 else 2 * filters + 2
    read = _read_out(_drawn_particles(rng), weights).astype(np.float64)
    spread = read.std(0)
    shares, directions = np.linalg.eigh(np.corrcoef(read.T))
    # Turned back to the 64 numbers, so that it does not depend on the signs the solver chooses.
    decorrelated = directions / np.sqrt(shares + MIN_SHARE) @ directions.T
    return weights, read.mean(0), decorrelated / spread[:, None]


def _drawn_particles(rng, count=512):
    """Blurred discs with a ring on a noisy background, uint8 (N, 64, 64): what the 64 numbers are scaled by."""
    rows, columns = np.mgrid[-31.5:32, -31.5:32]
    radius, depth = np.exp(rng.normal(2.3, 0.5, (count, 1, 1))), rng.normal(0, 60, (count, 1, 1))
    far = np.hypot(rows, columns * np.exp(rng.normal(0, 0.2, (count, 1, 1)))) - radius
    edge = np.exp(rng.normal(0.5, 0.5, (count, 1, 1)))
    disc = depth / (1 + np.exp(np.clip(far / edge, -50, 50)))
    ring = -0.5 * depth * np.exp(-((far / edge - 2) ** 2) / 2)
    noise = rng.normal(size=(count, 64, 64)) * np.exp(rng.normal(0.4, 0.3, (count, 1, 1)))
    level = rng.normal(176, 15, (count, 1, 1))
    return (level + disc + ring + noise).round().clip(0, 255).astype(np.uint8)
