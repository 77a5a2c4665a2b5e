"""Bright-field image of one sphere of any size and index: Lorenz-Mie on the pupil, scalar, partially coherent."""

import numpy as np
from numpy.typing import NDArray

from svp_core.optics import mie
from svp_core.optics.microscope import Microscope, field_at, required_rings, source_directions

_MARGIN = 7  # resolution lengths between the image and the edge of its period
_BATCH_SIZE = 24  # directions summed at once; limits memory


def image_of_sphere(
    x: NDArray[np.floating],
    y: NDArray[np.floating],
    *,
    radius_um: float,
    index: complex,
    z_f: float,
    microscope: Microscope,
    rings: int | None = None,
    per_ring: int | None = None,
) -> NDArray[np.float32]:
    """Intensity at the points of the grid x (W,), y (H,) in um from the sphere's centre: float32 (H, W), background 1.

    index: refractive index, complex if absorbing. z_f: focal plane, um downstream of the centre. rings x per_ring
    illumination directions; by default, as many as the source sum needs to converge.
    The angular spectrum follows from Weyl's expansion of the far field S exp(ikr) / (-ikr); no aplanatic factor.
    """
    k0, k = microscope.k0, microscope.k
    if rings is None or per_ring is None:
        rings, per_ring = required_rings(microscope, z_f, radius_um)
    directions, weights = source_directions(microscope, rings, per_ring)

    # The wave vectors of the pupil, spaced so closely that the particle's periodic copies stay outside the tile.
    reach = max(np.abs(x).max(), np.abs(y).max())
    spread = abs(z_f) * microscope.na_objective / microscope.medium_index * 1.2
    step = 2 * np.pi / (reach + radius_um + spread + _MARGIN * microscope.wavelength_um / microscope.na_objective)
    half = int(k0 * microscope.na_objective / step + 0.5)
    line = step * np.arange(-half, half + 1)
    kx, ky = np.meshgrid(line, line)
    inside = np.hypot(kx, ky) <= k0 * microscope.na_objective + step / 2
    kx, ky = kx[inside], ky[inside]
    kz = np.sqrt(k**2 - kx**2 - ky**2)
    transmission, delay = microscope.pupil(kx, ky, step=step)
    common = -(step**2) / (2 * np.pi * k) / kz * transmission * np.exp(1j * (kz * z_f + delay))

    # The scattering amplitude, computed once for a table of angles.
    widest = microscope.na_objective + np.hypot(*directions.T).max() / k0
    theta, s_table = mie.scalar_table(
        k * radius_um, index / microscope.medium_index, 1.05 * np.arcsin(widest / microscope.medium_index)
    )

    intensity = np.zeros((len(y), len(x)), np.float32)
    for start in range(0, len(directions), _BATCH_SIZE):
        s, weight = directions[start : start + _BATCH_SIZE], weights[start : start + _BATCH_SIZE]
        sz = np.sqrt(k**2 - (s**2).sum(1))
        # The angle relative to the tilted incident wave, by its chord, which is accurate for small angles.
        chord2 = (kx - s[:, :1]) ** 2 + (ky - s[:, 1:]) ** 2 + (kz - sz[:, None]) ** 2
        angle = 2 * np.arcsin(np.minimum(np.sqrt(chord2) / (2 * k), 1))
        position = angle * ((len(theta) - 1) / theta[-1])
        below = position.astype(np.intp)
        fraction = position - below
        spectrum = np.zeros((len(s), *inside.shape), np.complex64)
        spectrum[:, inside] = (s_table[below] * (1 - fraction) + s_table[below + 1] * fraction) * common
        scattered = field_at(spectrum, line, line, x, y)
        transmission, delay = microscope.pupil(s[:, 0], s[:, 1], step=step)
        field = scattered + _plane_waves(transmission * np.exp(1j * (sz * z_f + delay)), s, x, y)
        intensity += np.einsum("j,jhw->hw", weight.astype(np.float32), field.real**2 + field.imag**2)
    return intensity


def _plane_waves(
    amplitudes: NDArray[np.complex128],
    directions: NDArray[np.float64],
    x: NDArray[np.floating],
    y: NDArray[np.floating],
) -> NDArray[np.complex64]:
    """The unscattered light of these directions (J, 2) in the image: (J, H, W)."""
    along_x, along_y = np.exp(1j * np.outer(directions[:, 0], x)), np.exp(1j * np.outer(directions[:, 1], y))
    waves = along_y[:, :, None] * along_x[:, None, :]
    return (amplitudes[:, None, None] * waves).astype(np.complex64)
