"""Train the generator: EDM loss, class-balanced batches, flips and quarter turns, averaged weights.

From nothing, or from the weights of another generator. On one device, or on several that share each batch.
"""

import copy
import math
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F

from svp_core.device import fast_arithmetic
from svp_core.generator.unet import TIME_SCALE, Generator, GeneratorConfig, build_unet, encode, preconditioning
from svp_core.images import to_model
from svp_core.progress import Progress

# Where it is decided whether a particle fills the tile: an all-over difference as large as the grey levels' own spread
# stands out of noise 64 times stronger. A normal law about noise_mean almost never comes here.
COARSE_SIGMA = (2.0, 80.0)


@dataclass(frozen=True)
class GeneratorTrainingPlan:
    """How a generator is trained."""

    images: int = 300_000  # shown to the network in all, repeats counted
    batch: int = 32
    learning_rate: float = 1e-3  # up to 8 M parameters; 3e-4 for larger networks
    warmup_steps: int = 200
    null_share: float = 0.1  # of images whose class is hidden, so that the network also knows "any class"
    noise_mean: float = -1.2  # of ln sigma in training (Karras et al. 2022, Table 1)
    noise_spread: float = 1.6  # there 1.2, with which the camera's noise came out a quarter too weak
    coarse_share: float = 0.25  # of images with noise spread evenly over COARSE_SIGMA instead
    ema_gamma: float = 6.94  # power-function average, relative width 0.10 (Karras et al. 2024, arXiv 2312.02696)
    gradient_clip: float = 1.0
    seed: int = 0

    @property
    def steps(self):
        """Optimiser steps in all."""
        return math.ceil(self.images / self.batch)


class GeneratorTraining:
    """A training under way: network, its average, optimiser and step travel together, and can be put on disk."""

    def __init__(self, config, plan, *, device, start=None, accelerator=None):
        """start: weights to begin with (see started_from), else random ones. accelerator: accelerate's Accelerator
        where several processes train one network together; each computes its share of every batch."""
        torch.manual_seed(plan.seed)
        self.config, self.plan, self.device, self.step = config, plan, device, 0
        self.model = _training_mode(build_unet(config).to(device))
        if start is not None:
            self.model.load_state_dict(start)
        self.average = copy.deepcopy(self.model).eval().requires_grad_(False)
        self.optimiser = torch.optim.AdamW(
            self.model.parameters(), lr=plan.learning_rate, betas=(0.9, 0.99), fused=True
        )
        self.accelerator, self._network = accelerator, self.model
        if accelerator is not None:
            if plan.batch % accelerator.num_processes:
                raise ValueError(f"{accelerator.num_processes} processes cannot share batches of {plan.batch} alike")
            # Averages the gradients of all processes.
            self._network = accelerator.prepare_model(self.model)

    @property
    def generator(self):
        """The averaged weights as they stand, ready to sample."""
        return Generator(self.average, self.config, None, self.device)

    def state(self):
        """Everything a later process needs to go on: a dict of tensors and numbers, loadable with weights_only=True."""
        return {
            "step": self.step,
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }

    def resume(self, state):
        """Go on from an earlier state()."""
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step = state["step"]

    def run(self, tiles, labels):
        """Train to the end of the plan; yields Progress after each step. Stop iterating to stop, state() to keep.

        tiles: uint8 (N, 64, 64); labels: int (N,) in the order of config.class_keys. Step k draws the same images and
        noise whether or not the training was interrupted before it.
        """
        by_class = [np.flatnonzero(labels == label) for label in range(len(self.config.class_keys))]
        for key, members in zip(self.config.class_keys, by_class, strict=True):
            if not len(members):
                raise ValueError(f"there are no training tiles of class {key!r}")
        plan, sigma_data = self.plan, self.config.sigma_data
        alone = self.accelerator is None
        mine = slice(None) if alone else slice(self.accelerator.process_index, None, self.accelerator.num_processes)
        while self.step < plan.steps:
            rng = np.random.default_rng([plan.seed, self.step])
            noise_source = torch.Generator().manual_seed(int(rng.integers(2**62)))
            torch.manual_seed(int(rng.integers(2**62)) + (mine.start or 0))  # for dropout
            chosen = rng.integers(len(by_class), size=plan.batch)
            images = np.stack([dihedral(tiles[rng.choice(by_class[label])], rng.integers(8)) for label in chosen])
            chosen[rng.random(plan.batch) < plan.null_share] = len(by_class)
            log_sigma = sample_log_sigma(plan, noise_source)
            clean = encode(images, self.config)
            noise = torch.randn(clean.shape, generator=noise_source)

            clean = clean[mine].to(self.device, memory_format=torch.channels_last)
            sigma, noise = log_sigma[mine].exp().to(self.device), noise[mine].to(self.device)
            wanted = torch.from_numpy(chosen[mine]).to(self.device)
            loss = edm_loss(self._network, clean, sigma, noise, wanted, sigma_data).mean()
            self._update(loss)
            # Of this process's share of the batch; the others' scatter about the same.
            yield Progress(self.step, plan.steps, loss=loss.item())

    def _update(self, loss):
        plan = self.plan
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # with several processes this is where their gradients meet
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), plan.gradient_clip)
        warm = min(1, (self.step + 1) / plan.warmup_steps)
        falling = 0.1 + 0.9 * (1 + math.cos(math.pi * self.step / plan.steps)) / 2
        for group in self.optimiser.param_groups:
            group["lr"] = plan.learning_rate * warm * falling
        self.optimiser.step()
        self.step += 1
        keep = (1 - 1 / self.step) ** (plan.ema_gamma + 1)
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.model.parameters()), 1 - keep)


