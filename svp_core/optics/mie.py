"""Lorenz-Mie scattering amplitudes of a homogeneous sphere (Bohren & Huffman 1983, chapter 4).

x = k R is the size parameter in the medium, m = n_particle / n_medium the relative index; Im m > 0 for absorption.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import spherical_jn, spherical_yn

# S(theta) oscillates with period pi/x; with this many nodes per period, the error of linear interpolation stays below
# 0.2 % of the background.
NODES_PER_PERIOD = 64


def coefficients(x: float, m: complex) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """Mie coefficients a_n, b_n for n = 1 .. ceil(x + 4.05 x^(1/3) + 2), each (n_max,) (Bohren & Huffman Eq. 4.88)."""
    n_max = int(np.ceil(x + 4.05 * x ** (1 / 3) + 2))
    n = np.arange(1, n_max + 1)
    log_derivative = _log_derivative(m * x, n_max)
    orders = np.arange(n_max + 1)
    psi = x * spherical_jn(orders, x)
    xi = psi + 1j * x * spherical_yn(orders, x)
    inner, outer = log_derivative / m + n / x, log_derivative * m + n / x
    a = (inner * psi[1:] - psi[:-1]) / (inner * xi[1:] - xi[:-1])
    b = (outer * psi[1:] - psi[:-1]) / (outer * xi[1:] - xi[:-1])
    return a, b


def _log_derivative(z: complex, n_max: int) -> NDArray[np.complex128]:
    # Downward recurrence is the stable direction; starting well above n_max, the start value does not matter.
    start = max(n_max, int(abs(z))) + 16
    d = np.zeros(start + 1, complex)
    for n in range(start, 0, -1):
        d[n - 1] = n / z - 1 / (d[n] + n / z)
    return d[1 : n_max + 1]


def amplitudes(x: float, m: complex, cos_theta: ArrayLike) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """S1 and S2 at the scattering angles with these cosines, in the shape of cos_theta (Bohren & Huffman Eq. 4.74)."""
    a, b = coefficients(x, m)
    mu = np.asarray(cos_theta, float)
    s1, s2 = np.zeros(mu.shape, complex), np.zeros(mu.shape, complex)
    pi_before, pi_now = np.zeros_like(mu), np.ones_like(mu)
    for n in range(1, len(a) + 1):
        tau = n * mu * pi_now - (n + 1) * pi_before
        weight = (2 * n + 1) / (n * (n + 1))
        s1 += weight * (a[n - 1] * pi_now + b[n - 1] * tau)
        s2 += weight * (a[n - 1] * tau + b[n - 1] * pi_now)
        pi_before, pi_now = pi_now, ((2 * n + 1) * mu * pi_now - (n + 1) * pi_before) / n
    return s1, s2


def efficiencies(x: float, m: complex) -> tuple[float, float]:
    """Q_ext and Q_sca, cross-sections divided by pi R^2 (Bohren & Huffman Eq. 4.61, 4.62)."""
    a, b = coefficients(x, m)
    weights = 2 * np.arange(1, len(a) + 1) + 1
    q_ext = 2 / x**2 * np.sum(weights * (a + b).real)
    q_sca = 2 / x**2 * np.sum(weights * (abs(a) ** 2 + abs(b) ** 2))
    return float(q_ext), float(q_sca)


def scalar_table(
    x: float, m: complex, theta_max: float, nodes_per_period: int = NODES_PER_PERIOD
) -> tuple[NDArray[np.float64], NDArray[np.complex128]]:
    """Angles (T,) and S = (S1 + S2) / 2 at them (T,), dense enough for linear interpolation up to theta_max."""
    count = max(64, int(np.ceil(theta_max * x / np.pi * nodes_per_period)))
    theta = np.linspace(0, theta_max, count)
    s1, s2 = amplitudes(x, m, np.cos(theta))
    return theta, (s1 + s2) / 2
