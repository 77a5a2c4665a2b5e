"""Nearest tiles in a set, over all orientations and small shifts.

The distance of two tiles is their root mean square difference per pixel, in grey levels, the smallest over eight
orientations (flips and quarter turns) and shifts of up to two pixels, over the central 60 x 60 px of the given tile.
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch.nn import functional

from svp_core.device import best_device
from svp_core.near_duplicates import MAX_PIXEL_RMS, ORIENTATIONS, orient, orientations

SHORTLIST = 50  # tiles nearest by coarse distance that are compared in every orientation and position
SHIFT_PX = 2
_COARSE_BATCH = 256  # tiles per batch of the coarse search
_FINE_BATCH = 16  # tiles per batch of the search over orientations and shifts

# tiles uint8 (N, H, H) -> vectors float (N, D).
Features = Callable[[NDArray[np.uint8]], NDArray]


class TileIndex:
    """A searchable set of tiles.

    tiles: uint8 (M, H, H). features: maps tiles to vectors, float (N, D) for uint8 (N, H, H); with it, distances are
    Euclidean distances between vectors, the smallest over eight orientations, without shifts.
    """

    def __init__(self, tiles: NDArray[np.uint8], *, features: Features | None = None) -> None:
        self.features, self.device = features, best_device()
        self.coarse = self._vectors(tiles)
        if features is None:
            self.levels = self._levels(tiles)
            core = tiles.shape[-1] - 2 * SHIFT_PX
            self.energy = functional.avg_pool2d(self.levels[:, None] ** 2, core, stride=1).flatten(1) * core**2

    def coarse_distances(self, tiles: NDArray[np.uint8]) -> torch.Tensor:
        """Distances from each tile to all of the set, float32 (N, M), between means over 2 x 2 px and without shifts.

        With features, the exact distances.
        """
        squares = torch.empty(len(tiles), len(self.coarse))
        for start in range(0, len(tiles), _COARSE_BATCH):
            batch = tiles[start : start + _COARSE_BATCH]
            nearest = None
            for oriented in orientations(batch):
                distances = _squared_distances(self._vectors(oriented), self.coarse)
                nearest = distances if nearest is None else torch.minimum(nearest, distances, out=nearest)
            if nearest is not None:
                squares[start : start + len(batch)] = nearest.cpu()
        scale = 1 if self.features else self.coarse.shape[1]
        return (squares / scale).sqrt()

    def nearest(
        self, tiles: NDArray[np.uint8], *, coarse: torch.Tensor | None = None, exclude: ArrayLike | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The two tiles of the set nearest to each: (positions int (N, 2), distances float (N, 2)), nearest first.

        coarse: coarse_distances(tiles), if already computed. exclude: int (N,), for each tile a position in the set
        that does not count, such as its own. If there is no second tile, its position is -1 and its distance infinite.
        """
        coarse = self.coarse_distances(tiles) if coarse is None else coarse
        if exclude is not None:
            coarse = coarse.clone()
            coarse[torch.arange(len(coarse)), torch.as_tensor(exclude)] = torch.inf
        distances, positions = coarse.topk(min(SHORTLIST, coarse.shape[1]), largest=False)
        if self.features is None:
            # Excluded tiles stay at infinite distance.
            distances = torch.where(distances.isinf(), distances, self._fine_distances(tiles, positions))
        order = distances.argsort(dim=1, stable=True)[:, :2]
        positions, distances = positions.gather(1, order), distances.gather(1, order)
        positions[distances.isinf()] = -1
        missing = 2 - positions.shape[1]
        positions = functional.pad(positions, (0, missing), value=-1)
        distances = functional.pad(distances, (0, missing), value=torch.inf)
        return positions.numpy(), distances.numpy().astype(np.float64)

    def _fine_distances(self, tiles: NDArray[np.uint8], positions: torch.Tensor) -> torch.Tensor:
        """Distances from each tile to its shortlist, (N, K), the smallest over orientations and shifts."""
        result = torch.empty(positions.shape)
        side, shifts = tiles.shape[-1], 2 * SHIFT_PX + 1
        core = side - 2 * SHIFT_PX
        for start in range(0, len(tiles), _FINE_BATCH):
            batch = tiles[start : start + _FINE_BATCH]
            shortlist = positions[start : start + len(batch)].to(self.device)
            placed = torch.zeros(len(batch), ORIENTATIONS, shifts, shifts, side, side, device=self.device)
            inner = torch.empty(0)
            for k in range(ORIENTATIONS):
                inner = self._levels(orient(batch, k))[:, SHIFT_PX : SHIFT_PX + core, SHIFT_PX : SHIFT_PX + core]
                for down in range(shifts):
                    for right in range(shifts):
                        placed[:, k, down, right, down : down + core, right : right + core] = inner
            own = inner.square().sum((1, 2))  # the same in every orientation
            products = self.levels[shortlist].flatten(2) @ placed.flatten(4).flatten(1, 3).mT  # (n, K, all placements)
            squares = self.energy[shortlist].repeat(1, 1, ORIENTATIONS) - 2 * products + own[:, None, None]
            result[start : start + len(batch)] = squares.amin(2).clamp(min=0).div(core**2).sqrt().cpu()
        return result

    def _vectors(self, tiles: NDArray[np.uint8]) -> torch.Tensor:
        if self.features is not None:
            return torch.as_tensor(np.asarray(self.features(tiles), np.float32), device=self.device)
        return functional.avg_pool2d(self._levels(tiles)[:, None], 2).flatten(1)

    def _levels(self, tiles: NDArray[np.uint8]) -> torch.Tensor:
        # Near zero, so that float32 keeps small differences of large sums.
        return torch.as_tensor(np.asarray(tiles, np.float32) - 160, device=self.device)


def distinct_tiles(tiles: ArrayLike, *, closer_than: float = MAX_PIXEL_RMS) -> NDArray[np.int64]:
    """Positions of tiles that show different pictures, int (K,), increasing: of near-duplicates the first is kept.

    tiles: uint8 (N, H, H), H a multiple of 4. closer_than: grey levels, root mean square, the smallest over eight
    orientations, without shifts.
    """
    pixels = np.asarray(tiles, np.float32)
    levels = torch.as_tensor(pixels - 160, device=best_device())
    # Means over 4 x 4 px are never farther apart than the tiles are.
    coarse = functional.avg_pool2d(levels[:, None], 4)[:, 0]
    dropped = np.zeros(len(pixels), bool)
    for start in range(0, len(pixels), _COARSE_BATCH):
        batch, others = coarse[start : start + _COARSE_BATCH], coarse[start:].flatten(1)
        squares = [_squared_distances(oriented.flatten(1), others) for oriented in orientations(batch)]
        near = torch.stack(squares).amin(0) / others.shape[1] < (closer_than + 0.05) ** 2
        near = near.triu(1)
        for row in near.any(1).nonzero()[:, 0].tolist():
            later = start + near[row].nonzero()[:, 0].cpu().numpy()
            later = later[~dropped[later]]
            if dropped[start + row] or not len(later):
                continue
            means = [(levels[later] - oriented).square().mean((1, 2)) for oriented in orientations(levels[start + row])]
            dropped[later[(torch.stack(means).amin(0) < closer_than**2).cpu().numpy()]] = True
    return np.flatnonzero(~dropped)


def _squared_distances(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Squared distances of the rows of a to those of b, (N, M), never negative."""
    squares = torch.addmm((b**2).sum(1)[None], a, b.T, alpha=-2)
    return squares.add_((a**2).sum(1)[:, None]).clamp_(min=0)
