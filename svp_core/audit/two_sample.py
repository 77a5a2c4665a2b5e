"""Can anyone tell the synthetic tiles from the real ones? A small network that has learnt to try."""

import numpy as np
import torch
from scipy.stats import rankdata
from torch import nn
from torch.nn import functional

from svp_core.device import best_device, fast_arithmetic
from svp_core.stats.intervals import RESAMPLES, interval_from_resamples

FOLDS = 3
MAX_TILES = 1000  # tiles a side; more are cut, by the seed
PASSES = 12  # through the tiles that are learnt from
MIN_STEPS = 150
BATCH = 32
GRAIN = 2.0  # grey levels; the grain is shown apart from the picture, or it would be lost beside outlines
LEARNING_RATE = 2e-3


def two_sample_auc(*, real, synthetic, seed=0):
    """How well a small network tells real from synthetic tiles it has not learnt from: Estimate of the AUC.

    0.5 = it cannot, 1 = always. uint8 (N, 64, 64) each; the larger set is cut to the size of the smaller, at most
    1,000. Three-fold cross-validation, mean of the folds' areas under the curve; a network of three convolutions is
    trained on each two thirds, flipped and turned at random. Classifier two-sample test (Lopez-Paz & Oquab 2017, arXiv
    1610.06545). The interval is a bootstrap over the tiles judged; it does not hold what another training would change.
    """
    rng = np.random.default_rng(seed)
    n = min(len(real), len(synthetic), MAX_TILES)
    if n < 2 * FOLDS:
        raise ValueError(f"{2 * FOLDS} tiles a side are needed; got {len(real)} real and {len(synthetic)} synthetic")
    sides = [np.asarray(tiles)[rng.permutation(len(tiles))[:n]] for tiles in (real, synthetic)]
    fold = np.arange(n) % FOLDS
    areas, resampled = [], np.zeros(RESAMPLES)
    for held in range(FOLDS):
        learnt = np.concatenate([tiles[fold != held] for tiles in sides])
        judged = np.concatenate([tiles[fold == held] for tiles in sides])
        scores = _learn_and_score(learnt, np.repeat([0, 1], len(learnt) // 2), judged, seed * FOLDS + held)
        of_real, of_synthetic = scores[: len(judged) // 2], scores[len(judged) // 2 :]
        areas.append(_area(of_real, of_synthetic))
        resampled += [_area(_again(of_real, rng), _again(of_synthetic, rng)) for _ in range(RESAMPLES)]
    return interval_from_resamples(np.mean(areas), resampled / FOLDS, n)


def _learn_and_score(learnt, labels, judged, seed):
    """Logits that the judged tiles are synthetic, float (N,)."""
    device = best_device()
    middle, spread = float(learnt.mean()), max(float(learnt.std()), 1.0)

    def to_input(tiles):
        levels = torch.from_numpy(np.asarray(tiles, np.float32) - middle)[:, None].to(device)
        grain = levels - functional.avg_pool2d(functional.pad(levels, (1, 1, 1, 1), mode="reflect"), 3, stride=1)
        shown = torch.cat([levels / spread, torch.asinh(grain / GRAIN)], 1)
        return functional.pixel_unshuffle(shown, 2)  # (N, 8, 32, 32)

    rng = np.random.default_rng(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = _build().to(device, memory_format=torch.channels_last)
        steps = max(MIN_STEPS, PASSES * len(learnt) // BATCH)
        optimiser = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.01)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=steps)
        for chosen in _batches(rng, len(learnt), steps):
            tiles = np.rot90(learnt[chosen], rng.integers(4), (1, 2))
            tiles = tiles[:, :, ::-1] if rng.random() < 0.5 else tiles
            with fast_arithmetic(device):
                logits = model(to_input(tiles))[:, 0]
            wanted = torch.from_numpy(labels[chosen]).float().to(device)
            loss = functional.binary_cross_entropy_with_logits(logits.float(), wanted)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            schedule.step()
    model.eval()
    with torch.inference_mode(), fast_arithmetic(device):
        parts = [model(to_input(judged[k : k + 256]))[:, 0].float().cpu() for k in range(0, len(judged), 256)]
    return torch.cat(parts).numpy()


def _build():
    layers, given = [], 8
    for width, stride in ((24, 1), (48, 2), (64, 2)):
        layers += [nn.Conv2d(given, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        given = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(given, 1))


def _batches(rng, n, steps):
    """Positions of each step's tiles; every tile comes once before any comes again."""
    waiting = np.zeros(0, np.int64)
    for _ in range(steps):
        if len(waiting) < BATCH:
            waiting = np.concatenate([waiting, rng.permutation(n)])
        yield waiting[:BATCH]
        waiting = waiting[BATCH:]


def _area(of_real, of_synthetic):
    """Chance that a synthetic tile has the higher score than a real one, ties one half."""
    m, n = len(of_synthetic), len(of_real)
    ranks = rankdata(np.concatenate([of_synthetic, of_real]))[:m].sum()
    return (ranks - m * (m + 1) / 2) / (m * n)


def _again(scores, rng):
    return scores[rng.integers(len(scores), size=len(scores))]
