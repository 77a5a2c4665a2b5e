"""Denoising error by noise level: where a gap between training and held-out tiles opens first."""

import numpy as np
import torch
from numpy.typing import NDArray

from svp_core.generator.training_loop import edm_loss
from svp_core.generator.unet import Generator, encode

# Noise levels in model space, where one grey level is about 0.02: camera noise, edges, shape, which particle it is.
NOISE_BANDS = {"texture": (0.01, 0.05), "edges": (0.05, 0.2), "shape": (0.2, 0.8), "whole": (0.8, 5.0)}
BATCH_SIZE = 32


@torch.inference_mode()
def errors_by_noise(
    generator: Generator, tiles: NDArray[np.uint8], labels: NDArray[np.integer], *, seed: int = 0
) -> dict[str, float]:
    """Mean EDM loss of these tiles by key of NOISE_BANDS; about 1 is untrained, 0 perfect.

    tiles: (N, 64, 64), at least one; labels: (N,) in the order of generator.class_keys. Noise and noise level of tile k
    depend on seed and k alone, so that checkpoints compare with less scatter than their batches.
    """
    sources = [
        torch.Generator().manual_seed(int(np.random.SeedSequence((seed, k)).generate_state(1)[0]))
        for k in range(len(tiles))
    ]
    clean, config, device = encode(tiles, generator.config), generator.config, generator.device
    means = {}
    for band, (low, high) in NOISE_BANDS.items():
        losses = []
        # Each tile has its own noise: a band is the same for tiles 0 to 9, whatever follows.
        draws = [
            (torch.rand(1, generator=source), torch.randn(clean.shape[1:], generator=source)) for source in sources
        ]
        sigma = torch.stack([low * (high / low) ** uniform for uniform, _ in draws]).reshape(-1, 1, 1, 1)
        noise = torch.stack([noise for _, noise in draws])
        for start in range(0, len(tiles), BATCH_SIZE):
            batch = slice(start, start + BATCH_SIZE)
            batch_labels = torch.as_tensor(np.asarray(labels[batch])).to(device)
            inputs = (clean[batch].to(device), sigma[batch].to(device), noise[batch].to(device), batch_labels)
            losses.append(edm_loss(generator.model, *inputs, config.sigma_data).cpu())
        means[band] = float(torch.cat(losses).mean())
    return means
