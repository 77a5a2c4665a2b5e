"""Bright-field images of spheres: signs, energy, convergence over the simulated range, scalar versus vector theory."""

import numpy as np
import pytest

from svp_core.optics import mie
from svp_core.optics.microscope import Microscope, field_at, required_rings
from svp_core.optics.sphere import image_of_sphere

AXIAL = {"rings": 1, "per_ring": 1}
LINE = (np.arange(64) - 32) * 0.28


@pytest.mark.parametrize("index, z_f, centre", [(1.40, 20, 7.68), (1.40, -20, 0.686), (1.0, 6, 0.163), (1.0, -6, 5.01)])
def test_oil_is_a_positive_lens_and_air_a_negative_one(index, z_f, centre):
    scope = Microscope(wavelength_um=0.47, medium_index=1.334, na_objective=0.30, na_condenser=0.08)
    image = image_of_sphere(LINE, LINE, radius_um=4, index=index, z_f=z_f, microscope=scope, rings=8, per_ring=32)
    assert image.dtype == np.float32
    assert image.shape == (64, 64)
    assert image[32, 32] == pytest.approx(centre, rel=0.015)
    assert image_of_sphere(LINE, LINE, radius_um=4, index=index, z_f=z_f, microscope=scope)[32, 32] == pytest.approx(
        image[32, 32], abs=0.03
    )


def test_sphere_with_the_index_of_the_medium_is_invisible():
    scope = Microscope(offset=(0.05, -0.03), coma=(1.0, 0.5))
    image = image_of_sphere(LINE, LINE, radius_um=4, index=scope.medium_index, z_f=17, microscope=scope)
    assert image == pytest.approx(np.ones((64, 64)), abs=1e-4)


def test_moving_the_particle_by_whole_pixels_moves_the_image_with_x_as_columns():
    scope = Microscope(offset=(0.04, -0.02))
    original = image_of_sphere(LINE, LINE, radius_um=3, index=1.4, z_f=12, microscope=scope, rings=5, per_ring=20)
    moved = image_of_sphere(
        LINE - 5 * 0.28, LINE + 3 * 0.28, radius_um=3, index=1.4, z_f=12, microscope=scope, rings=5, per_ring=20
    )
    # Copies of the particle beyond the tile's edge may differ a little.
    assert moved[10:45, 15:55] == pytest.approx(original[13:48, 10:50], abs=0.01)
    assert np.abs(moved[10:45, 15:55] - original[10:45, 15:55]).max() > 0.2


def test_light_from_the_left_shifts_the_image_to_the_right():
    """Behind the particle (z_f > 0), light that travels to +x shifts the image to +x, by tan(angle) z_f."""
    scope = Microscope(na_objective=0.3, na_condenser=0.02, offset=(0.1, 0.0))
    image = image_of_sphere(LINE, LINE, radius_um=2, index=1.4, z_f=15, microscope=scope)
    row, column = np.unravel_index(image.argmax(), image.shape)
    assert LINE[column] == pytest.approx(15 * 0.1 / 1.334, abs=0.3)
    assert abs(LINE[row]) < 0.3


@pytest.mark.parametrize(
    "index, radius, z_f", [(1.40, 2, 0), (1.40, 4, 15), (1.0, 4, 0), (1.0, 4, 15), (1.4 + 0.01j, 3, 8)]
)
def test_light_missing_in_the_image_equals_the_extinction_of_the_sphere(index, radius, z_f):
    """Optical theorem through the whole chain: extinction minus the light scattered into the objective."""
    scope = Microscope(na_objective=0.30, na_condenser=0.0)
    # Points of one period of the image exactly, from -75 um to its end, so that no light is lost at an edge.
    period = 75 + radius + z_f * 0.3 / scope.medium_index * 1.2 + 7 * scope.wavelength_um / 0.3
    px = period / 256
    line = np.arange(256) * px - 75
    image = image_of_sphere(line, line, radius_um=radius, index=index, z_f=z_f, microscope=scope, **AXIAL)
    missing = (1 - image.astype(float)).sum() * px**2

    x, m = scope.k * radius, index / scope.medium_index
    theta = np.linspace(0, np.arcsin(0.35 / scope.medium_index), 4001)
    s1, s2 = mie.amplitudes(x, m, np.cos(theta))
    transmission, _ = scope.pupil(scope.k * np.sin(theta), 0, step=2 * np.pi / period)
    # tan, not sin: there is no aplanatic factor.
    scattered = np.abs((s1 + s2) / 2 * transmission) ** 2 * np.tan(theta)
    into_objective = np.trapezoid(scattered, theta) * 2 * np.pi / scope.k**2
    extinction = mie.efficiencies(x, m)[0] * np.pi * radius**2
    # For oil, nine tenths of the extinction pass the objective again, so single precision limits the remainder.
    assert missing == pytest.approx(extinction - into_objective, rel=2e-3, abs=3e-4 * extinction)


