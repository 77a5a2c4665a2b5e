"""The published generator: its config, its network, and two samplers, exact and fast.

One class per network, grey 64 px tiles, noise added in 500 steps of a linear beta schedule (Ho et al. 2020). It serves
for comparison, and for those who received the checkpoints from their authors (published_checkpoint reads them); none is
shipped.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from svp_core.device import best_device
from svp_core.errors import LabError
from svp_core.generator.published_network import PublishedUNet, StandardisedConv
from svp_core.generator.samplers import DenoiseStep
from svp_core.images import TILE_PX, from_model
from svp_core.model_files import as_stored, load_weights, read_model_folder, stored_as, stored_config

STEPS = 500
BETA_FIRST, BETA_LAST = 1e-4, 0.02  # variance of the noise added in the first and last step of the forward process
FAST_STEPS = 24
# Images per network call, by device. On a CPU one by one is as fast as together, and no image waits for the others.
CALL_SIZE = {"cpu": 1, "cuda": 64}


@dataclass(frozen=True)
class PublishedConfig:
    """Everything needed to rebuild the network of a published checkpoint and to sample from it."""

    class_keys: tuple[str, ...]  # the one class it generates; the checkpoint does not say which
    dim: int = 64  # channels at full resolution
    image_channels: int = stored_as("channels", 1)
    dim_mults: tuple[int, ...] = (1, 2, 4, 8)  # channels per level, in units of dim
    steps: int = STEPS  # of the schedule it was trained with; the checkpoint holds neither steps nor betas
    beta_first: float = BETA_FIRST
    beta_last: float = BETA_LAST


@dataclass(frozen=True)
class PublishedGenerator:
    """A published generator, ready to sample."""

    model: nn.Module  # weight standardisation folded in
    config: PublishedConfig
    folder: Path | None
    device: torch.device

    @property
    def class_keys(self) -> tuple[str, ...]:
        """Keys of the classes it can generate: one."""
        return self.config.class_keys

    @property
    def samplers(self) -> "Mapping[str, FastSampler | ExactSampler]":
        """Samplers by key."""
        return published_samplers(self.config)

    def estimate_clean(self, noisy: torch.Tensor, sigma: float, class_keys: Sequence[str]) -> torch.Tensor:
        """Clean images, float32 (N, 1, 64, 64), grey levels -1..1, from noisy ones with noise of this deviation.

        By the step of its schedule whose noise level is nearest. class_keys: the network knows one class only.
        """
        del class_keys
        alpha_bars = alpha_bars_of(self.config)
        levels = ((1 - alpha_bars) / alpha_bars).sqrt()
        t = int((levels.log() - np.log(sigma)).abs().argmin())
        kept = float(alpha_bars[t]) ** 0.5
        times = torch.full((len(noisy),), t, device=self.device)
        noise = self.model(noisy * kept, times)
        return noisy - noise * ((1 - kept**2) ** 0.5 / kept)

    def to_tiles(self, latents: torch.Tensor, sigma: float = 0) -> NDArray[np.uint8]:
        """uint8 tiles (N, 64, 64). Noise fades in as the image fades out, so every noise level has the grey range."""
        del sigma  # the published noise schedule preserves the variance
        return from_model(latents)


def build_published(
    *, dim: int = 64, image_channels: int = 1, dim_mults: Sequence[int] = (1, 2, 4, 8)
) -> PublishedUNet:
    """The published network with random weights, in evaluation mode; 35.7 million parameters by default."""
    return PublishedUNet(dim, image_channels, dim_mults).eval()


def load_published(folder: str | Path, *, device: torch.device | None = None) -> PublishedGenerator:
    """Load the published generator of a model folder, folded. Raises LabError where the folder holds none."""
    model_folder = read_model_folder(folder)
    config = stored_config(model_folder, "published", PublishedConfig)
    device = device or best_device()
    model = build_published(dim=config.dim, image_channels=config.image_channels, dim_mults=config.dim_mults)
    model = fold_weight_standardisation(load_weights(model, model_folder.folder))
    return PublishedGenerator(model.to(device), config, model_folder.folder, device)


def config_as_dict(config: PublishedConfig) -> dict[str, Any]:
    """JSON-ready form of a config, as load_published reads it back."""
    return {"published": as_stored(config)}


def fold_weight_standardisation(model: nn.Module) -> nn.Module:
    """Standardise the filters once, in place, and return the model: same output, less than half the time.

    Not repeatable (the filters' variance is no longer exactly 1), so a second call raises ValueError. Keep the
    checkpoint: the original filters cannot be recovered, and a state dict does not say that it is folded.
    """
    convolutions = [module for module in model.modules() if isinstance(module, StandardisedConv)]
    if any(convolution.folded for convolution in convolutions):
        raise ValueError("the weight standardisation of this network is already folded in")
    with torch.no_grad():
        for convolution in convolutions:
            convolution.weight.copy_(convolution.standardised())
            convolution.folded = True
    return model


def alpha_bars_of(config: PublishedConfig) -> torch.Tensor:
    """Share of the image's variance that is left at each step of the forward process, float64 (steps,)."""
    return (1 - torch.linspace(config.beta_first, config.beta_last, config.steps, dtype=torch.float64)).cumprod(0)


def published_samplers(config: PublishedConfig) -> "dict[str, FastSampler | ExactSampler]":
    """Samplers of a published generator by key: "fast" first, then "exact"."""
    fast, exact = FastSampler(min(FAST_STEPS, config.steps)), ExactSampler(config.steps)
    return {fast.key: fast, exact.key: exact}


@dataclass(frozen=True)
class ExactSampler:
    """Ancestral sampling as published: every step of the schedule, one network call and fresh noise in each."""

    steps: int
    key: str = "exact"
    name: str = "Exact, as published"

    @property
    def call_size(self) -> Mapping[str, int]:
        """Images per network call, by device type."""
        return CALL_SIZE

    def denoise_steps(
        self,
        generator: PublishedGenerator,
        class_key: str,
        seeds: Sequence[int],
        steps: int,
    ) -> Iterator[DenoiseStep]:
        """Yield a DenoiseStep, tensors (N, 1, 64, 64), for step 0..steps.

        Each image draws its own noise from its seed, on the CPU. Raises LabError for another number of steps: the
        network knows only the noise levels of its own schedule.
        """
        del class_key  # one class per network
        config = generator.config
        if steps != config.steps:
            raise LabError(
                f"The exact sampler takes all {config.steps} steps of its schedule, not {steps}; use the fast sampler "
                "for fewer."
            )
        draw = _noise_of(seeds, generator)
        yield from ancestral_steps(generator.model, draw, steps=steps, betas=(config.beta_first, config.beta_last))


@dataclass(frozen=True)
class FastSampler:
    """The same network in few steps: DPM-Solver++(2M) on noise levels evenly spaced in log SNR (Lu et al. 2022).

    Evenly spaced in time, so few steps would lose the fine texture.
    """

    steps: int
    key: str = "fast"
    name: str = "Fast"

    @property
    def call_size(self) -> Mapping[str, int]:
        """Images per network call, by device type."""
        return CALL_SIZE

    @torch.inference_mode()
    def denoise_steps(
        self,
        generator: PublishedGenerator,
        class_key: str,
        seeds: Sequence[int],
        steps: int,
    ) -> Iterator[DenoiseStep]:
        """Yield a DenoiseStep, tensors (N, 1, 64, 64), for step 0..steps.

        Raises LabError for more steps than the schedule has.
        """
        from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler

        del class_key  # one class per network
        config, device = generator.config, generator.device
        if steps > config.steps:
            raise LabError(
                f"The fast sampler takes at most the {config.steps} steps of this model's schedule; got {steps}."
            )
        scheduler: Any = DPMSolverMultistepScheduler(
            num_train_timesteps=config.steps,
            beta_schedule="linear",
            beta_start=config.beta_first,
            beta_end=config.beta_last,
            prediction_type="epsilon",
            algorithm_type="dpmsolver++",
            use_lu_lambdas=True,
        )
        scheduler.set_timesteps(steps)
        images = _noise_of(seeds, generator)()
        for step, time in enumerate(scheduler.timesteps, start=1):
            before, sigma = images, float(scheduler.sigmas[step - 1])
            noise = generator.model(images, time.to(device).expand(len(images)))
            images = scheduler.step(noise, time, images).prev_sample
            clean = scheduler.model_outputs[-1]
            if step == 1:
                yield DenoiseStep(0, sigma, before, clean)
            yield DenoiseStep(step, float(scheduler.sigmas[step]), images, clean)


def _noise_of(seeds, generator):
    """draw() -> standard normal noise (N, 1, 64, 64), each image from its own seed, on the generator's device."""
    sources = [torch.Generator().manual_seed(seed) for seed in seeds]
    shape = (generator.config.image_channels, TILE_PX, TILE_PX)

    def draw():
        return torch.stack([torch.randn(shape, generator=source) for source in sources]).to(generator.device)

    return draw


@torch.inference_mode()
def ancestral_steps(
    model: nn.Module,
    draw: Callable[[], torch.Tensor],  # standard normal noise (N, 1, H, W): at the start, then per step but the last
    *,
    steps: int = STEPS,
    betas: tuple[float, float] = (BETA_FIRST, BETA_LAST),  # of the first and last step, linear between them
) -> Iterator[DenoiseStep]:
    """Ancestral sampling, Algorithm 2 of Ho et al. 2020, with posterior variance and without clipping.

    Yields a DenoiseStep per step; tensors (N, 1, H, W), -1..1 where they are images.
    """
    schedule = torch.linspace(*betas, steps, dtype=torch.float64)
    alpha_bars = torch.cat([torch.ones(1, dtype=torch.float64), (1 - schedule).cumprod(0)])  # [t + 1] is alpha-bar of t
    sigmas = ((1 - alpha_bars) / alpha_bars).sqrt().tolist()
    images = draw()
    for step, t in enumerate(reversed(range(steps)), start=1):
        beta, alpha_bar, alpha_bar_next = schedule[t].item(), alpha_bars[t + 1].item(), alpha_bars[t].item()
        noise = model(images, torch.full((len(images),), t, device=images.device))
        clean = (images - (1 - alpha_bar) ** 0.5 * noise) / alpha_bar**0.5
        if step == 1:
            yield DenoiseStep(0, sigmas[steps], images, clean)
        images = (images - beta / (1 - alpha_bar) ** 0.5 * noise) / (1 - beta) ** 0.5
        if t > 0:
            images = images + (beta * (1 - alpha_bar_next) / (1 - alpha_bar)) ** 0.5 * draw()
        yield DenoiseStep(step, sigmas[t], images, clean)
