"""Which tiles of a set are most like a given one, whichever way round and a little moved.

A distance is the root mean square difference per pixel, in grey levels, the smallest over eight orientations (flips
and quarter turns) and shifts of up to two pixels, over the 60 x 60 px in the middle of the given tile.
"""

import numpy as np
import torch
from torch.nn import functional

from svp_core.device import best_device

SHORTLIST = 50  # tiles nearest by a rough distance that are looked at in every orientation and position
SHIFT_PX = 2
SAME = 1.0  # grey levels; less apart is one picture: the noise of a camera alone parts two photographs by more
ORIENTATIONS = 8  # orientations
_ROUGH = 256  # tiles searched for at a time, roughly
_REFINED = 16  # and in every orientation and position


class TileIndex:
    """A set of tiles to look for the most alike ones in.

    tiles: uint8 (M, H, H). features: what gives vectors for tiles, float (N, D) for uint8 (N, H, H); with it, distances
    are Euclidean ones between vectors, the smallest over eight orientations, and nothing is moved.
    """

    def __init__(self, tiles, *, features=None):
        self.features, self.device = features, best_device()
        self.rough_rows = self._vectors(tiles)
        if features is None:
            self.levels = self._levels(tiles)
            core = tiles.shape[-1] - 2 * SHIFT_PX
            self.energy = functional.avg_pool2d(self.levels[:, None] ** 2, core, stride=1).flatten(1) * core**2

    def rough(self, tiles):
        """Distances from each tile to all of the set, float32 (N, M): of means over 2 x 2 px, and nothing moved.

        In features they are the distances themselves.
        """
        found = torch.empty(len(tiles), len(self.rough_rows))
        for start in range(0, len(tiles), _ROUGH):
            part = tiles[start : start + _ROUGH]
            nearest = None
            for turn in range(ORIENTATIONS):
                squares = _squares(self._vectors(_turned(part, turn)), self.rough_rows)
                nearest = squares if nearest is None else torch.minimum(nearest, squares, out=nearest)
            found[start : start + len(part)] = nearest.cpu()
        scale = 1 if self.features else self.rough_rows.shape[1]
        return (found / scale).sqrt()

    def nearest(self, tiles, *, rough=None, leave_out=None):
        """The two tiles of the set nearest to each: (positions int (N, 2), distances float (N, 2)), nearest first.

        rough: what rough(tiles) gives, if it is there. leave_out: int (N,), a position in the set for each tile that
        does not count, itself for instance. Without a second one its position is -1 and its distance infinite.
        """
        rough = self.rough(tiles) if rough is None else rough
        if leave_out is not None:
            rough = rough.clone()
            rough[torch.arange(len(rough)), torch.as_tensor(leave_out)] = torch.inf
        distances, positions = rough.topk(min(SHORTLIST, rough.shape[1]), largest=False)
        if self.features is None:
            # What is left out stays infinitely far.
            distances = torch.where(distances.isinf(), distances, self._refine(tiles, positions))
        order = distances.argsort(dim=1, stable=True)[:, :2]
        positions, distances = positions.gather(1, order), distances.gather(1, order)
        positions[distances.isinf()] = -1
        missing = 2 - positions.shape[1]
        positions = functional.pad(positions, (0, missing), value=-1)
        distances = functional.pad(distances, (0, missing), value=torch.inf)
        return positions.numpy(), distances.numpy().astype(np.float64)

    def _refine(self, tiles, positions):
        """Distances from each tile to its shortlist, (N, K), the smallest over orientations and shifts."""
        found = torch.empty(positions.shape)
        side, shifts = tiles.shape[-1], 2 * SHIFT_PX + 1
        core = side - 2 * SHIFT_PX
        for start in range(0, len(tiles), _REFINED):
            part = tiles[start : start + _REFINED]
            chosen = positions[start : start + len(part)].to(self.device)
            placed = torch.zeros(len(part), ORIENTATIONS, shifts, shifts, side, side, device=self.device)
            for turn in range(ORIENTATIONS):
                turned = self._levels(_turned(part, turn))[:, SHIFT_PX : SHIFT_PX + core, SHIFT_PX : SHIFT_PX + core]
                for down in range(shifts):
                    for right in range(shifts):
                        placed[:, turn, down, right, down : down + core, right : right + core] = turned
            own = turned.square().sum((1, 2))
            products = self.levels[chosen].flatten(2) @ placed.flatten(4).flatten(1, 3).mT  # (n, K, turns x shifts)
            squares = self.energy[chosen].repeat(1, 1, ORIENTATIONS) - 2 * products + own[:, None, None]
            found[start : start + len(part)] = squares.amin(2).clamp(min=0).div(core**2).sqrt().cpu()
        return found

    def _vectors(self, tiles):
        if self.features is not None:
            return torch.as_tensor(np.asarray(self.features(tiles), np.float32), device=self.device)
        return functional.avg_pool2d(self._levels(tiles)[:, None], 2).flatten(1)

    def _levels(self, tiles):
        # Near zero, so that float32 keeps small differences of large sums.
        return torch.as_tensor(np.asarray(tiles, np.float32) - 160, device=self.device)


def distinct(tiles, *, closer_than=SAME):
    """Positions of tiles that are different pictures, int (K,) rising: of copies in any orientation the first stays.

    tiles: uint8 (N, H, H), H a multiple of 4. closer_than: grey levels, root mean square; nothing is moved.
    """
    levels = torch.as_tensor(np.asarray(tiles, np.float32) - 160, device=best_device())
    # Means over 4 x 4 px are never farther apart than the tiles are.
    rough = functional.avg_pool2d(levels[:, None], 4)[:, 0]
    dropped = np.zeros(len(tiles), bool)
    for start in range(0, len(tiles), _ROUGH):
        part, others = rough[start : start + _ROUGH], rough[start:].flatten(1)
        squares = [_squares(_turned(part, turn).flatten(1), others) for turn in range(ORIENTATIONS)]
        near = torch.stack(squares).amin(0) / others.shape[1] < (closer_than + 0.05) ** 2
        near = near.triu(1)
        for row in near.any(1).nonzero()[:, 0].tolist():
            later = start + near[row].nonzero()[:, 0].cpu().numpy()
            later = later[~dropped[later]]
            if dropped[start + row] or not len(later):
                continue
            own = levels[start + row]
            apart = [(levels[later] - _turned(own, turn)).square().mean((1, 2)) for turn in range(ORIENTATIONS)]
            dropped[later[(torch.stack(apart).amin(0) < closer_than**2).cpu().numpy()]] = True
    return np.flatnonzero(~dropped)


def _turned(tiles, turn):
    """Tiles (..., H, H), array or tensor, in one of eight orientations."""
    if isinstance(tiles, torch.Tensor):
        turned = torch.rot90(tiles, turn % 4, (-2, -1))
        return turned.flip(-1) if turn >= 4 else turned
    turned = np.rot90(tiles, turn % 4, (-2, -1))
    return turned[..., ::-1] if turn >= 4 else turned


def _squares(rows, others):
    """Squared distances of rows to others, (N, M), never negative."""
    squares = torch.addmm((others**2).sum(1)[None], rows, others.T, alpha=-2)
    return squares.add_((rows**2).sum(1)[:, None]).clamp_(min=0)
