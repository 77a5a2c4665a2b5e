"""What the draw functions of all kinds share: axes, the voxel grid of a particle, its image, its true diameter.

A draw function takes (rng, viewing, x, y) and returns the intensity on the axes x, y (um from the intended position of
the particle), float32 (H, W), background 1, and the ground truth: shape, diameter_um (of a sphere its own, of anything
else the equivalent circular diameter of its projection), index, and moved_x_um, moved_y_um if a particle that the tile
cuts off is not at its intended position.
"""

from typing import Any, cast

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from svp_core.optics.imaging_conditions import Viewing
from svp_core.optics.multislice import image_of_volume
from svp_core.optics.shapes import Grid

Axis = NDArray[np.floating]
Drawing = tuple[NDArray[np.float32], dict[str, Any]]  # intensity, ground truth
Volume = NDArray[np.float32] | NDArray[np.complex64]  # (Z, M, M), index minus the medium's
OUTLINE = 0.1  # of the longest optical path: where the outline of a projection lies


def displacement(rng: np.random.Generator, viewing: Viewing, off_centre: float) -> tuple[float, float]:
    """How far a particle that does not fit is moved, so that the tile shows a part of it: um in x and y."""
    if not viewing.oversized:
        return 0.0, 0.0
    angle, distance = rng.uniform(0, 2 * np.pi), rng.uniform(0, off_centre) * viewing.diameter_um / 2
    return distance * np.cos(angle), distance * np.sin(angle)


def moved(dx: float, dy: float) -> dict[str, float]:
    """The displacement as the ground truth has it."""
    return {"moved_x_um": float(dx), "moved_y_um": float(dy)}


def voxel_grid(viewing: Viewing, x: Axis, y: Axis, *, dz_um: float, width_um: float | None = None) -> Grid:
    """Voxel grid wide enough that the particle's periodic copies stay outside the tile at this focus.

    width_um: of the particle, by default the requested diameter.
    """
    microscope, px = viewing.microscope, viewing.camera.um_per_px / viewing.camera.oversampling
    reach = max(np.abs(x).max(), np.abs(y).max())
    spread = abs(viewing.z_f_um) * microscope.na_objective / microscope.medium_index * 1.2
    resolution = microscope.wavelength_um / microscope.na_objective
    period = reach + (width_um or viewing.diameter_um) / 2 + spread + 7 * resolution
    return Grid(cast(int, scipy.fft.next_fast_len(int(period / px))), px, dz_um)


def volume_image(x: Axis, y: Axis, volume: Volume, grid: Grid, viewing: Viewing) -> NDArray[np.float32]:
    """Intensity of a volume on the axes x, y: float32 (H, W), background 1."""
    return image_of_volume(
        x, y, volume, px_um=grid.px_um, dz_um=grid.dz_um, z_f=viewing.z_f_um, microscope=viewing.microscope
    )


def projected_ecd(volume: Volume, grid: Grid) -> float:
    """Equivalent circular diameter of the projection, um: its outline is at a tenth of the maximum optical path."""
    path = np.abs(volume).sum(0)
    return float(np.sqrt(4 / np.pi * (path > OUTLINE * path.max()).sum()) * grid.px_um)
