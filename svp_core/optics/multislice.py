"""Bright-field image of any weakly refracting volume: scalar multi-slice, partially coherent.

Each illumination direction is propagated in the frame of its own tilted plane wave, so the background is 1 and the
periodic grid does no harm. In that frame the wave behind the particle changes smoothly and little with the direction,
so only six directions are propagated through the slices; the many directions of the source sum use the second-order
polynomial through those six, and only propagation to the focal plane and through the pupil is computed for each.
"""

from typing import cast

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike, NDArray

from svp_core.optics.microscope import Microscope, field_at, phasor, required_rings, source_directions

_BATCH_SIZE = 24  # directions summed at once; limits memory
_SINGLE = np.complex64


def image_of_volume(
    x: NDArray[np.floating],
    y: NDArray[np.floating],
    delta_n: NDArray[np.float32] | NDArray[np.complex64],
    *,
    px_um: float,
    dz_um: float,
    z_f: float,
    microscope: Microscope,
    propagate_all: bool = False,
    rings: int | None = None,
    per_ring: int | None = None,
) -> NDArray[np.float32]:
    """Intensity at the points of the grid x (W,), y (H,) in um from the volume's centre: float32 (H, W), background 1.

    delta_n: index minus the medium's, (Z, M, M) on voxels dz_um x px_um x px_um, zero at all sides, complex where the
    particle absorbs (imaginary part > 0); the light reaches slice 0 first; the centre is array index (M//2, M//2),
    halfway between first and last slice. propagate_all: propagate every direction through the slices instead of six;
    slow, for tests. rings, per_ring: as image_of_sphere.
    """
    m = delta_n.shape[-1]
    if rings is None or per_ring is None:
        rings, per_ring = required_rings(microscope, z_f, radius_um=_half_width(delta_n) * px_um)
    directions, weights = source_directions(microscope, rings, per_ring)
    propagated = directions if propagate_all else _six_directions(microscope)
    waves = exit_waves(delta_n, propagated, px_um=px_um, dz_um=dz_um, microscope=microscope)
    if propagate_all:
        interpolation = np.eye(len(propagated))
    else:
        interpolation = _quadratic_terms(directions) @ np.linalg.pinv(_quadratic_terms(propagated))
    interpolation = interpolation.astype(_SINGLE)

    # From the last slice's centre back to the volume's centre, then to the focal plane, through the pupil.
    step = 2 * np.pi / (m * px_um)
    reach = microscope.k0 * microscope.na_objective + np.hypot(*directions.T).max()
    half = min(int(reach / step) + 2, m // 2 - 1)
    orders = np.arange(-half, half + 1)
    line = step * orders
    waves = waves[:, orders[:, None] % m, orders % m]

    intensity = np.zeros((len(y), len(x)), np.float32)
    for start in range(0, len(directions), _BATCH_SIZE):
        batch = slice(start, start + _BATCH_SIZE)
        s, weight = directions[batch], weights[batch]
        kx, ky = line[None, None, :] + s[:, :1, None], line[None, :, None] + s[:, 1:, None]
        kz = np.sqrt(np.maximum(microscope.k**2 - kx**2 - ky**2, 0))
        sz = np.sqrt(microscope.k**2 - (s**2).sum(1))[:, None, None]
        transmission, delay = microscope.pupil(kx, ky, step=step)
        spectrum = np.tensordot(interpolation[batch], waves, 1) * phasor(transmission, delay + z_f * (kz - sz))
        field = field_at(spectrum, line, line, x, y)
        intensity += np.einsum("j,jhw->hw", weight.astype(np.float32), field.real**2 + field.imag**2)
    return intensity


def _six_directions(microscope: Microscope) -> NDArray[np.float64]:
    """Six directions (1/um), the centre and five near the rim, that determine a second-order polynomial."""
    angle = 2 * np.pi * np.arange(5) / 5
    rim = 0.8 * microscope.na_condenser * np.stack([np.cos(angle), np.sin(angle)], 1)
    return (np.concatenate([np.zeros((1, 2)), rim]) + microscope.offset) * microscope.k0


def _quadratic_terms(directions: NDArray[np.float64]) -> NDArray[np.float64]:
    x, y = directions.T
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], 1)


