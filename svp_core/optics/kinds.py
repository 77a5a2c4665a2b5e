"""Draw each kind of particle: its shape and refractive index at the requested size, and its image (see drawing)."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from svp_core.optics import shapes
from svp_core.optics.drawing import Axis, Drawing, displacement, moved, projected_ecd, volume_image, voxel_grid
from svp_core.optics.imaging_conditions import Viewing
from svp_core.optics.irregular_kinds import PROTEIN_CAP, draw_cell, draw_irregular_protein, draw_opaque
from svp_core.optics.sphere import image_of_sphere

MAX_BUBBLE_RADIUS_UM = 48.0
MERGED_SHARE = 13 / 22  # of joined oil: a lopsided droplet of two that have started to merge


def _sphere(x: Axis, y: Axis, viewing: Viewing, radius: float, index: float, z_f: float) -> NDArray[np.float32]:
    return image_of_sphere(x, y, radius_um=radius, index=index, z_f=z_f, microscope=viewing.microscope)


def _silicone_oil(rng: np.random.Generator, viewing: Viewing, x: Axis, y: Axis) -> Drawing:
    index = rng.uniform(1.388, 1.412)
    radius = viewing.diameter_um / 2
    dx, dy = displacement(rng, viewing, 0.8)
    draw = rng.random()
    if draw < 1 - viewing.law.joined_oil or viewing.oversized:
        image = _sphere(x - dx, y - dy, viewing, radius, index, viewing.z_f_um)
        return image, {"shape": "single", "diameter_um": 2 * radius, "index": index, **moved(dx, dy)}
    merged = draw > 1 - MERGED_SHARE * viewing.law.joined_oil
    second = radius * (rng.uniform(0.6, 1.0) if merged else rng.uniform(0.5, 1.0))
    distance = (radius + second) * (rng.uniform(0.25, 0.6) if merged else rng.uniform(1.0, 1.02))
    # Scaled to the requested size by area.
    shrink = radius / np.sqrt(radius**2 + (0.4 if merged else 1.0) * second**2)
    tilt, azimuth = rng.uniform(-0.5, 0.5), rng.uniform(0, 2 * np.pi)
    axis = np.array([np.cos(azimuth) * np.cos(tilt), np.sin(azimuth) * np.cos(tilt), np.sin(tilt)])
    share = second**2 / (radius**2 + second**2)
    centres = shrink * np.stack([-axis * distance * share, axis * distance * (1 - share)])
    radii = shrink * np.array([radius, second])
    shape = "lopsided" if merged else "doublet"
    if not merged and rng.random() < viewing.law.three_joined:
        centres, radii = shapes.add_droplet(rng, centres, radii)
        shape = "triplet"
    grid = voxel_grid(viewing, x, y, dz_um=max(0.5, viewing.diameter_um / 22))
    volume = shapes.union_of_spheres(centres, radii, index - viewing.microscope.medium_index, grid)
    return volume_image(x, y, volume, grid, viewing), {
        "shape": shape,
        "diameter_um": projected_ecd(volume, grid),
        "index": index,
    }


def _air_bubble(rng: np.random.Generator, viewing: Viewing, x: Axis, y: Axis) -> Drawing:
    if viewing.oversized or rng.random() < 0.22:
        # Much larger than the tile: an arc of black rim and grey disc, 0.2 to 1.2 radii out of focus.
        px = viewing.camera.um_per_px
        largest = min(120, MAX_BUBBLE_RADIUS_UM / px)
        # Where even the largest bubble fits into the tile, large ones are the upper half of the sizes.
        smallest = 29 if largest >= 29 else largest / 2
        radius = px * np.exp(rng.uniform(np.log(smallest), np.log(largest)))
        angle, distance = rng.uniform(0, 2 * np.pi), rng.uniform(0.3, 1.05) * radius
        if radius < 32 * px:
            distance *= 0.3
        z_f = rng.uniform(0.2, 1.2) * radius
        dx, dy = distance * np.cos(angle), distance * np.sin(angle)
        image = _sphere(x - dx, y - dy, viewing, radius, 1.0, z_f)
        truth = {"shape": "large", "diameter_um": 2 * radius, "index": 1.0, "z_f_um": z_f}
        return image, truth | moved(dx, dy)
    radius = viewing.diameter_um / 2
    image = _sphere(x, y, viewing, radius, 1.0, viewing.z_f_um)
    return image, {"shape": "small", "diameter_um": 2 * radius, "index": 1.0}


def _protein(rng: np.random.Generator, viewing: Viewing, x: Axis, y: Axis) -> Drawing:
    if viewing.law.irregular_protein and rng.random() < viewing.law.irregular_protein:
        return draw_irregular_protein(rng, viewing, x, y)
    shape = rng.choice(["clump", "felt", "thread", "wisp"], p=[0.35, 0.35, 0.10, 0.20])
    if shape in ("clump", "wisp"):
        monomer = rng.uniform(0.3, 0.7)
        count = max(6, int(2 ** rng.uniform(4, 7) * rng.uniform(0.8, 1.2)))
        points = shapes.aggregate(rng, count, 2 * monomer * rng.uniform(0.7, 0.95), tries=3, dense=rng.random() < 0.7)
        radii = monomer * np.exp(rng.normal(0, 0.3, len(points)))
        weights = 0.7 * np.exp(rng.normal(0, 0.4, len(points)))
    else:
        points = shapes.felt(rng) if shape == "felt" else shapes.thread(rng)
        radii = np.full(len(points), rng.uniform(0.20, 0.34) if shape == "felt" else rng.uniform(0.22, 0.5))
        if shape == "thread":
            radii[rng.integers(0, len(points), 4)] *= 2
        weights = np.full(len(points), 0.7)
    phase = rng.uniform(*{"clump": (0.7, 3.2), "felt": (0.6, 2.6), "thread": (0.5, 2.0), "wisp": (0.15, 0.6)}[shape])

    # Scaled to the requested size; strands and monomers grow less than the whole, but never separate into beads.
    scale = viewing.diameter_um / _width(points, radii)
    points, radii = points * scale, np.maximum(radii * max(scale**0.7, 0.8 * scale), 0.15)
    dx, dy = displacement(rng, viewing, 0.6)
    x, y = x - dx, y - dy
    grid = voxel_grid(viewing, x, y, dz_um=max(0.8, viewing.diameter_um / 14))
    filling = shapes.saturate(shapes.gaussian_blobs(points, radii, weights, grid), 1.0)
    # The index follows from the phase delay of the thickest part.
    thickest = filling.sum(0).max() * grid.dz_um
    delta = min(viewing.law.aggregate_delay * phase / (viewing.microscope.k0 * thickest), PROTEIN_CAP)
    image = volume_image(x, y, filling * np.float32(delta), grid, viewing)
    return image, {
        "shape": str(shape),
        "diameter_um": projected_ecd(filling, grid),
        "index": viewing.microscope.medium_index + float(delta),
        **moved(dx, dy),
    }


def _glass_flake(rng: np.random.Generator, viewing: Viewing, x: Axis, y: Axis) -> Drawing:
    grid = voxel_grid(viewing, x, y, dz_um=max(0.5, viewing.diameter_um / 20))
    delta = 1.52 - viewing.microscope.medium_index
    volume = shapes.flake(rng, 0.6 * viewing.diameter_um, delta, grid)
    return volume_image(x, y, volume, grid, viewing), {
        "shape": "flake",
        "diameter_um": projected_ecd(volume, grid),
        "index": 1.52,
    }


def _fibre(rng: np.random.Generator, viewing: Viewing, x: Axis, y: Axis) -> Drawing:
    points, spacing = shapes.fibre(rng)
    scale = 2.2 * viewing.diameter_um / np.ptp(points, axis=0).max()
    points, spacing = points * scale, spacing * scale
    radius = rng.uniform(0.45, 1.1) * max(1.0, viewing.diameter_um / 12)
    delta = rng.uniform(0.05, 0.12)
    grid = voxel_grid(viewing, x, y, dz_um=max(0.75, viewing.diameter_um / 20), width_um=np.ptp(points, axis=0).max())
    filling = shapes.gaussian_blobs(points, np.full(80, radius), np.full(80, spacing / (2.5 * radius)), grid)
    volume = (delta * np.minimum(filling, 1)).astype(np.float32)
    return volume_image(x, y, volume, grid, viewing), {
        "shape": "fibre",
        "diameter_um": projected_ecd(volume, grid),
        "index": viewing.microscope.medium_index + delta,
    }


def _polystyrene(rng: np.random.Generator, viewing: Viewing, x: Axis, y: Axis) -> Drawing:
    """A bead of a size standard; its index is that of polystyrene at the wavelengths of the laws."""
    index, radius = rng.uniform(1.585, 1.60), viewing.diameter_um / 2
    dx, dy = displacement(rng, viewing, 0.8)
    image = _sphere(x - dx, y - dy, viewing, radius, index, viewing.z_f_um)
    return image, {"shape": "bead", "diameter_um": 2 * radius, "index": index, **moved(dx, dy)}


DRAW_FUNCTIONS: dict[str, Callable[[np.random.Generator, Viewing, Axis, Axis], Drawing]] = {
    "protein": _protein,
    "silicone_oil": _silicone_oil,
    "air_bubble": _air_bubble,
    "glass_flake": _glass_flake,
    "fibre": _fibre,
    "opaque": draw_opaque,
    "cell": draw_cell,
    "polystyrene": _polystyrene,
}


def _width(points: NDArray[np.float64], radii: NDArray[np.float64]) -> float:
    """Equivalent circular diameter, um, of a cloud of blobs seen along z, from its variance."""
    spread = points[:, :2].var(0) + (radii**2).mean()
    return float(4 * np.sqrt(np.sqrt(spread[0] * spread[1])))
