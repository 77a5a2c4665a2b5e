"""Refractive-index volumes of everything except single spheres, from points and half-spaces.

Points are (N, 3) in um, columns x, y, z, with their centroid at the origin. Volumes are float32 (Z, M, M): index minus
the medium's; the light reaches slice 0 first.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

_SUB_SLICES = 4  # levels at which a curved surface is sampled within one slice


@dataclass(frozen=True)
class Grid:
    """Voxels of one volume: `count` x `count` of px_um, in slices of dz_um over the particle's depth."""

    count: int
    px_um: float
    dz_um: float

    def slices(self, half_depth_um: float) -> int:
        """Number of slices that cover -half_depth..half_depth."""
        return max(1, int(np.ceil(2 * half_depth_um / self.dz_um)))

    def axes(self, slices: int) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Coordinates of the voxel centres along x (and y) and along z, in um."""
        line = (np.arange(self.count) - self.count // 2) * self.px_um
        return line, (np.arange(slices) - (slices - 1) / 2) * self.dz_um


def gaussian_blobs(
    points: NDArray[np.float64], radii: NDArray[np.float64], weights: NDArray[np.float64], grid: Grid
) -> NDArray[np.float32]:
    """Sum of Gaussian blobs, sigma = radius: (Z, M, M), truncated at 2.6 sigma, widened to the voxel resolution."""
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


def _near(line: NDArray[np.floating], centre: float, reach: float) -> slice:
    first, last = np.searchsorted(line, (centre - reach, centre + reach))
    return slice(first, last)


def saturate(volume: NDArray[np.floating], cap: float) -> NDArray[np.float32]:
    """Index that never exceeds cap: cap (1 - exp(-volume)). Plain sums of overlapping blobs make false black lumps."""
    return (cap * (1 - np.exp(-volume))).astype(np.float32)


def aggregate(
    rng: np.random.Generator, count: int, distance: float, *, tries: int, dense: bool = True
) -> NDArray[np.float64]:
    """Points of a hierarchical ballistic cluster-cluster aggregate of `count` monomers, `distance` apart: (N, 3).

    Clusters join in pairs of similar size until one is left. For each pair, `tries` contacts are tried and the most
    compact (dense) or the most open one is kept; fractal dimension about 1.9 for one try, 2.2 for three or more.
    """
    clusters = [np.zeros((1, 3)) for _ in range(count)]
    while len(clusters) > 1:
        rng.shuffle(clusters)
        clusters.sort(key=len)
        joined = [_join(rng, a, b, distance, tries, dense) for a, b in zip(clusters[::2], clusters[1::2], strict=False)]
        clusters = joined + (clusters[-1:] if len(clusters) % 2 else [])
    return clusters[0]


def _join(
    rng: np.random.Generator,
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    distance: float,
    tries: int,
    dense: bool,
) -> NDArray[np.float64]:
    best, best_size = None, 0.0
    for _ in range(tries):
        fixed = Rotation.random(rng=rng).apply(a)
        moving = Rotation.random(rng=rng).apply(b)
        reach = np.linalg.norm(a, axis=1).max() + np.linalg.norm(b, axis=1).max() + 2 * distance
        moving[:, :2] += rng.normal(0, 0.175 * reach, 2)
        # Moved along -z until the first pair of monomers touches.
        gap = moving[:, None] - fixed
        sideways2 = (gap[..., :2] ** 2).sum(-1)
        touching = sideways2 < distance**2
        if not touching.any():
            moving[:, :2] -= moving[:, :2].mean(0) - fixed[:, :2].mean(0)
            gap = moving[:, None] - fixed
            sideways2 = (gap[..., :2] ** 2).sum(-1)
            touching = sideways2 < distance**2
        if not touching.any():
            continue
        moving[:, 2] -= (gap[..., 2] - np.sqrt(np.maximum(distance**2 - sideways2, 0)))[touching].min()
        both = np.concatenate([fixed, moving])
        both -= both.mean(0)
        size = (both**2).sum(1).mean()
        if best is None or (size < best_size) == dense:
            best, best_size = both, size
    return best if best is not None else _side_by_side(a, b, distance)


def _side_by_side(a: NDArray[np.float64], b: NDArray[np.float64], distance: float) -> NDArray[np.float64]:
    shift = a[:, 0].max() - b[:, 0].min() + distance
    both = np.concatenate([a, b + np.array([shift, 0, 0])])
    return both - both.mean(0)


def worm_like_chain(
    rng: np.random.Generator,
    points: int,
    step: float,
    bend: float,
    box: NDArray[np.float64],
    preferred: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """One flexible thread that stays approximately inside a box: (points, 3). box: half sizes (x, y, z), um.

    step: um between points. bend: standard deviation of the change of direction. preferred: common direction, or None.
    """
    position, heading = rng.normal(0, 0.35, 3) * box, rng.normal(0, 1, 3)
    heading /= np.linalg.norm(heading)
    chain = np.empty((points, 3))
    for index in range(points):
        outside = position / box
        heading = heading + bend * rng.normal(0, 1, 3)
        heading = heading - np.where(np.abs(outside) > 0.8, 0.25 * np.sign(position) * np.abs(outside), 0)
        if preferred is not None:
            heading = heading + 0.12 * preferred * np.sign(heading @ preferred)
        heading /= np.linalg.norm(heading)
        position = position + step * heading
        chain[index] = position
    return chain


def felt(rng: np.random.Generator) -> NDArray[np.float64]:
    """A mat of several worm-like chains, mostly with a common direction: points (N, 3), about 6 to 14 um wide."""
    box = rng.uniform((3, 2.5, 0.6), (7, 6, 2.2))
    preferred = _direction(rng, flat=0.3) if rng.random() < 0.6 else None
    chains = [
        worm_like_chain(rng, int(rng.integers(15, 45)), 0.42, rng.uniform(0.15, 0.45), box, preferred)
        for _ in range(rng.integers(5, 22))
    ]
    points = np.concatenate(chains)
    return points - points.mean(0)


def thread(rng: np.random.Generator) -> NDArray[np.float64]:
    """One long worm-like chain: points (N, 3)."""
    points = worm_like_chain(rng, int(rng.integers(60, 150)), 0.30, rng.uniform(0.10, 0.25), np.array([7.0, 7.0, 2.0]))
    return points - points.mean(0)


def fibre(rng: np.random.Generator) -> tuple[NDArray[np.float64], float]:
    """A stiff, slightly curved rod, 10 to 24 um long: points (80, 3) and their spacing in um."""
    length = rng.uniform(10, 24)
    spacing = length / 80
    heading = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.05, 80))
    slope = np.cumsum(rng.normal(0, 0.05, 80)) * spacing
    points = np.cumsum(np.stack([np.cos(heading) * spacing, np.sin(heading) * spacing, slope], 1), axis=0)
    return points - points.mean(0), spacing


def _direction(rng: np.random.Generator, flat: float) -> NDArray[np.float64]:
    heading = rng.normal(0, 1, 3) * (1, 1, flat)
    return heading / np.linalg.norm(heading)


def union_of_spheres(centres: ArrayLike, radii: ArrayLike, delta_n: float, grid: Grid) -> NDArray[np.float32]:
    """Touching or merged droplets of one liquid: (Z, M, M), each voxel weighted by its fraction inside a sphere."""
    centres, radii = np.asarray(centres, float), np.asarray(radii, float)
    depth = (np.abs(centres[:, 2]) + radii).max() + grid.dz_um / 2
    line, levels = grid.axes(grid.slices(depth))
    volume = np.zeros((len(levels), grid.count, grid.count), np.float32)
    for offset in (np.arange(_SUB_SLICES) - (_SUB_SLICES - 1) / 2) * (grid.dz_um / _SUB_SLICES):
        inside = np.full(volume.shape, -np.inf, np.float32)
        for (cx, cy, cz), radius in zip(centres, radii, strict=True):
            distance = np.sqrt(
                (levels[:, None, None] + offset - cz) ** 2 + (line[:, None] - cy) ** 2 + (line - cx) ** 2,
                dtype=np.float32,
            )
            np.maximum(inside, radius - distance, out=inside)
        volume += np.clip(inside / grid.px_um + 0.5, 0, 1)
    return volume * np.float32(delta_n / _SUB_SLICES)


def add_droplet(
    rng: np.random.Generator, centres: NDArray[np.float64], radii: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two droplets, centres (2, 3) and radii (2,), with a third in contact with the second: (3, 3) and (3,).

    The area of all together stays the same, and so does their centroid by area.
    """
    axis = (centres[1] - centres[0]) / np.linalg.norm(centres[1] - centres[0])
    aside = np.cross(axis, rng.normal(size=3))
    bend = rng.uniform(0, np.deg2rad(100))
    direction = np.cos(bend) * axis + np.sin(bend) * aside / np.linalg.norm(aside)
    third = radii[1] * rng.uniform(0.5, 1.0)
    joined = np.vstack([centres, centres[1] + direction * (radii[1] + third) * rng.uniform(1.0, 1.02)])
    of_all = np.append(radii, third)
    shrink = np.sqrt((radii**2).sum() / (of_all**2).sum())
    moved = np.average(joined, axis=0, weights=of_all**2) - np.average(centres, axis=0, weights=radii**2) / shrink
    return shrink * (joined - moved), shrink * of_all


