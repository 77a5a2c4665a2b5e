"""How well a generator denoises given tiles, by noise level: where a gap between seen and unseen tiles opens first."""

import numpy as np
import torch

from svp_core.generator.training_loop import edm_loss
from svp_core.generator.unet import encode

# Noise levels in model space, where one grey level is about 0.02: camera noise, edges, shape, what it is at all.
NOISE_BANDS = {"texture": (0.01, 0.05), "edges": (0.05, 0.2), "shape": (0.2, 0.8), "whole": (0.8, 5.0)}
BATCH_SIZE = 32


@torch.inference_mode()
def errors_by_noise(generator, tiles, labels, *, seed=0):
    """Mean EDM loss of these tiles by band: dict of the keys of BANDS -> float; about 1 is untrained, 0 perfect.

    tiles: uint8 (N, 64, 64), at least one; labels: int (N,) in the order of generator.class_keys. Noise and noise level
    of tile k depend on seed and k alone, so that checkpoints compare with less scatter than their batches.
    """
    sources = [
        torch.Generator().manual_seed(int(np.random.SeedSequence((seed, k)).generate_state(1)[0]))
        for k in range(len(tiles))
    ]
    clean, config, device = encode(tiles, generator.config), generator.config, generator.device
    found = {}
    for band, (low, high) in NOISE_BANDS.items():
        errors = []
        # Each tile has its own noise: a band is the same for tiles 0 to 9, whatever follows.
        drawn = [
            (torch.rand(1, generator=source), torch.randn(clean.shape[1:], generator=source)) for source in sources
        ]
        sigma = torch.stack([low * (high / low) ** place for place, _ in drawn]).reshape(-1, 1, 1, 1)
        noise = torch.stack([noise for _, noise in drawn])
        for start in range(0, len(tiles), BATCH_SIZE):
            part = slice(start, start + BATCH_SIZE)
            wanted = torch.as_tensor(np.asarray(labels[part])).to(device)
            batch = (clean[part].to(device), sigma[part].to(device), noise[part].to(device), wanted)
            errors.append(edm_loss(generator.model, *batch, config.sigma_data).cpu())
        found[band] = float(torch.cat(errors).mean())
    return found
