"""Classifier two-sample test: can a small network learn to tell synthetic tiles from real ones?"""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn
from torch.nn import functional

from svp_core.audit.rank_statistics import probability_larger
from svp_core.device import best_device, fast_arithmetic
from svp_core.stats.intervals import RESAMPLES, Estimate, interval_from_resamples

FOLDS = 3
MAX_TILES = 1000  # tiles per side; larger sets are cut, by the seed
PASSES = 12  # through the training tiles
MIN_STEPS = 150
BATCH_SIZE = 32
GRAIN_SCALE = 2.0  # grey levels; the grain has a channel of its own, or it would be lost beside outlines
LEARNING_RATE = 2e-3


def two_sample_auc(*, real: ArrayLike, synthetic: ArrayLike, seed: int = 0) -> Estimate:
    """Area under the ROC curve of a small network that separates real from synthetic tiles it was not trained on.

    0.5 = it cannot, 1 = always. uint8 (N, 64, 64) each; the larger set is cut to the size of the smaller, at most
    1,000. Three-fold cross-validation, mean AUC of the folds; a network of three convolutions is trained on each two
    thirds, with random flips and quarter turns. Classifier two-sample test (Lopez-Paz & Oquab 2017, arXiv 1610.06545).
    The interval is a bootstrap over the test tiles; the variation between trainings is not included.
    """
    rng = np.random.default_rng(seed)
    real, synthetic = np.asarray(real), np.asarray(synthetic)
    n = min(len(real), len(synthetic), MAX_TILES)
    if n < 2 * FOLDS:
        raise ValueError(
            f"at least {2 * FOLDS} tiles per side are needed; got {len(real)} real and {len(synthetic)} synthetic"
        )
    sides = [tiles[rng.permutation(len(tiles))[:n]] for tiles in (real, synthetic)]
    fold = np.arange(n) % FOLDS
    areas, resampled = [], np.zeros(RESAMPLES)
    for k in range(FOLDS):
        training = np.concatenate([tiles[fold != k] for tiles in sides])
        test = np.concatenate([tiles[fold == k] for tiles in sides])
        scores = _train_and_score(training, np.repeat([0, 1], len(training) // 2), test, seed * FOLDS + k)
        real_scores, synthetic_scores = scores[: len(test) // 2], scores[len(test) // 2 :]
        areas.append(probability_larger(synthetic_scores, real_scores))
        resampled += [_resampled_area(real_scores, synthetic_scores, rng) for _ in range(RESAMPLES)]
    return interval_from_resamples(float(np.mean(areas)), resampled / FOLDS, n)


def _train_and_score(training: NDArray[np.uint8], labels: NDArray, test: NDArray[np.uint8], seed: int) -> NDArray:
    """Logits that the test tiles are synthetic, float (N,). labels: 0 = real, 1 = synthetic."""
    device = best_device()
    mean, spread = float(training.mean()), max(float(training.std()), 1.0)

    def to_input(tiles: NDArray) -> torch.Tensor:
        levels = torch.from_numpy(np.asarray(tiles, np.float32) - mean)[:, None].to(device)
        grain = levels - functional.avg_pool2d(functional.pad(levels, (1, 1, 1, 1), mode="reflect"), 3, stride=1)
        channels = torch.cat([levels / spread, torch.asinh(grain / GRAIN_SCALE)], 1)
        return functional.pixel_unshuffle(channels, 2)  # (N, 8, 32, 32)

    rng = np.random.default_rng(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = _build().to(device).to(memory_format=torch.channels_last)
        steps = max(MIN_STEPS, PASSES * len(training) // BATCH_SIZE)
        optimiser = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.01)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=steps)
        for batch in _batches(rng, len(training), steps):
            tiles = np.rot90(training[batch], int(rng.integers(4)), (1, 2))
            tiles = tiles[:, :, ::-1] if rng.random() < 0.5 else tiles
            with fast_arithmetic(device):
                logits = model(to_input(tiles))[:, 0]
            targets = torch.from_numpy(labels[batch]).float().to(device)
            loss = functional.binary_cross_entropy_with_logits(logits.float(), targets)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            schedule.step()
    model.eval()
    with torch.inference_mode(), fast_arithmetic(device):
        logits = [model(to_input(test[k : k + 256]))[:, 0].float().cpu() for k in range(0, len(test), 256)]
    return torch.cat(logits).numpy()


def _build() -> nn.Module:
    layers, in_channels = [], 8
    for channels, stride in ((24, 1), (48, 2), (64, 2)):
        layers += [nn.Conv2d(in_channels, channels, 3, stride, 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU()]
        in_channels = channels
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(in_channels, 1))


def _batches(rng: np.random.Generator, n: int, steps: int) -> Iterator[NDArray[np.int64]]:
    """Positions of the tiles of each step; every tile is used once before any is used again."""
    pending = np.zeros(0, np.int64)
    for _ in range(steps):
        if len(pending) < BATCH_SIZE:
            pending = np.concatenate([pending, rng.permutation(n)])
        yield pending[:BATCH_SIZE]
        pending = pending[BATCH_SIZE:]


def _resampled_area(real_scores, synthetic_scores, rng):
    """AUC in one bootstrap resample of both sides."""
    real, synthetic = (
        scores[rng.integers(len(scores), size=len(scores))] for scores in (real_scores, synthetic_scores)
    )
    return probability_larger(synthetic, real)