# um per pixel, NA of objective, condenser's share of it, oblique NA, wavelength, index, radius, focus, um off centre.
ORDINARY = [
    (0.28, 0.285, 0.30, 0.02, 0.50, 1.40, 4.0, 20.0, 0),
    (0.25, 0.333, 0.41, 0.00, 0.45, 1.39, 7.0, 35.0, 0),
    (0.55, 0.245, 0.30, 0.01, 0.52, 1.00, 6.0, -40.0, 0),
    (0.28, 0.285, 0.41, 0.05, 0.45, 1.00, 12.0, 8.0, 8),
]
# The worst cases: large droplets near their focus with a wide condenser, deep bubbles, tiny distant ones.
CORNERS = [
    (0.31, 0.308, 0.50, 0.00, 0.45, 1.412, 15.5, 78.0, 0),
    (1.24, 0.151, 0.50, 0.01, 0.45, 1.412, 30.0, 214.0, 0),
    (0.39, 0.194, 0.50, 0.01, 0.60, 1.412, 19.4, 116.0, 0),
    (0.53, 0.259, 0.50, 0.01, 0.45, 1.00, 26.5, -44.0, 0),
    (0.23, 0.321, 0.50, 0.02, 0.45, 1.412, 2.8, 75.0, 0),
    (1.25, 0.130, 0.41, 0.03, 0.45, 1.388, 30.0, 166.0, 0),
    (0.90, 0.148, 0.50, 0.00, 0.45, 1.412, 30.0, 0.0, 0),
]


@pytest.mark.parametrize("case", ORDINARY + CORNERS)
def test_source_sum_has_converged_over_the_simulated_range(case):
    px, na, share, oblique, wavelength, index, radius, z_f, off_centre = case
    scope = Microscope(wavelength, 1.339, na, share * na, (oblique, 0.0))
    # The lower half of the image mirrors the upper one.
    x, y = (np.arange(64) - 31.5) * px + off_centre, (np.arange(32) + 0.5) * px
    rings, per_ring = required_rings(scope, z_f, radius)
    more = max(12, round(1.3 * rings))
    image, reference = (
        image_of_sphere(x, y, radius_um=radius, index=index, z_f=z_f, microscope=scope, rings=rings, per_ring=per_ring)
        for rings, per_ring in ((rings, per_ring), (more, max(40, 4 * more)))
    )
    assert np.abs(image - reference).max() < 0.03


@pytest.mark.parametrize("index, z_f", [(1.40, 15), (1.0, 5)])
def test_polarisation_is_negligible(index, z_f):
    """Unpolarised vector image of one direction, compared with the scalar one."""
    scope, radius = Microscope(na_objective=0.30, na_condenser=0.0), 4
    image = image_of_sphere(LINE, LINE, radius_um=radius, index=index, z_f=z_f, microscope=scope, **AXIAL)
    edge = scope.k0 * 0.30
    step = edge / 50
    line = step * np.arange(-51, 52)
    kx, ky = np.meshgrid(line, line)
    kz = np.sqrt(scope.k**2 - kx**2 - ky**2)
    s1, s2 = mie.amplitudes(scope.k * radius, index / scope.medium_index, kz / scope.k)
    azimuth, half = np.arctan2(ky, kx), (s2 - s1) / 2
    common = -(step**2) / (2 * np.pi * scope.k) / kz * scope.pupil(kx, ky, step=step)[0] * np.exp(1j * kz * z_f)
    mean, cosine, sine = (
        field_at(common * s, line, line, LINE, LINE)
        for s in ((s1 + s2) / 2, half * np.cos(2 * azimuth), half * np.sin(2 * azimuth))
    )
    background = np.exp(1j * scope.k * z_f)
    plus, minus = np.abs(background + mean + cosine) ** 2, np.abs(background + mean - cosine) ** 2
    vector, scalar = (plus + minus) / 2 + np.abs(sine) ** 2, np.abs(background + mean) ** 2
    assert np.abs(cosine).max() > 1e-4
    assert np.abs(vector - scalar).max() < 2e-3
    # Coherent rings extend far: the two periods differ, and so do the periodic copies in the images.
    assert np.abs(image - scalar).max() < 0.05 < np.abs(scalar - 1).max()
