"""Index volumes of everything that is not a single sphere, from points and half-spaces.

Points are (N, 3) in um, columns x, y, z, centred on their middle. Volumes are float32 (Z, M, M): index minus the
medium's, slice 0 first in the light.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

_SUB_SLICES = 4  # levels at which a curved surface is looked up within one slice


@dataclass(frozen=True)
class Grid:
    """Voxels of one volume: `count` x `count` of px_um, as many slices of dz_um as the particle is deep."""

    count: int
    px_um: float
    dz_um: float

    def slices(self, half_depth_um):
        """Number of slices that cover -half_depth..half_depth."""
        return max(1, int(np.ceil(2 * half_depth_um / self.dz_um)))

    def axes(self, slices):
        """Coordinates of the voxels' centres along x (same for y) and z, um."""
        line = (np.arange(self.count) - self.count // 2) * self.px_um
        return line, (np.arange(slices) - (slices - 1) / 2) * self.dz_um


def gaussian_blobs(points, radii, weights, grid):
    """Sum of Gaussian blobs, sigma = radius: float32 (Z, M, M), cut at 2.6 sigma, widened to what a voxel can show."""
    depth = np.abs(points[:, 2]).max() + 2.6 * radii.max()
    line, levels = grid.axes(grid.slices(depth))
    volume = np.zeros((len(levels), grid.count, grid.count), np.float32)
    for (px, py, pz), sigma, weight in zip(points, radii, weights, strict=True):
        wide, deep = np.hypot(sigma, grid.px_um / 2), np.hypot(sigma, grid.dz_um / 2)
        amplitude = weight * (sigma / wide) ** 2 * (sigma / deep)
        columns, rows = _near(line, px, 2.6 * wide), _near(line, py, 2.6 * wide)
        layers = _near(levels, pz, 2.6 * deep)
        patch = np.exp(-((line[rows] - py) ** 2) / (2 * wide**2))[:, None] * np.exp(
            -((line[columns] - px) ** 2) / (2 * wide**2)
        )
        along = amplitude * np.exp(-((levels[layers] - pz) ** 2) / (2 * deep**2))
        volume[layers, rows, columns] += along[:, None, None] * patch
    return volume


def _near(line, centre, reach):
    first, last = np.searchsorted(line, (centre - reach, centre + reach))
    return slice(first, last)


def saturate(volume, cap):
    """Index that never exceeds cap: cap (1 - exp(-sum)). Plain sums of overlapping blobs make false black lumps."""
    return (cap * (1 - np.exp(-volume))).astype(np.float32)


def aggregate(rng, count, distance, *, tries, dense=True):
    """Points of a hierarchical ballistic cluster-cluster aggregate of `count` monomers, `distance` apart: (N, 3).

    Clusters join in pairs of like size until one is left. `tries` contacts are tried a pair and the most compact
    (dense) or the most open one kept; fractal dimension about 1.9 for one try, 2.2 for three or more.
    """
    clusters = [np.zeros((1, 3)) for _ in range(count)]
    while len(clusters) > 1:
        rng.shuffle(clusters)
        clusters.sort(key=len)
        joined = [_join(rng, a, b, distance, tries, dense) for a, b in zip(clusters[::2], clusters[1::2], strict=False)]
        clusters = joined + (clusters[-1:] if len(clusters) % 2 else [])
    return clusters[0]


def _join(rng, a, b, distance, tries, dense):
    best, best_size = None, None
    for _ in range(tries):
        fixed = Rotation.random(rng=rng).apply(a)
        moving = Rotation.random(rng=rng).apply(b)
        reach = np.linalg.norm(a, axis=1).max() + np.linalg.norm(b, axis=1).max() + 2 * distance
        moving[:, :2] += rng.normal(0, 0.175 * reach, 2)
        # Dropped along -z until the first pair of monomers touches.
        gap = moving[:, None] - fixed
        sideways2 = (gap[..., :2] ** 2).sum(-1)
        meets = sideways2 < distance**2
        if not meets.any():
            moving[:, :2] -= moving[:, :2].mean(0) - fixed[:, :2].mean(0)
            gap = moving[:, None] - fixed
            sideways2 = (gap[..., :2] ** 2).sum(-1)
            meets = sideways2 < distance**2
        if not meets.any():
            continue
        moving[:, 2] -= (gap[..., 2] - np.sqrt(np.maximum(distance**2 - sideways2, 0)))[meets].min()
        both = np.concatenate([fixed, moving])
        both -= both.mean(0)
        size = (both**2).sum(1).mean()
        if best is None or (size < best_size) == dense:
            best, best_size = both, size
    return best if best is not None else _side_by_side(a, b, distance)


def _side_by_side(a, b, distance):
    shift = a[:, 0].max() - b[:, 0].min() + distance
    both = np.concatenate([a, b + np.array([shift, 0, 0])])
    return both - both.mean(0)


def worm_like_chain(rng, points, step, bend, box, preferred=None):
    """One flexible thread that stays about inside a box: (points, 3). box: half sizes (x, y, z), um."""
    position, heading = rng.normal(0, 0.35, 3) * box, rng.normal(0, 1, 3)
    heading /= np.linalg.norm(heading)
    walked = np.empty((points, 3))
    for index in range(points):
        outside = position / box
        heading = heading + bend * rng.normal(0, 1, 3)
        heading = heading - np.where(np.abs(outside) > 0.8, 0.25 * np.sign(position) * np.abs(outside), 0)
        if preferred is not None:
            heading = heading + 0.12 * preferred * np.sign(heading @ preferred)
        heading /= np.linalg.norm(heading)
        position = position + step * heading
        walked[index] = position
    return walked


def felt(rng):
    """A mat of several worms with a common direction in most cases: points (N, 3), about 6 to 14 um wide."""
    box = rng.uniform((3, 2.5, 0.6), (7, 6, 2.2))
    preferred = _direction(rng, flat=0.3) if rng.random() < 0.6 else None
    worms = [
        worm_like_chain(rng, rng.integers(15, 45), 0.42, rng.uniform(0.15, 0.45), box, preferred)
        for _ in range(rng.integers(5, 22))
    ]
    points = np.concatenate(worms)
    return points - points.mean(0)


def thread(rng):
    """One long worm: points (N, 3)."""
    points = worm_like_chain(rng, rng.integers(60, 150), 0.30, rng.uniform(0.10, 0.25), np.array([7.0, 7.0, 2.0]))
    return points - points.mean(0)


def fibre(rng):
    """A stiff, gently curved rod of 80 points, 10 to 24 um long: points (80, 3) and their spacing in um."""
    length = rng.uniform(10, 24)
    spacing = length / 80
    heading = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.05, 80))
    slope = np.cumsum(rng.normal(0, 0.05, 80)) * spacing
    points = np.cumsum(np.stack([np.cos(heading) * spacing, np.sin(heading) * spacing, slope], 1), axis=0)
    return points - points.mean(0), spacing


