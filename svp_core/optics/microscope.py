"""The microscope: illumination directions, pupil, and the sum over the condenser that forms an image (Abbe).

Transverse wave vectors are numerical apertures times k0, so that refraction in the flow cell is accounted for.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Microscope:
    """The optical properties that determine a particle's image, apart from the particle itself."""

    wavelength_um: float = 0.47  # in vacuum
    medium_index: float = 1.334
    na_objective: float = 0.28
    na_condenser: float = 0.08  # with the offset it must stay below na_objective, or the background is blocked
    offset: tuple[float, float] = (0.0, 0.0)  # NA in x and y: oblique illumination
    coma: tuple[float, float] = (0.0, 0.0)  # radians at the pupil's edge, along x and y
    astigmatism: tuple[float, float] = (0.0, 0.0)  # radians at the pupil's edge, 0/90 and 45/135 degrees

    @property
    def k0(self) -> float:
        """Wave number in vacuum, 1/um."""
        return 2 * np.pi / self.wavelength_um

    @property
    def k(self) -> float:
        """Wave number in the medium, 1/um."""
        return self.k0 * self.medium_index

    def pupil(
        self, kx: NDArray[np.floating], ky: NDArray[np.floating] | float, *, step: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64] | float]:
        """Transmission (0..1) and phase delay (radians) of the pupil at transverse wave vectors kx, ky (1/um).

        step: spacing of the samples, 1/um. A sample at the rim is weighted by its fraction inside the pupil; a hard rim
        on a grid causes errors of several percent of the background if the light is nearly coherent.
        """
        edge = self.k0 * self.na_objective
        u, v = kx / edge, ky / edge
        rho2 = u**2 + v**2
        transmission = np.clip((1 - np.sqrt(rho2)) * (edge / step) + 0.5, 0, 1)
        if not any((*self.coma, *self.astigmatism)):
            return transmission, 0.0
        delay = (3 * rho2 - 2) * (self.coma[0] * u + self.coma[1] * v)
        return transmission, delay + self.astigmatism[0] * (u**2 - v**2) + self.astigmatism[1] * 2 * u * v


def source_directions(
    microscope: Microscope, rings: int, per_ring: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Transverse wave vectors of the condenser's light, (J, 2) in 1/um, and their weights (J,), which sum to 1.

    Rings at Gauss-Legendre nodes of the squared radius, each rotated relative to the one before: converges much faster
    than points of equal weight.
    """
    nodes, ring_weights = np.polynomial.legendre.leggauss(rings)
    nodes, ring_weights = (nodes + 1) / 2, ring_weights / 2
    ring = np.arange(rings)[:, None]
    angle = 2 * np.pi * (np.arange(per_ring) + (0.382 * ring) % 1) / per_ring
    radius = microscope.na_condenser * np.sqrt(nodes)[:, None]
    s = np.stack([radius * np.cos(angle), radius * np.sin(angle)], -1).reshape(-1, 2) + np.asarray(microscope.offset)
    return s * microscope.k0, np.repeat(ring_weights / per_ring, per_ring)


def required_rings(microscope: Microscope, z_f: float, radius_um: float) -> tuple[int, int]:
    """(rings, per_ring) that keep the error of the source sum at the worst pixel within 0.03 of the background.

    The image of one direction shifts sideways as the direction changes; the sum must sample that shift, and the fringes
    at a large particle's rim, more finely than the objective resolves. Such sharp detail is produced by the particle
    acting as a lens, up to about n R / NA behind it; beyond, its rim is outside the objective's cone. The numbers are
    fitted to what 1,269 spheres at the extremes of the viewing laws required; test_sphere compares the worst of them,
    and ordinary ones, with many more directions.
    """
    per_um = microscope.na_condenser / microscope.wavelength_um
    defocus, rim = per_um * microscope.na_objective * abs(z_f), per_um * microscope.na_objective * radius_um
    sharp = min(defocus, per_um * microscope.medium_index * radius_um)
    rings = int(np.ceil(2.5 + 4 * rim + max(0.7 * defocus, 1.4 * sharp)))
    return rings, 4 * rings


def field_at(
    spectrum: NDArray[np.complexfloating],
    kx: NDArray[np.floating],
    ky: NDArray[np.floating],
    x: NDArray[np.floating],
    y: NDArray[np.floating],
) -> NDArray[np.complex64]:
    """Sum of spectrum[..., b, a] exp i(kx[a] x + ky[b] y): complex64 (..., len(y), len(x)).

    A Fourier sum by two matrix products, restricted to wave vectors inside the pupil and pixels of the tile.
    """
    to_x = np.exp(1j * np.outer(kx, x)).astype(np.complex64)
    to_y = np.exp(1j * np.outer(y, ky)).astype(np.complex64)
    return (to_y @ (spectrum.astype(np.complex64, copy=False) @ to_x)).astype(np.complex64, copy=False)


def phasor(amplitude: ArrayLike, angle: ArrayLike) -> NDArray[np.complex64]:
    """amplitude exp(i angle) in single precision, which is five times faster and accurate to 1e-5 here."""
    angle = np.asarray(angle, np.float32)
    wave = np.empty(np.broadcast_shapes(np.shape(amplitude), angle.shape), np.complex64)
    np.multiply(amplitude, np.cos(angle), out=wave.real, casting="same_kind")
    np.multiply(amplitude, np.sin(angle), out=wave.imag, casting="same_kind")
    return wave
