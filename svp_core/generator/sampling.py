"""Generate tiles with any generator, ours or a published one: one image per seed, with its trajectory on request."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from svp_core.device import Travelling
from svp_core.errors import LabError
from svp_core.execution import WorkItem, executor
from svp_core.generator.ahead import drawn_ahead
from svp_core.generator.cuda_graphs import for_many_calls
from svp_core.generator.samplers import SAMPLERS, DenoiseStep, Sampler

__all__ = [
    "SAMPLERS",
    "SampleSeeds",
    "Sampler",
    "TileGenerator",
    "TileSampler",
    "TrajectoryStep",
    "image_seeds",
    "sample_on_engine",
    "sample_tiles",
    "sampler_of",
    "trajectory",
]

BYTES_PER_IMAGE = 64 * 64


class TileSampler(Protocol):
    """A way from noise to image: Sampler, or one of a published generator's."""

    @property
    def key(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def steps(self) -> int: ...

    @property
    def call_size(self) -> Mapping[str, int]:
        """Images per network call, by device type."""
        ...

    def denoise_steps(
        self, generator: Any, class_key: str, seeds: Sequence[int], steps: int
    ) -> Iterator[DenoiseStep]: ...


class TileGenerator(Protocol):
    """A trained generator: unet.Generator or published.PublishedGenerator."""

    @property
    def class_keys(self) -> tuple[str, ...]: ...

    @property
    def device(self) -> torch.device: ...

    @property
    def samplers(self) -> Mapping[str, TileSampler]: ...

    def to_tiles(self, latents: torch.Tensor, sigma: float = 0) -> NDArray[np.uint8]: ...


@dataclass(frozen=True)
class TrajectoryStep:
    """The images after one denoising step; step 0 is the noise they start from."""

    step: int  # 0..steps
    sigma: float  # noise level of `noisy` relative to the image in it; 0 after the last step
    noisy: NDArray[np.uint8]  # (N, 64, 64), scaled so that noise and image share the grey range
    clean: NDArray[np.uint8]  # (N, 64, 64), the network's estimate of the clean image


def image_seeds(run_seed: int, count: int) -> list[int]:
    """Seeds of the first `count` images of a run, below 2^53: runs share none, a longer run extends a shorter one."""
    words = [np.random.SeedSequence(run_seed, spawn_key=(k,)).generate_state(2) for k in range(count)]
    return [(int(high) << 21) ^ int(low) for high, low in words]


def sampler_of(samplers: Mapping[str, TileSampler], key: str | None = None) -> TileSampler:
    """The sampler of this key; None: "standard", or the first one. Raises LabError for an unknown key."""
    if key is None:
        return samplers.get("standard") or next(iter(samplers.values()))
    if key not in samplers:
        raise LabError(f"There is no sampler {key!r}; use {', '.join(samplers)}.")
    return samplers[key]


def sample_tiles(
    generator: TileGenerator,
    class_key: str,
    *,
    seeds: Sequence[int],  # one image per seed
    sampler: str | TileSampler | None = None,  # None = see sampler_of
    steps: int | None = None,  # denoising steps; None = the sampler's own number
    call_size: int | None = None,  # images per network call; None = the sampler's own; see throughput.calibrate
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Generate tiles of one class: yields (index of the first, uint8 tiles (n, 64, 64)) per finished batch.

    The same seed gives the same image, bit for bit on one machine, in any batch.
    """
    for start, denoising in _batches(generator, class_key, seeds, sampler, steps, call_size):
        last = deque(denoising, maxlen=1).pop()
        yield start, generator.to_tiles(last.clean)[: len(seeds) - start]


class SampleSeeds(Travelling):
    """Generate the tiles of one network call, by the generator that it holds."""

    def __init__(self, generator: TileGenerator, class_key: str, sampler: TileSampler, steps: int, size: int) -> None:
        """size: images per network call."""
        super().__init__(generator)
        self._class_key, self._sampler, self._steps, self._size = class_key, sampler, steps, size

    def __call__(self, seeds: Sequence[int]) -> NDArray[np.uint8]:
        """Tiles, uint8 (n, 64, 64), of at most `size` seeds."""
        options: dict[str, Any] = {"sampler": self._sampler, "steps": self._steps, "call_size": self._size}
        ((_, tiles),) = sample_tiles(self.model, self._class_key, seeds=seeds, **options)
        return tiles


def sample_on_engine(
    engine: str | None,
    generator: TileGenerator,
    class_key: str,
    *,
    seeds: Sequence[int],
    sampler: TileSampler,
    steps: int,
    call_size: int | None = None,
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """As sample_tiles, each network call wherever this engine (of execution.ENGINES) makes it: the same images."""
    size = call_size or sampler.call_size[generator.device.type]
    function = SampleSeeds(generator, class_key, sampler, steps, size)
    items = (
        WorkItem(list(seeds[start : start + size]), size * BYTES_PER_IMAGE, context=start)
        for start in range(0, len(seeds), size)
    )
    with closing(executor(engine).map_ordered(function, items, workers=0)) as results:
        yield from results


def trajectory(
    generator: TileGenerator,
    class_key: str,
    *,
    seeds: Sequence[int],
    sampler: str | TileSampler | None = None,
    steps: int | None = None,
) -> Iterator[TrajectoryStep]:
    """Denoising trajectory of these seeds' images: yields a TrajectoryStep for step 0..steps.

    `clean` of the last step equals what sample_tiles gives for the same seeds.
    """
    batches = [denoising for _, denoising in _batches(generator, class_key, seeds, sampler, steps)]
    for batch_steps in zip(*batches, strict=True):
        step, sigma = batch_steps[0].step, batch_steps[0].sigma
        noisy = torch.cat([batch.noisy for batch in batch_steps])[: len(seeds)]
        clean = torch.cat([batch.clean for batch in batch_steps])[: len(seeds)]
        yield TrajectoryStep(step, sigma, generator.to_tiles(noisy, sigma), generator.to_tiles(clean))


def _batches(
    generator, class_key, seeds, sampler, steps, call_size=None
) -> Iterator[tuple[int, Iterator[DenoiseStep]]]:
    """(index of the first seed, denoising steps) of every batch."""
    if class_key not in generator.class_keys:
        raise ValueError(f"{class_key!r} is not a class of this generator; it makes {', '.join(generator.class_keys)}")
    if sampler is None or isinstance(sampler, str):
        sampler = sampler_of(generator.samplers, sampler)
    # Every call has the same size, the last one padded: a network rounds differently at other batch sizes, and an image
    # must not depend on what else is generated with it.
    size = call_size or sampler.call_size[generator.device.type]
    generator = for_many_calls(generator, size, calls=-(-len(seeds) // size))
    batches = []
    for start in range(0, len(seeds), size):
        batch = list(seeds[start : start + size])
        batches.append((start, batch + batch[-1:] * (size - len(batch))))
    if generator.device.type != "cuda" or not isinstance(sampler, Sampler):
        for start, padded in batches:
            yield start, sampler.denoise_steps(generator, class_key, padded, steps or sampler.steps)
        return
    noise = drawn_ahead(lambda batch: sampler.draw_start(generator, batch[1]), batches)
    for (start, padded), drawn in zip(batches, noise, strict=True):
        yield start, sampler.denoise_steps(generator, class_key, padded, steps or sampler.steps, drawn)