def _direction(rng, flat):
    heading = rng.normal(0, 1, 3) * (1, 1, flat)
    return heading / np.linalg.norm(heading)


def union_of_spheres(centres, radii, delta_n, grid):
    """Touching or merged droplets of one liquid: float32 (Z, M, M), each voxel by the share of it inside a sphere."""
    centres, radii = np.asarray(centres, float), np.asarray(radii, float)
    depth = (np.abs(centres[:, 2]) + radii).max() + grid.dz_um / 2
    line, levels = grid.axes(grid.slices(depth))
    volume = np.zeros((len(levels), grid.count, grid.count), np.float32)
    for part in (np.arange(_SUB_SLICES) - (_SUB_SLICES - 1) / 2) * (grid.dz_um / _SUB_SLICES):
        inside = np.full(volume.shape, -np.inf, np.float32)
        for (cx, cy, cz), radius in zip(centres, radii, strict=True):
            distance = np.sqrt(
                (levels[:, None, None] + part - cz) ** 2 + (line[:, None] - cy) ** 2 + (line - cx) ** 2,
                dtype=np.float32,
            )
            np.maximum(inside, radius - distance, out=inside)
        volume += np.clip(inside / grid.px_um + 0.5, 0, 1)
    return volume * np.float32(delta_n / _SUB_SLICES)


def flake(rng, radius_um, delta_n, grid, *, edge_um=0.09):
    """A broken plate: convex polygon of 4 to 6 corners, tilted at random: float32 (Z, M, M)."""
    corners = rng.integers(4, 7)
    angles = np.sort(rng.uniform(0, 2 * np.pi, corners)) + np.arange(corners) * 1e-3
    flattened = rng.uniform(0.35, 1)
    outline = radius_um * np.stack([np.cos(angles), flattened * np.sin(angles)], 1)
    thickness = rng.uniform(0.12, 0.3) * radius_um
    turn = Rotation.random(rng=rng).as_matrix()
    depth = (
        np.abs(
            np.concatenate([np.c_[outline, np.full(corners, side * thickness / 2)] @ turn.T for side in (-1, 1)])[:, 2]
        ).max()
        + 4 * edge_um
    )
    line, levels = grid.axes(grid.slices(depth))
    z, y, x = np.meshgrid(levels, line, line, indexing="ij")
    own = np.stack([x, y, z], -1).astype(np.float32) @ turn.astype(np.float32)  # in the plate's own frame
    inside = thickness / 2 - np.abs(own[..., 2])
    for a, b in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        normal = np.array([b[1] - a[1], a[0] - b[0]])
        normal = normal / np.linalg.norm(normal)
        inside = np.minimum(inside, (a - own[..., :2]) @ normal)
    return (delta_n / (1 + np.exp(-np.clip(inside / edge_um, -30, 30)))).astype(np.float32) * (inside > -4 * edge_um)