def _half_width(delta_n: NDArray[np.float32] | NDArray[np.complex64]) -> float:
    """Half width, in voxels, of the non-zero part of the volume seen along z."""
    spans = (_span(delta_n.any(axis=axes)) for axes in ((0, 2), (0, 1)))
    return max(span.stop - span.start for span in spans) / 2


def exit_waves(
    delta_n: NDArray[np.float32] | NDArray[np.complex64],
    directions: NDArray[np.float64],
    *,
    px_um: float,
    dz_um: float,
    microscope: Microscope,
) -> NDArray[np.complex64]:
    """Spectra of the waves behind a volume, in the frames of their incident waves, propagated back to the middle plane.

    directions: transverse wave vectors (J, 2), 1/um. Returns complex64 (J, M, M) in fft order, scaled so that an
    empty volume gives 1 at zero frequency. Empty slices are crossed in one longer step.
    """
    slices, m = delta_n.shape[0], delta_n.shape[-1]
    q = 2 * np.pi * scipy.fft.fftfreq(m, px_um)
    kx, ky = q[None, None, :] + directions[:, :1, None], q[None, :, None] + directions[:, 1:, None]
    kz2 = microscope.k**2 - kx**2 - ky**2
    sz = np.sqrt(microscope.k**2 - (directions**2).sum(1))[:, None, None]
    # Evanescent waves, and the corner of the grid that would alias, are removed.
    propagating = (kz2 > 0) & (np.abs(q) < 0.9 * np.pi / px_um) & (np.abs(q) < 0.9 * np.pi / px_um)[:, None]
    slowness = np.sqrt(np.maximum(kz2, 0)) - sz

    filled = np.flatnonzero(delta_n.any(axis=(1, 2)))
    rows, columns = (_span(delta_n.any(axis=axes)) for axes in ((0, 2), (0, 1)))
    wave = np.ones((len(directions), m, m), _SINGLE)
    spectrum, position, steps = None, 0.0, {}
    for index in filled:
        centre = (index - (slices - 1) / 2) * dz_um
        if spectrum is not None:
            gap = round(centre - position, 9)
            if gap not in steps:
                steps[gap] = phasor(propagating, gap * slowness)
            spectrum *= steps[gap]
            wave = cast("NDArray[np.complex64]", scipy.fft.ifft2(spectrum, overwrite_x=True))
        slice_n = delta_n[index, rows, columns]
        # The imaginary part of the index absorbs: exp(-k0 dz kappa) in amplitude.
        absorbed = np.exp(-microscope.k0 * dz_um * slice_n.imag) if np.iscomplexobj(slice_n) else 1
        wave[:, rows, columns] *= phasor(absorbed, microscope.k0 * dz_um * slice_n.real)
        spectrum = cast("NDArray[np.complex64]", scipy.fft.fft2(wave, overwrite_x=True))
        position = centre
    if spectrum is None:
        spectrum = cast("NDArray[np.complex64]", scipy.fft.fft2(wave))
    # The volume's centre is at array index M//2, which is the origin of the sum that forms the image.
    to_centre = np.exp(1j * q * (m // 2) * px_um)
    spectrum *= phasor(propagating / m**2, -position * slowness)
    spectrum *= (to_centre * to_centre[:, None]).astype(_SINGLE)
    return spectrum


def _span(filled: ArrayLike) -> slice:
    """The slice from the first to the last true entry; empty if there is none."""
    indices = np.flatnonzero(filled)
    return slice(indices[0], indices[-1] + 1) if len(indices) else slice(0, 0)
