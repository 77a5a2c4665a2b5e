"""Lorenz-Mie amplitudes compared with miepython, the Rayleigh limit, the optical theorem and a denser table."""

import miepython
import numpy as np
import pytest

from svp_core.optics import mie

# Oil and air of 0.1 to 8 um, glass, and absorbing spheres.
SPHERES = [(1.0, 1.05), (4.9, 0.75), (17.8, 1.05), (71.3, 1.05), (71.3, 0.7496), (71.3, 1.139), (12.0, 1.3 + 0.1j)]
SPHERES += [(71.0, 1.05 + 0.002j), (40.0, 0.8 + 0.05j)]


@pytest.mark.parametrize("x, m", SPHERES)
def test_amplitudes_equal_miepython(x, m):
    cosines = np.cos(np.linspace(0, np.pi, 181))
    s1, s2 = mie.amplitudes(x, m, cosines)
    # miepython uses the opposite time factor: absorption is n - ik there, and the amplitudes are conjugate.
    reference = [np.conj(s) for s in miepython.S1_S2(np.conj(m), x, cosines, norm="wiscombe")]
    for computed, expected in zip((s1, s2), reference, strict=True):
        assert np.abs(computed - expected).max() <= 1e-8 * np.abs(expected).max()
    # Backwards S1 and S2 differ in sign, so swapping them or omitting the conjugate would have failed above.
    assert s1[-1] == pytest.approx(-s2[-1], rel=1e-6)
    assert np.abs(s1 - np.conj(s1)).max() > 1e-3 * np.abs(s1).max()


@pytest.mark.parametrize("x, m", SPHERES)
def test_efficiencies_equal_miepython_and_the_optical_theorem(x, m):
    q_ext, q_sca = mie.efficiencies(x, m)
    expected = miepython.efficiencies_mx(np.conj(m), x)
    assert q_ext == pytest.approx(expected[0], rel=1e-8)
    assert q_sca == pytest.approx(expected[1], rel=1e-8)
    forward = mie.amplitudes(x, m, np.ones(1))[0][0]
    assert q_ext == pytest.approx(4 / x**2 * forward.real, rel=1e-10)
    if np.imag(m) == 0:
        assert q_sca == pytest.approx(q_ext, rel=1e-8)
    else:
        assert q_sca < 0.95 * q_ext


def test_largest_simulated_bubble_has_finite_amplitudes():
    x, m = 48 * 2 * np.pi * 1.345 / 0.45, 1 / 1.345
    assert mie.efficiencies(x, m)[0] == pytest.approx(2, abs=0.05)  # twice the shadow
    assert np.isfinite(mie.scalar_table(x, m, 0.3)[1]).all()


@pytest.mark.parametrize("m", [1.05, 0.75])
def test_tiny_spheres_are_rayleigh_scatterers(m):
    x, angle = 0.01, np.linspace(0, np.pi, 19)
    s1, s2 = mie.amplitudes(x, m, np.cos(angle))
    strength = x**3 * abs((m**2 - 1) / (m**2 + 2))
    assert np.abs(s1) == pytest.approx(strength, rel=1e-3)
    assert np.abs(s2) == pytest.approx(strength * np.abs(np.cos(angle)), abs=1e-3 * strength)
    # exp(-i w t): a weak retarding sphere delays the wave, -S/ik points along +i.
    assert (s1[0] / (1j * (1 - m))).real > 0


@pytest.mark.parametrize("x, m", [(71.3, 1.05), (71.3, 0.7496), (600.0, 1.05)])
def test_table_is_dense_enough_for_linear_interpolation(x, m):
    theta, table = mie.scalar_table(x, m, 0.35)
    middle = (theta[:-1] + theta[1:]) / 2
    s1, s2 = mie.amplitudes(x, m, np.cos(middle))
    assert theta[-1] == pytest.approx(0.35)
    assert np.abs((table[:-1] + table[1:]) / 2 - (s1 + s2) / 2).max() < 2e-3 * np.abs(table).max()