def sample_log_sigma(plan, source):
    """ln of the noise level of each image of a batch: float32 tensor (batch, 1, 1, 1)."""
    usual = plan.noise_mean + plan.noise_spread * torch.randn(plan.batch, generator=source)
    least, most = map(math.log, COARSE_SIGMA)
    coarse = least + (most - least) * torch.rand(plan.batch, generator=source)
    is_coarse = torch.rand(plan.batch, generator=source) < plan.coarse_share
    return torch.where(is_coarse, coarse, usual).reshape(-1, 1, 1, 1)


def edm_loss(network, clean, sigma, noise, wanted, sigma_data):
    """EDM loss of each image (Karras et al. 2022, Eq. 8): float32 tensor (N,), about 1 untrained.

    clean, noise: model space (N, 4, 32, 32), noise of variance 1. sigma: (N, 1, 1, 1). wanted: labels, int (N,).
    """
    noisy = clean + sigma * noise
    c_skip, c_out, c_in, c_noise = preconditioning(sigma, sigma_data)
    with fast_arithmetic(clean.device):
        output = network(c_in * noisy, TIME_SCALE * c_noise.flatten(), wanted).sample
    # Weighted by 1 / c_out^2 the denoising error is the plain error of the network's own output.
    return F.mse_loss(output.float(), (clean - c_skip * noisy) / c_out, reduction="none").mean((1, 2, 3))


def init_from(base, class_keys, *, dropout):
    """(GeneratorConfig, weights) for training another generator from this one, on these classes.

    It keeps the base's mean and spread of grey levels, or its noise levels would change their meaning, and not the
    levels of its classes: see with_levels. Classes are matched by key; one that the base does not know starts from its
    "any class".
    """
    config = replace(
        base.config,
        class_keys=tuple(class_keys),
        dropout=dropout,
        level_means=(),
        level_spreads=(),
        guide_widths=(),
        insisted=(),
    )
    weights = {name: tensor.detach().clone() for name, tensor in base.model.state_dict().items()}
    rows, any_class = weights["class_embedding.weight"], len(base.class_keys)
    place = {key: label for label, key in enumerate(base.class_keys)}
    weights["class_embedding.weight"] = rows[[*(place.get(key, any_class) for key in class_keys), any_class]]
    return config, weights


def _training_mode(model):
    # Only dropout behaves otherwise in training here, while diffusers' blocks also give up the channels-last layout.
    model.eval()
    for part in model.modules():
        if isinstance(part, torch.nn.Dropout):
            part.train()
    return model


def dihedral(tile, which):
    """One of the 8 flips and quarter turns of a tile (0..7): free particles have no preferred orientation."""
    tile = np.rot90(tile, which % 4)
    return tile[:, ::-1] if which >= 4 else tile


def with_level_offsets(config, tiles, labels):
    """The GeneratorConfig with the levels of these tiles, uint8 (N, 64, 64); labels: int (N,), none without a tile."""
    means = (np.stack([tile.mean() for tile in tiles]) / 127.5 - 1 - config.pixel_mean) * (
        config.sigma_data / config.pixel_std
    )
    by_class = [means[labels == label] for label in range(len(config.class_keys))]
    return replace(
        config,
        level_means=tuple(float(found.mean()) for found in by_class),
        level_spreads=tuple(float(found.std()) for found in by_class),
    )


def config_for(tiles, class_keys, **choices):
    """GeneratorConfig with the mean and spread of these tiles. choices: other fields of the config."""
    pixels = to_model(tiles[:: max(1, len(tiles) // 4000)])
    return GeneratorConfig(tuple(class_keys), float(pixels.mean()), float(pixels.std()), **choices)
