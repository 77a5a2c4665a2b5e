"""Make tiles: a seed an image, a few steps of an EDM sampler, and the way there for those who want to watch."""

from dataclasses import dataclass

import numpy as np
import torch

from svp_core.device import fast_arithmetic
from svp_core.generator.unet import TIME_SCALE, decode

# Images in one network call, by device. Always exactly so many, the last call filled up: a network rounds
# differently at another batch size, and an image must not depend on what else is asked for.
CALL_SIZE = {"cpu": 8, "cuda": 128}

# Noise levels at which the class is insisted on: above them nothing is decided yet, below them it costs variety
# (Kynkaanniemi et al. 2024, arXiv 2404.07724).
GUIDED_SIGMA = (0.3, 8.0)


@dataclass(frozen=True)
class Sampler:
    """One way from noise to image. More steps: truer fine texture, proportionally slower."""

    key: str
    name: str
    steps: int  # each one network call, two where the class is insisted on
    sigma_min: float  # noise at the last step, in model space; one grey level is about 0.02
    sigma_max: float  # noise at the first
    stochastic: bool = False  # fresh noise on the way: more variety between images
    guidance: float = 1.5  # how strongly the class is insisted on; 1 is not at all, and costs one call a step


SAMPLERS = {
    sampler.key: sampler
    for sampler in (
        Sampler("preview", "Preview", 10, 0.01, 30),
        Sampler("standard", "Standard", 20, 0.002, 80),
        Sampler("diverse", "Diverse", 32, 0.002, 80, stochastic=True),
    )
}


@dataclass(frozen=True)
class TrajectoryStep:
    """Where the images are after one step; step 0 is the noise they start from."""

    step: int  # 0..steps
    sigma: float  # noise level of `noisy`, in model space; 0 after the last step
    noisy: np.ndarray  # uint8 (N, 64, 64), scaled so that noise and image share the grey range
    clean: np.ndarray  # uint8 (N, 64, 64), what the network takes the image to be


def image_seeds(run_seed, count):
    """Seeds of the first `count` images of a run: list of int below 2^53. Runs share no image, prefixes agree."""
    words = [np.random.SeedSequence(run_seed, spawn_key=(k,)).generate_state(2) for k in range(count)]
    return [(int(high) << 21) ^ int(low) for high, low in words]


def sample_tiles(generator, class_key, *, seeds, sampler="standard", steps=None):
    """Tiles of one class, one a seed: yields (position of the first, uint8 tiles (n, 64, 64)) per finished batch.

    The same seed gives the same image, bit for bit on one machine, whatever else is asked for.
    """
    for start, part in _calls(seeds, generator.device):
        *_, (_, _, _, clean) = _walk(generator, class_key, part, sampler, steps)
        yield start, decode(clean, generator.config)[: len(seeds) - start]


def trajectory(generator, class_key, *, seeds, sampler="standard", steps=None):
    """The way of these seeds' images from noise: yields a TrajectoryStep for 0..steps.

    `clean` of the last step is what sample_tiles gives for the same seeds.
    """
    config, count = generator.config, len(seeds)
    walks = [_walk(generator, class_key, part, sampler, steps) for _, part in _calls(seeds, generator.device)]
    for parts in zip(*walks, strict=True):
        step, sigma = parts[0][:2]
        noisy, clean = (torch.cat([part[index] for part in parts])[:count] for index in (2, 3))
        # Brought to the spread of an image, or the first steps would be nothing but black and white.
        shown = noisy * (config.sigma_data / np.hypot(sigma, config.sigma_data))
        yield TrajectoryStep(step, sigma, decode(shown, config), decode(clean, config))


def _calls(seeds, device):
    size = CALL_SIZE[device.type]
    for start in range(0, len(seeds), size):
        part = seeds[start : start + size]
        yield start, part + part[-1:] * (size - len(part))


@torch.inference_mode()
def _walk(generator, class_key, seeds, sampler, steps):
    """Yield (step, sigma, noisy, clean), model space, for step 0..S; step 0 carries the first prediction as clean."""
    from diffusers.schedulers.scheduling_edm_dpmsolver_multistep import EDMDPMSolverMultistepScheduler

    sampler = SAMPLERS[sampler] if isinstance(sampler, str) else sampler
    config, device = generator.config, generator.device
    if class_key not in config.class_keys:
        raise ValueError(f"this generator makes {', '.join(config.class_keys)}; it was asked for {class_key!r}")
    scheduler = EDMDPMSolverMultistepScheduler(
        sigma_min=sampler.sigma_min,
        sigma_max=sampler.sigma_max,
        sigma_data=config.sigma_data,
        algorithm_type="sde-dpmsolver++" if sampler.stochastic else "dpmsolver++",
    )
    scheduler.set_timesteps(steps or sampler.steps)
    sources = [torch.Generator().manual_seed(seed) for seed in seeds]
    side = config.tile_px // config.patch
    # Each image draws its own noise, on the CPU, so that it is the same on every machine and in every batch.
    noise = torch.stack([torch.randn(config.patch**2, side, side, generator=source) for source in sources])
    latents = noise.to(device) * scheduler.init_noise_sigma
    wanted = torch.full((len(seeds),), config.class_keys.index(class_key), device=device)
    any_class = torch.full_like(wanted, len(config.class_keys))
    for step, time in enumerate(scheduler.timesteps, start=1):
        before, sigma = latents, float(scheduler.sigmas[step - 1])
        scaled = scheduler.scale_model_input(latents, time)
        level = (time * TIME_SCALE).to(device).expand(len(seeds))
        with fast_arithmetic(device):
            output = generator.model(scaled, level, wanted).sample.float()
            if sampler.guidance != 1 and GUIDED_SIGMA[0] <= sigma <= GUIDED_SIGMA[1]:
                plain = generator.model(scaled, level, any_class).sample.float()
                output = plain + sampler.guidance * (output - plain)
        latents = scheduler.step(output, time, latents, generator=sources).prev_sample
        clean = scheduler.model_outputs[-1]
        if step == 1:
            yield 0, sigma, before, clean
        yield step, float(scheduler.sigmas[step]), latents, clean
