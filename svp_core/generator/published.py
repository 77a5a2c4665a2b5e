"""The published generator: its config, its network, and two ways from noise to image, exact and fast.

One class a network, grey 64 px tiles, noise added in 500 steps of a linear schedule (Ho et al. 2020). It is here to be
compared with, and for those who have the checkpoints from their authors (published_checkpoint reads them); none is
shipped.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import nn

from svp_core.device import best_device
from svp_core.errors import LabError
from svp_core.generator.published_network import PublishedUNet, StandardisedConv
from svp_core.images import TILE_PX, from_model
from svp_core.model_files import load_weights, read_model_folder, stored_config

STEPS = 500
BETA_FIRST, BETA_LAST = 1e-4, 0.02  # share of noise added at the first and last step of the forward process
FAST_STEPS = 24
# Images in one network call, by device. On a CPU one by one is as fast as together, and nobody waits for the others.
CALL_SIZE = {"cpu": 1, "cuda": 64}


@dataclass(frozen=True)
class PublishedConfig:
    """Everything needed to rebuild the network of a published checkpoint and to sample from it."""

    class_keys: tuple[str, ...]  # the one class it makes; the checkpoint does not say which
    dim: int = 64  # channels at full resolution
    channels: int = 1
    dim_mults: tuple[int, ...] = (1, 2, 4, 8)  # channels of each level, in units of dim
    steps: int = STEPS  # of the schedule it was trained with; the checkpoint does not say, nor does it hold the betas
    beta_first: float = BETA_FIRST
    beta_last: float = BETA_LAST


@dataclass(frozen=True)
class PublishedGenerator:
    """A published generator, ready to sample."""

    model: nn.Module  # weight standardisation folded in
    config: PublishedConfig
    folder: Path
    device: torch.device

    @property
    def class_keys(self):
        """Keys of the classes it can make: one."""
        return self.config.class_keys

    @property
    def samplers(self):
        """Key -> sampler: its ways from noise to image."""
        return published_samplers(self.config)

    def pictures(self, images, sigma=0):
        """uint8 tiles (N, 64, 64). Noise fades in as the image fades out, so every noise level has the grey range."""
        return from_model(images)


def build_published(*, dim=64, channels=1, dim_mults=(1, 2, 4, 8)):
    """The published network with random weights, in evaluation mode; 35.7 million parameters by default."""
    return PublishedUNet(dim, channels, dim_mults).eval()


def load_published(folder, *, device=None):
    """The published generator of a run folder, folded. Raises LabError where the folder holds none."""
    run = read_model_folder(folder)
    config = stored_config(run, "published", PublishedConfig)
    device = device or best_device()
    model = build_published(dim=config.dim, channels=config.channels, dim_mults=config.dim_mults)
    model = fold_weight_standardisation(load_weights(model, run.folder))
    return PublishedGenerator(model.to(device), config, run.folder, device)


def config_as_dict(config):
    """JSON-ready form of a config, as load_published reads it back."""
    return {"published": asdict(config)}


def fold_weight_standardisation(model):
    """Standardise the filters once for all, in place, and return the model: same output, less than half the time.

    Not repeatable (the filters' variance is no longer exactly 1), so a second call raises ValueError. Keep the
    checkpoint: the original filters do not come back, and a state dict does not say that it is folded.
    """
    convolutions = [part for part in model.modules() if isinstance(part, StandardisedConv)]
    if any(part.folded for part in convolutions):
        raise ValueError("the weight standardisation of this network is already folded in")
    with torch.no_grad():
        for part in convolutions:
            part.weight.copy_(part.standardised())
            part.folded = True
    return model


def published_samplers(config):
    """Key -> sampler of a published generator: "fast" first, then "exact"."""
    fast, exact = FastSampler(min(FAST_STEPS, config.steps)), ExactSampler(config.steps)
    return {fast.key: fast, exact.key: exact}


@dataclass(frozen=True)
class ExactSampler:
    """The published way: every step of the schedule, a network call and fresh noise each."""

    steps: int
    key = "exact"
    name = "Exact, as published"
    call_size = CALL_SIZE

    def walk(self, generator, class_key, seeds, steps):
        """Yield (step, sigma, noisy, clean), float tensors (N, 1, 64, 64), for step 0..steps.

        Each image draws its own noise from its seed, on the CPU. Raises LabError where other steps are asked for: the
        network knows only the noise levels of its own schedule.
        """
        config = generator.config
        if steps != config.steps:
            raise LabError(
                f"The exact sampler takes all {config.steps} steps of its schedule, and was asked for {steps}; "
                f"the fast one takes fewer."
            )
        draw = _noise_of(seeds, generator)
        yield from ancestral_steps(generator.model, draw, steps=steps, betas=(config.beta_first, config.beta_last))


@dataclass(frozen=True)
class FastSampler:
    """The same network in few steps: DPM-Solver++(2M) on noise levels evenly spaced in log SNR (Lu et al. 2022).

    Evenly spaced in time, so few steps would lose the fine texture.
    """

    steps: int
    key = "fast"
    name = "Fast"
    call_size = CALL_SIZE

    @torch.inference_mode()
    def walk(self, generator, class_key, seeds, steps):
        """Yield (step, sigma, noisy, clean), float tensors (N, 1, 64, 64), for step 0..steps."""
        from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler

        config, device = generator.config, generator.device
        if steps > config.steps:
            raise LabError(f"{steps} denoising steps were asked for; this model's schedule has {config.steps}.")
        scheduler = DPMSolverMultistepScheduler(
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
                yield 0, sigma, before, clean
            yield step, float(scheduler.sigmas[step]), images, clean


def _noise_of(seeds, generator):
    """draw() -> standard normal noise (N, 1, 64, 64), each image from its own seed, on the generator's device."""
    sources = [torch.Generator().manual_seed(seed) for seed in seeds]
    shape = (generator.config.channels, TILE_PX, TILE_PX)

    def draw():
        return torch.stack([torch.randn(shape, generator=source) for source in sources]).to(generator.device)

    return draw


@torch.inference_mode()
def ancestral_steps(model, draw, *, steps=STEPS, betas=(BETA_FIRST, BETA_LAST)):
    """Algorithm 2 of Ho et al. 2020, posterior variance, nothing clipped: yields (step, sigma, images, clean).

    draw() gives standard normal noise (N, 1, H, W): once to start from, then once a step except in the last. images and
    clean: float tensors, -1..1 where they are pictures. Step 0 is the start with the first prediction; sigma is the
    noise level of `images` relative to the picture in them, 0 after the last step.
    """
    betas = torch.linspace(*betas, steps, dtype=torch.float64)
    kept = torch.cat([torch.ones(1, dtype=torch.float64), (1 - betas).cumprod(0)])  # kept[t + 1] is alpha-bar of t
    sigmas = ((1 - kept) / kept).sqrt().tolist()
    images = draw()
    for step, t in enumerate(reversed(range(steps)), start=1):
        beta, before, after = betas[t].item(), kept[t + 1].item(), kept[t].item()
        noise = model(images, torch.full((len(images),), t, device=images.device))
        clean = (images - (1 - before) ** 0.5 * noise) / before**0.5
        if step == 1:
            yield 0, sigmas[steps], images, clean
        images = (images - beta / (1 - before) ** 0.5 * noise) / (1 - beta) ** 0.5
        if t > 0:
            images = images + (beta * (1 - after) / (1 - before)) ** 0.5 * draw()
        yield step, sigmas[t], images, clean
