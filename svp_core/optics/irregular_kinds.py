"""Draw irregular kinds: protein sheets and strands, opaque pieces, cells (draw functions: see drawing)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from svp_core.optics import irregular, shapes
from svp_core.optics.drawing import Axis, Drawing, displacement, moved, projected_ecd, volume_image, voxel_grid
from svp_core.optics.imaging_conditions import Viewing

PROTEIN_CAP = 0.09  # protein is never more than this above the liquid's index


def draw_irregular_protein(rng: np.random.Generator, viewing: Viewing, x: Axis, y: Axis) -> Drawing:
    """A crumpled sheet with folds, strands, patches, or a stretched clump; a quarter of them absorb as well.

    A compact round one would look like a droplet or a bubble, so a clump is at most 0.75 as wide as long.
    """
    filling = str(rng.choice(irregular.PROTEIN_FILLINGS, p=[0.42, 0.25, 0.13, 0.20]))
    aspect = rng.uniform(0.3, 0.75) if filling == "bulk" else rng.uniform(0.35, 0.95)
    phase = rng.uniform(0.15, 0.5) if rng.random() < 0.15 else rng.uniform(0.4, 2.5)
    phase *= viewing.law.aggregate_delay
    absorption = rng.uniform(0.1, 0.6) if rng.random() < 0.25 else 0.0  # relative to the phase
    outline = irregular.Outline(
        viewing.diameter_um / 2 / np.sqrt(aspect), aspect, rng.normal(0, 0.35), rng.uniform(0.08, 0.3)
    )
    dx, dy = displacement(rng, viewing, 0.6)
    x, y = x - dx, y - dy
    k0 = viewing.microscope.k0
    dz_um = max(0.8, viewing.diameter_um / 14, phase / (k0 * PROTEIN_CAP))
    grid = voxel_grid(viewing, x, y, dz_um=dz_um, width_um=2.6 * outline.half_length_um)
    path = irregular.filled(rng, filling, outline, grid)
    filling_3d = irregular.place(rng, path, grid, relief_um=rng.uniform(0, 0.5) * viewing.diameter_um)
    delta = phase / (k0 * dz_um)
    image = volume_image(x, y, _index(filling_3d, delta, absorption), grid, viewing)
    return image, {
        "shape": filling,
        "diameter_um": projected_ecd(filling_3d, grid),
        "index": viewing.microscope.medium_index + float(delta),
        "absorption": float(absorption),
        **moved(dx, dy),
    }


def draw_opaque(rng: np.random.Generator, viewing: Viewing, x: Axis, y: Axis) -> Drawing:
    """An irregular piece that hardly lets light through, such as rubber or metal: angular, or a rough dark clump."""
    grid = voxel_grid(viewing, x, y, dz_um=max(0.8, viewing.diameter_um / 10), width_um=1.7 * viewing.diameter_um)
    angular = rng.random() < 0.5
    if angular:
        path = irregular.polygonal(rng, 0.62 * viewing.diameter_um, grid)
    else:
        aspect = rng.uniform(0.4, 0.85)
        half = viewing.diameter_um / 2 / np.sqrt(aspect)
        outline = irregular.Outline(half, aspect, rng.normal(0, 0.3), rng.uniform(0.12, 0.3))
        path = irregular.filled(rng, "bulk", outline, grid)
    depth = rng.uniform(1.0, 5.0)  # of absorption, of intensity, in powers of e
    kappa = depth / (2 * viewing.microscope.k0 * grid.dz_um)
    volume = (path[None] * (1j * kappa + rng.uniform(0, 0.5) * kappa)).astype(np.complex64)
    return volume_image(x, y, volume, grid, viewing), {
        "shape": "angular" if angular else "dark clump",
        "diameter_um": projected_ecd(volume, grid),
        "index": viewing.microscope.medium_index,
        "absorption": float(depth),
    }


def draw_cell(rng: np.random.Generator, viewing: Viewing, x: Axis, y: Axis) -> Drawing:
    """A cell: an ellipsoid, at times two that divide, with a nucleus and granules of higher index."""
    radius = viewing.diameter_um / 2
    dividing = rng.random() < 0.2
    axes = radius * rng.uniform((0.95, 0.6, 0.5), (1.15, 0.95, 0.9))
    grid = voxel_grid(viewing, x, y, dz_um=max(0.6, viewing.diameter_um / 12), width_um=2.8 * radius)
    line, levels = grid.axes(grid.slices(axes[2] + grid.dz_um))
    body_delta, angle = rng.uniform(0.008, 0.03), rng.uniform(0, 2 * np.pi)
    along = np.cos(angle) * line[None, :] + np.sin(angle) * line[:, None]
    across = -np.sin(angle) * line[None, :] + np.cos(angle) * line[:, None]

    def ellipsoid(centre: NDArray[np.float64], half_axes: NDArray[np.float64]) -> NDArray[np.float32]:
        distance = np.sqrt(
            ((along - centre[0]) / half_axes[0]) ** 2
            + ((across - centre[1]) / half_axes[1]) ** 2
            + ((levels[:, None, None] - centre[2]) / half_axes[2]) ** 2
        )
        soft = (1 - distance) * half_axes.min() / (0.6 * grid.px_um)
        return np.where(soft > -4, 1 / (1 + np.exp(-np.clip(soft, -30, 30))), 0).astype(np.float32)

    middle = np.zeros(3)
    volume = body_delta * ellipsoid(middle, axes)
    if dividing:
        shift = np.array([axes[0] * rng.uniform(0.9, 1.5), 0.0, 0.0])
        volume = np.maximum(volume, body_delta * ellipsoid(shift, axes * rng.uniform(0.5, 0.9)))
    offset = rng.normal(0, 0.2, 3) * axes
    volume = volume + rng.uniform(0.003, 0.02) * ellipsoid(offset, axes * rng.uniform(0.35, 0.6))
    count = int(rng.integers(6, 40))
    directions = rng.normal(size=(count, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    points = directions * rng.uniform(0, 0.85, (count, 1)) ** (1 / 2) * axes.min()
    points[:, 2] = np.clip(points[:, 2], levels[0], levels[-1])
    granules = _granules(rng, points, radius, grid, len(levels))
    volume = volume + granules
    truth: dict[str, Any] = {
        "shape": "dividing" if dividing else "single",
        "diameter_um": projected_ecd(volume, grid),
        "index": viewing.microscope.medium_index + float(body_delta),
    }
    return volume_image(x, y, volume, grid, viewing), truth


def _granules(
    rng: np.random.Generator, points: NDArray[np.float64], radius: float, grid: shapes.Grid, slices: int
) -> NDArray[np.float32]:
    """Index of granules at these points, in the middle of a volume of so many slices."""
    radii = np.clip(radius * rng.uniform(0.03, 0.12, len(points)), 0.15, None)
    blobs = shapes.saturate(shapes.gaussian_blobs(points, radii, np.full(len(points), 0.7), grid), 1.0)
    volume = np.zeros((slices, grid.count, grid.count), np.float32)
    spare = len(blobs) - slices
    if spare > 0:
        blobs = blobs[spare // 2 : spare // 2 + slices]
    first = (slices - len(blobs)) // 2
    volume[first : first + len(blobs)] = rng.uniform(0.02, 0.07) * blobs
    return volume


def _index(
    filling: NDArray[np.float32], delta: float, absorption: float
) -> NDArray[np.float32] | NDArray[np.complex64]:
    if not absorption:
        return filling * np.float32(delta)
    return (filling * (delta * (1 + 1j * absorption))).astype(np.complex64)
