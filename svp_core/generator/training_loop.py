"""Train the generator: EDM loss, class-balanced batches, flips and quarter turns, averaged weights (EMA).

From random weights, or from the weights of another generator. On one device, or on several that share each batch.
"""

import copy
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from svp_core.device import fast_arithmetic
from svp_core.generator.ahead import drawn_ahead
from svp_core.generator.unet import TIME_SCALE, Generator, GeneratorConfig, build_unet, encode, preconditioning
from svp_core.images import to_model
from svp_core.model_files import stored_as
from svp_core.progress import Progress

if TYPE_CHECKING:
    from accelerate import Accelerator

# Noise levels at which it is decided whether a particle fills the tile: an offset of all pixels as large as the grey
# levels' own standard deviation stands out of noise 64 times stronger. A normal law about noise_mean almost never
# draws them.
COARSE_SIGMA = (2.0, 80.0)


@dataclass(frozen=True)
class GeneratorTrainingPlan:
    """Hyperparameters of a generator's training."""

    images: int = 300_000  # shown to the network in all, repeats counted
    batch: int = 32
    learning_rate: float = 1e-3  # up to 8 M parameters; 3e-4 for larger networks
    warmup_steps: int = 200
    p_uncond: float = stored_as("null_share", 0.1)  # label dropout: share of images trained with the null label
    noise_mean: float = -1.2  # P_mean of ln sigma (Karras et al. 2022, Table 1)
    noise_spread: float = 1.6  # P_std; 1.2 there, with which the camera's noise came out a quarter too weak
    coarse_fraction: float = stored_as(
        "coarse_share", 0.25
    )  # of images with ln sigma uniform over COARSE_SIGMA instead
    ema_gamma: float = 6.94  # power-function EMA, relative width 0.10 (Karras et al. 2024, arXiv 2312.02696)
    gradient_clip: float = 1.0
    seed: int = 0

    @property
    def steps(self) -> int:
        """Optimiser steps in all."""
        return math.ceil(self.images / self.batch)


class GeneratorTraining:
    """A training in progress: network, its EMA and the optimiser travel together, and can be saved and resumed."""

    def __init__(
        self,
        config: GeneratorConfig,
        plan: GeneratorTrainingPlan,
        *,
        device: torch.device,
        start: Mapping[str, torch.Tensor] | None = None,  # initial weights, see init_from; None = random ones
        accelerator: "Accelerator | None" = None,  # where several processes train one network, each on its share
    ):
        torch.manual_seed(plan.seed)
        self.config, self.plan, self.device, self.step = config, plan, device, 0
        self.model = _training_mode(build_unet(config).to(device))
        if start is not None:
            self.model.load_state_dict(start)
        self.ema = copy.deepcopy(self.model).eval().requires_grad_(False)
        self.optimiser: torch.optim.Optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=plan.learning_rate, betas=(0.9, 0.99), fused=True
        )
        self.accelerator, self._network = accelerator, self.model
        if accelerator is not None:
            if plan.batch % accelerator.num_processes:
                raise ValueError(
                    f"a batch of {plan.batch} cannot be divided equally among {accelerator.num_processes} processes"
                )
            # Averages the gradients of all processes.
            self._network = accelerator.prepare_model(self.model)

    @property
    def generator(self) -> Generator:
        """The EMA weights as they are now, ready to sample."""
        return Generator(self.ema, self.config, None, self.device)

    def state(self) -> dict[str, Any]:
        """Everything needed to resume: a dict of tensors and numbers, loadable with weights_only=True."""
        return {
            "step": self.step,
            "model": self.model.state_dict(),
            "average": self.ema.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }

    def resume(self, state: Mapping[str, Any]) -> None:
        """Continue from an earlier state()."""
        self.model.load_state_dict(state["model"])
        self.ema.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step = state["step"]

    def run(self, tiles: NDArray[np.uint8], labels: NDArray[np.integer]) -> Iterator[Progress]:
        """Train to the end of the plan; yields Progress after each step. Stop iterating to stop, state() to save.

        tiles: (N, 64, 64); labels: (N,) in the order of config.class_keys. Step k draws the same images and noise
        whether or not the training was interrupted before it.
        """
        by_class = [np.flatnonzero(labels == label) for label in range(len(self.config.class_keys))]
        for key, members in zip(self.config.class_keys, by_class, strict=True):
            if not len(members):
                raise ValueError(f"there are no training tiles of class {key!r}")
        plan, sigma_data, share = self.plan, self.config.sigma_data, self._batch_share()
        steps = range(self.step, plan.steps)

        def draw(step: int) -> tuple[int, list[torch.Tensor]]:
            return self._draw(step, tiles, by_class)

        for dropout_seed, drawn in drawn_ahead(draw, steps) if self.device.type == "cuda" else map(draw, steps):
            torch.manual_seed(dropout_seed + (share.start or 0))
            clean, sigma, noise, network_labels = (part[share].to(self.device, non_blocking=True) for part in drawn)
            clean = clean.contiguous(memory_format=torch.channels_last)
            loss = edm_loss(self._network, clean, sigma, noise, network_labels, sigma_data).mean()
            self._update(loss)
            # The loss of this process's share of the batch; the other shares scatter about the same.
            yield Progress(self.step, plan.steps, loss=loss.item())

    def _draw(self, step: int, tiles: NDArray[np.uint8], by_class: Sequence[Any]) -> tuple[int, list[torch.Tensor]]:
        """(seed of the dropout, [clean images, noise levels, noise, labels]) of a step, on the CPU."""
        plan, rng = self.plan, np.random.default_rng([self.plan.seed, step])
        noise_source, dropout_seed = torch.Generator().manual_seed(int(rng.integers(2**62))), int(rng.integers(2**62))
        labels = rng.integers(len(by_class), size=plan.batch)
        images = np.stack([dihedral(tiles[rng.choice(by_class[k])], int(rng.integers(8))) for k in labels])
        labels[rng.random(plan.batch) < plan.p_uncond] = len(by_class)
        sigma, clean = sample_log_sigma(plan, noise_source).exp(), encode(images, self.config)
        drawn = [clean, sigma, torch.randn(clean.shape, generator=noise_source), torch.from_numpy(labels)]
        return dropout_seed, [part.pin_memory() for part in drawn] if self.device.type == "cuda" else drawn

    def _batch_share(self):
        """The part of each batch that this process computes."""
        if self.accelerator is None:
            return slice(None)
        return slice(self.accelerator.process_index, None, self.accelerator.num_processes)

    def _update(self, loss):
        plan = self.plan
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # with several processes, their gradients are averaged here
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), plan.gradient_clip)
        warmup = min(1, (self.step + 1) / plan.warmup_steps)
        cosine = 0.1 + 0.9 * (1 + math.cos(math.pi * self.step / plan.steps)) / 2
        for group in self.optimiser.param_groups:
            group["lr"] = plan.learning_rate * warmup * cosine
        self.optimiser.step()
        self.step += 1
        beta = (1 - 1 / self.step) ** (plan.ema_gamma + 1)
        with torch.no_grad():
            lerp_ = torch._foreach_lerp_  # pyright: ignore[reportPrivateImportUsage]  (no public name for it)
            lerp_(list(self.ema.parameters()), list(self.model.parameters()), 1 - beta)


