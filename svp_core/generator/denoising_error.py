"""Denoising error of single tiles at fixed noise levels: what an audit of membership compares between generators."""

from collections.abc import Generator, Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from svp_core.images import TILE_PX, to_model
from svp_core.progress import Progress

# Noise levels relative to a standard deviation of the tiles of 0.5: from edges to shape.
SIGMAS = (0.2, 0.4, 0.8)
TILE_SPREAD = 0.5  # the standard deviation that SIGMAS refer to
DRAWS = 4  # of the noise at each level; the same for every tile and every generator
TILES_PER_CALL = 4  # a call holds all draws of these; always the same size, or a network would round differently


class CleanEstimator(Protocol):
    """A generator that estimates the clean image in a noisy one: unet.Generator, published.PublishedGenerator."""

    @property
    def class_keys(self) -> tuple[str, ...]: ...

    @property
    def device(self) -> torch.device: ...

    def estimate_clean(self, noisy: torch.Tensor, sigma: float, class_keys: Sequence[str]) -> torch.Tensor: ...


def noise_levels(tiles: NDArray[np.uint8]) -> tuple[float, ...]:
    """SIGMAS as standard deviations of noise on grey levels -1..1, for tiles uint8 (N, 64, 64) like these."""
    spread = float(np.asarray(tiles, float).std()) / 127.5
    return tuple(sigma * max(spread, 1 / 127.5) / TILE_SPREAD for sigma in SIGMAS)


@torch.inference_mode()
def denoising_errors(
    generator: CleanEstimator,
    tiles: NDArray[np.uint8],
    class_keys: Sequence[str],
    *,
    sigmas: Sequence[float],
    draws: int = DRAWS,
    seed: int = 0,
    message: str = "",
) -> Generator[Progress, None, NDArray[np.float64]]:
    """Yield Progress (step: tiles), return mean squared errors of the clean estimate, float (N, S), grey levels -1..1.

    tiles: uint8 (N, 64, 64); class_keys: N keys; one that the generator does not know counts as "any class". sigmas:
    see noise_levels. The noise depends on the seed, the level and the draw alone, not on the tile: all tiles of all
    generators get the same, and a tile has the same error among any others. Single precision: bfloat16 would round the
    small differences away that the audit looks for.
    """
    keys_of_tiles = list(class_keys)
    source = torch.Generator().manual_seed(int(np.random.SeedSequence((seed, 16)).generate_state(1)[0]))
    noise = torch.randn((len(sigmas), draws, 1, TILE_PX, TILE_PX), generator=source)
    result = np.zeros((len(tiles), len(sigmas)))
    for start in range(0, len(tiles), TILES_PER_CALL):
        positions = np.minimum(np.arange(start, start + TILES_PER_CALL), len(tiles) - 1)  # the last call is filled up
        count = min(TILES_PER_CALL, len(tiles) - start)
        clean = to_model(np.asarray(tiles)[positions]).repeat_interleave(draws, 0)
        keys = [keys_of_tiles[position] for position in positions.tolist() for _ in range(draws)]
        for level, sigma in enumerate(sigmas):
            noisy = clean + sigma * noise[level].repeat(TILES_PER_CALL, 1, 1, 1)
            estimate = generator.estimate_clean(noisy.to(generator.device), float(sigma), keys).cpu()
            squares = (estimate - clean).double().square().mean((1, 2, 3))
            result[start : start + count, level] = squares.reshape(TILES_PER_CALL, draws).mean(1)[:count]
        yield Progress(start + count, len(tiles), message)
    return np.maximum(result, 1e-12)
