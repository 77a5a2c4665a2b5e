"""The condenser: weights, directions of the light, and convergence of the sum over the simulated range."""

import numpy as np
import pytest

from svp_core.optics.microscope import Microscope, field_at, phasor, required_rings, source_directions


def test_directions_sample_the_condenser_uniformly():
    scope = Microscope(na_condenser=0.1, offset=(0.03, -0.02))
    directions, weights = source_directions(scope, 4, 16)
    apertures = directions / scope.k0 - np.array(scope.offset)
    assert weights.sum() == pytest.approx(1)
    assert np.hypot(*apertures.T).max() < 0.1
    # Moments of a uniformly lit disc of radius a: mean 0, mean square a^2/2, mean fourth power a^4/3.
    rho2 = (apertures**2).sum(1)
    assert weights @ apertures == pytest.approx([0, 0], abs=1e-12)
    assert weights @ rho2 == pytest.approx(0.1**2 / 2, rel=1e-9)
    assert weights @ rho2**2 == pytest.approx(0.1**4 / 3, rel=1e-9)


def test_pupil_transmits_its_aperture():
    scope = Microscope(na_objective=0.3)
    edge = scope.k0 * 0.3
    step = edge / 40
    line = step * np.arange(-50, 51)
    transmission, delay = scope.pupil(*np.meshgrid(line, line), step=step)
    assert delay == 0.0
    assert transmission.sum() * step**2 == pytest.approx(np.pi * edge**2, rel=1e-3)
    assert transmission[50, 50] == 1
    assert transmission[50, 91] == 0
    assert transmission[50, 90] == pytest.approx(0.5)


def test_aberrations_are_radians_at_the_rim_and_distinguish_x_from_y():
    scope = Microscope(coma=(0.5, 0.0), astigmatism=(0.0, 0.0))
    edge = np.array(scope.k0 * scope.na_objective)
    assert scope.pupil(edge, 0 * edge, step=0.1)[1] == pytest.approx(0.5)
    assert scope.pupil(0 * edge, edge, step=0.1)[1] == pytest.approx(0)
    scope = Microscope(astigmatism=(0.4, 0.3))
    assert scope.pupil(edge, 0 * edge, step=0.1)[1] == pytest.approx(0.4)
    assert scope.pupil(0 * edge, edge, step=0.1)[1] == pytest.approx(-0.4)
    assert scope.pupil(edge / 2**0.5, edge / 2**0.5, step=0.1)[1] == pytest.approx(0.3)


def test_field_at_equals_the_plain_fourier_sum():
    rng = np.random.default_rng(0)
    kx, ky, x, y = (rng.normal(size=size) for size in (3, 4, 5, 6))
    spectrum = rng.normal(size=(2, 4, 3)) + 1j * rng.normal(size=(2, 4, 3))
    naive = np.zeros((2, 6, 5), complex)
    for b in range(4):
        for a in range(3):
            naive += spectrum[:, b, a, None, None] * np.exp(1j * (kx[a] * x + ky[b] * y[:, None]))
    assert field_at(spectrum, kx, ky, x, y) == pytest.approx(naive, abs=1e-5)


def test_phasor_is_accurate_to_single_precision():
    angle = np.linspace(-500, 500, 1001)
    assert np.abs(phasor(0.7, angle) - 0.7 * np.exp(1j * angle)).max() < 5e-5
    assert phasor(np.ones(3), 0.0).dtype == np.complex64


def test_more_directions_are_used_where_the_image_shifts_more():
    scope = Microscope()
    counts = [required_rings(scope, z, 4.0)[0] for z in (0, 20, 60, 120)]
    assert counts == sorted(counts)
    assert counts[-1] > counts[0]
    assert required_rings(scope, 20, 4.0) == required_rings(scope, -20, 4.0)
    assert required_rings(scope, 20, 20.0)[0] > required_rings(scope, 20, 2.0)[0]
