"""Make tiles with any generator, ours or a published one: a seed an image, and the way there for those who watch.

A generator has class_keys, device, samplers (key -> Sampler) and pictures(); a sampler has key, name, steps, call_size
and walk(). Which network it is, and how it gets from noise to an image, only they know.
"""

from dataclasses import dataclass

import numpy as np
import torch

from svp_core.errors import LabError
from svp_core.generator.samplers import SAMPLERS, Sampler

__all__ = ["SAMPLERS", "Sampler", "TrajectoryStep", "image_seeds", "sample_tiles", "sampler_of", "trajectory"]


@dataclass(frozen=True)
class TrajectoryStep:
    """Where the images are after one step; step 0 is the noise they start from."""

    step: int  # 0..steps
    sigma: float  # noise level of `noisy` relative to the picture in it; 0 after the last step
    noisy: np.ndarray  # uint8 (N, 64, 64), scaled so that noise and image share the grey range
    clean: np.ndarray  # uint8 (N, 64, 64), what the network takes the image to be


def image_seeds(run_seed, count):
    """Seeds of the first `count` images of a run: list of int below 2^53. Runs share no image, prefixes agree."""
    words = [np.random.SeedSequence(run_seed, spawn_key=(k,)).generate_state(2) for k in range(count)]
    return [(int(high) << 21) ^ int(low) for high, low in words]


def sampler_of(samplers, key=None):
    """The sampler of this key; without one "standard", or the first where there is none. Raises LabError."""
    if key is None:
        return samplers.get("standard") or next(iter(samplers.values()))
    if key not in samplers:
        raise LabError(f"There is no sampler {key!r}; use {', '.join(samplers)}.")
    return samplers[key]


def sample_tiles(generator, class_key, *, seeds, sampler=None, steps=None, call_size=None):
    """Tiles of one class, one a seed: yields (position of the first, uint8 tiles (n, 64, 64)) per finished batch.

    sampler: key of generator.samplers, or a Sampler; left out, sampler_of says which. steps: instead of its own.
    call_size: images in a network call, instead of the sampler's own; see pace.calibrate.
    The same seed gives the same image, bit for bit on one machine, whatever else is asked for.
    """
    for start, walk in _walks(generator, class_key, seeds, sampler, steps, call_size):
        for _, _, _, clean in walk:  # noqa: B007
            pass
        yield start, generator.pictures(clean)[: len(seeds) - start]


def trajectory(generator, class_key, *, seeds, sampler=None, steps=None):
    """The way of these seeds' images from noise: yields a TrajectoryStep for 0..steps.

    `clean` of the last step is what sample_tiles gives for the same seeds.
    """
    walks = [walk for _, walk in _walks(generator, class_key, seeds, sampler, steps)]
    for parts in zip(*walks, strict=True):
        step, sigma = parts[0][:2]
        noisy, clean = (torch.cat([part[index] for part in parts])[: len(seeds)] for index in (2, 3))
        yield TrajectoryStep(step, sigma, generator.pictures(noisy, sigma), generator.pictures(clean))


def _walks(generator, class_key, seeds, sampler, steps, call_size=None):
    """(position of the first seed, walk) of every network call."""
    if class_key not in generator.class_keys:
        raise ValueError(f"this generator makes {', '.join(generator.class_keys)}; it was asked for {class_key!r}")
    if sampler is None or isinstance(sampler, str):
        sampler = sampler_of(generator.samplers, sampler)
    # Always exactly so many, the last call filled up: a network rounds differently at another batch size, and an image
    # must not depend on what else is asked for.
    size = call_size or sampler.call_size[generator.device.type]
    for start in range(0, len(seeds), size):
        part = seeds[start : start + size]
        filled = part + part[-1:] * (size - len(part))
        yield start, sampler.walk(generator, class_key, filled, steps or sampler.steps)