def sample_log_sigma(plan: GeneratorTrainingPlan, source: torch.Generator) -> torch.Tensor:
    """Draw ln sigma for each image of a batch: float32 (batch, 1, 1, 1)."""
    usual = plan.noise_mean + plan.noise_spread * torch.randn(plan.batch, generator=source)
    low, high = map(math.log, COARSE_SIGMA)
    coarse = low + (high - low) * torch.rand(plan.batch, generator=source)
    is_coarse = torch.rand(plan.batch, generator=source) < plan.coarse_fraction
    return torch.where(is_coarse, coarse, usual).reshape(-1, 1, 1, 1)


def edm_loss(
    network: torch.nn.Module,
    clean: torch.Tensor,  # model space (N, 4, 32, 32)
    sigma: torch.Tensor,  # (N, 1, 1, 1)
    noise: torch.Tensor,  # like clean, variance 1
    labels: torch.Tensor,  # int (N,)
    sigma_data: float,
) -> torch.Tensor:
    """EDM loss per image (Karras et al. 2022, Eq. 8): float32 (N,), about 1 untrained, 0 perfect."""
    noisy = clean + sigma * noise
    c_skip, c_out, c_in, c_noise = preconditioning(sigma, sigma_data)
    with fast_arithmetic(clean.device):
        output = network(c_in * noisy, TIME_SCALE * c_noise.flatten(), labels).sample
    # Weighted by 1 / c_out^2 the denoising error is the plain error of the network's raw output.
    return F.mse_loss(output.float(), (clean - c_skip * noisy) / c_out, reduction="none").mean((1, 2, 3))


def init_from(
    base: Generator, class_keys: Sequence[str], *, dropout: float
) -> tuple[GeneratorConfig, dict[str, torch.Tensor]]:
    """Config and initial weights for training another generator from this one, on these classes.

    It keeps the base's mean and standard deviation of grey levels, or its noise levels would change their meaning, but
    not the levels of its classes: see with_level_offsets. Classes are matched by key; one that the base does not know
    starts from its null label.
    """
    config = replace(
        base.config,
        class_keys=tuple(class_keys),
        dropout=dropout,
        level_means=(),
        level_spreads=(),
        guide_channels=(),
        class_guidance=(),
    )
    weights = {name: tensor.detach().clone() for name, tensor in base.model.state_dict().items()}
    embedding, null_label = weights["class_embedding.weight"], len(base.class_keys)
    base_labels = {key: label for label, key in enumerate(base.class_keys)}
    rows = [*(base_labels.get(key, null_label) for key in class_keys), null_label]
    weights["class_embedding.weight"] = embedding[rows]
    return config, weights


def _training_mode(model):
    # Only dropout differs in training here, while diffusers' blocks would also give up the channels-last layout.
    model.eval()
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.train()
    return model


def dihedral(tile: NDArray[np.uint8], which: int) -> NDArray[np.uint8]:
    """One of the 8 flips and quarter turns of a tile (0..7): free particles have no preferred orientation."""
    tile = np.rot90(tile, which % 4)
    return tile[:, ::-1] if which >= 4 else tile


def with_level_offsets(
    config: GeneratorConfig, tiles: Sequence[NDArray[np.uint8]] | NDArray[np.uint8], labels: NDArray[np.integer]
) -> GeneratorConfig:
    """The config with the level of each class in these tiles (N, 64, 64); labels (N,), at least one tile per class."""
    means = (np.stack([tile.mean() for tile in tiles]) / 127.5 - 1 - config.pixel_mean) * (
        config.sigma_data / config.pixel_std
    )
    by_class = [means[labels == label] for label in range(len(config.class_keys))]
    return replace(
        config,
        level_means=tuple(float(class_means.mean()) for class_means in by_class),
        level_spreads=tuple(float(class_means.std()) for class_means in by_class),
    )


def config_for(tiles: NDArray[np.uint8], class_keys: Sequence[str], **settings: Any) -> GeneratorConfig:
    """Config with the mean and standard deviation of these tiles. settings: other fields of GeneratorConfig."""
    pixels = to_model(tiles[:: max(1, len(tiles) // 4000)])
    return GeneratorConfig(tuple(class_keys), float(pixels.mean()), float(pixels.std()), **settings)
