"""The microscope: illumination directions, pupil, and the sum over the condenser that makes an image (Abbe).

Transverse wave vectors are kept as numerical apertures times k0, so that refraction in the flow cell is automatic.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Microscope:
    """What decides how a particle looks, apart from the particle. It never knows the particle's class."""

    wavelength_um: float = 0.47  # in vacuum
    medium_index: float = 1.334
    na_objective: float = 0.28
    na_condenser: float = 0.08  # plus the offset it must stay below na_objective, or the background is blocked
    offset: tuple[float, float] = (0.0, 0.0)  # NA in x and y: light that comes in obliquely
    coma: tuple[float, float] = (0.0, 0.0)  # radians at the pupil's edge, along x and y
    astigmatism: tuple[float, float] = (0.0, 0.0)  # radians at the pupil's edge, 0/90 and 45/135 degrees

    @property
    def k0(self):
        """Wave number in vacuum, 1/um."""
        return 2 * np.pi / self.wavelength_um

    @property
    def k(self):
        """Wave number in the medium, 1/um."""
        return self.k0 * self.medium_index

    def pupil(self, kx, ky, *, step):
        """Share of light let through (0..1) and its delay (radians) at transverse wave vectors kx, ky (1/um).

        step: spacing of the samples, 1/um. A sample at the rim counts by the share of it that lies inside; a hard rim
        on a grid makes errors of several percent of background where the light is nearly coherent.
        """
        edge = self.k0 * self.na_objective
        u, v = kx / edge, ky / edge
        rho2 = u**2 + v**2
        through = np.clip((1 - np.sqrt(rho2)) * (edge / step) + 0.5, 0, 1)
        if not any((*self.coma, *self.astigmatism)):
            return through, 0.0
        delay = (3 * rho2 - 2) * (self.coma[0] * u + self.coma[1] * v)
        return through, delay + self.astigmatism[0] * (u**2 - v**2) + self.astigmatism[1] * 2 * u * v


def source_directions(microscope, rings, per_ring):
    """Transverse wave vectors of the condenser's light, (J, 2) in 1/um, and their weights (J,), which sum to 1.

    Rings at Gauss-Legendre nodes of the squared radius, each turned against the one before: converges far faster than
    points of equal weight.
    """
    nodes, ring_weights = np.polynomial.legendre.leggauss(rings)
    nodes, ring_weights = (nodes + 1) / 2, ring_weights / 2
    ring = np.arange(rings)[:, None]
    angle = 2 * np.pi * (np.arange(per_ring) + (0.382 * ring) % 1) / per_ring
    radius = microscope.na_condenser * np.sqrt(nodes)[:, None]
    s = np.stack([radius * np.cos(angle), radius * np.sin(angle)], -1).reshape(-1, 2) + np.asarray(microscope.offset)
    return s * microscope.k0, np.repeat(ring_weights / per_ring, per_ring)


def required_rings(microscope, z_f, radius_um):
    """(rings, per_ring) that keep the worst pixel of the source sum within 0.03 of the background.

    The image of one direction moves sideways as the direction changes; the sum must sample that movement, and the
    fringes at a large particle's rim, more finely than the objective resolves. Detail as sharp as that comes from the
    particle's own lens, up to about n R / NA behind it; further on its rim is outside the objective's cone. The numbers
    are fitted to what 1,269 spheres at the corners of the viewing laws needed; test_sphere compares the worst of them,
    and ordinary ones, with many more directions.
    """
    per_um = microscope.na_condenser / microscope.wavelength_um
    far, rim = per_um * microscope.na_objective * abs(z_f), per_um * microscope.na_objective * radius_um
    sharp = min(far, per_um * microscope.medium_index * radius_um)
    rings = int(np.ceil(2.5 + 4 * rim + max(0.7 * far, 1.4 * sharp)))
    return rings, 4 * rings


def field_at(spectrum, kx, ky, x, y):
    """Sum of spectrum[..., b, a] exp i(kx[a] x + ky[b] y): complex64 (..., len(y), len(x)).

    A Fourier sum by two matrix products: only wave vectors inside the pupil go in and only pixels of the tile come out.
    """
    to_x = np.exp(1j * np.outer(kx, x)).astype(np.complex64)
    to_y = np.exp(1j * np.outer(y, ky)).astype(np.complex64)
    return to_y @ (spectrum.astype(np.complex64, copy=False) @ to_x)


def phasor(amplitude, angle):
    """amplitude exp(i angle) as complex64; in single precision, which is five times faster and good to 1e-5 here."""
    angle = np.asarray(angle, np.float32)
    wave = np.empty(np.broadcast_shapes(np.shape(amplitude), angle.shape), np.complex64)
    np.multiply(amplitude, np.cos(angle), out=wave.real, casting="same_kind")
    np.multiply(amplitude, np.sin(angle), out=wave.imag, casting="same_kind")
    return wave