def flake(
    rng: np.random.Generator, radius_um: float, delta_n: float, grid: Grid, *, edge_um: float = 0.09
) -> NDArray[np.float32]:
    """A broken plate: convex polygon of 4 to 6 corners, randomly tilted: (Z, M, M)."""
    corners = rng.integers(4, 7)
    angles = np.sort(rng.uniform(0, 2 * np.pi, corners)) + np.arange(corners) * 1e-3
    flattened = rng.uniform(0.35, 1)
    outline = radius_um * np.stack([np.cos(angles), flattened * np.sin(angles)], 1)
    thickness = rng.uniform(0.12, 0.3) * radius_um
    rotation = Rotation.random(rng=rng).as_matrix()
    faces = [np.c_[outline, np.full(corners, side * thickness / 2)] @ rotation.T for side in (-1, 1)]
    depth = np.abs(np.concatenate(faces)[:, 2]).max() + 4 * edge_um
    line, levels = grid.axes(grid.slices(depth))
    z, y, x = np.meshgrid(levels, line, line, indexing="ij")
    # Coordinates in the plate's own frame.
    in_plate = np.stack([x, y, z], -1).astype(np.float32) @ rotation.astype(np.float32)
    inside = thickness / 2 - np.abs(in_plate[..., 2])
    for a, b in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        normal = np.array([b[1] - a[1], a[0] - b[0]])
        normal = normal / np.linalg.norm(normal)
        inside = np.minimum(inside, (a - in_plate[..., :2]) @ normal)
    return (delta_n / (1 + np.exp(-np.clip(inside / edge_um, -30, 30)))).astype(np.float32) * (inside > -4 * edge_um)
