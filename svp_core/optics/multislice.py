"""Bright-field image of any weakly refracting volume: scalar multi-slice, partially coherent.

Each illumination direction travels in the frame of its own tilted plane wave, so the background is 1 and the periodic
grid does no harm. In that frame the wave behind the particle changes smoothly and little with the direction, so the
slices are walked for six directions only; what the many directions of the source sum need is the second-order
polynomial through those six, and only the way to the focal plane and through the pupil is taken for each.
"""

import numpy as np
import scipy.fft

from svp_core.optics.microscope import field_at, phasor, required_rings, source_directions

_BATCH = 24  # directions summed at once; bounds memory
_SINGLE = np.complex64


def image_of_volume(x, y, delta_n, *, px_um, dz_um, z_f, microscope, walk_all=False, rings=None, per_ring=None):
    """Intensity at the points of the grid x (W,), y (H,) in um from the volume's centre: float32 (H, W), background 1.

    delta_n: index minus the medium's, (Z, M, M) on voxels dz_um x px_um x px_um, zero towards all sides; slice 0 meets
    the light first; the centre is array index (M//2, M//2), halfway between first and last slice. walk_all: take every
    direction through the slices instead of six, for tests: slow.
    """
    m = delta_n.shape[-1]
    if rings is None:
        rings, per_ring = required_rings(microscope, z_f, radius_um=_half_width(delta_n) * px_um)
    directions, weights = source_directions(microscope, rings, per_ring)
    walked = directions if walk_all else _centre_and_five(microscope)
    waves = exit_waves(delta_n, walked, px_um=px_um, dz_um=dz_um, microscope=microscope)
    share = np.eye(len(walked)) if walk_all else _quadratic(directions) @ np.linalg.pinv(_quadratic(walked))
    share = share.astype(_SINGLE)

    # From the last slice's centre back to the volume's middle, then on to the focal plane; through the pupil.
    step = 2 * np.pi / (m * px_um)
    reach = microscope.k0 * microscope.na_objective + np.hypot(*directions.T).max()
    half = min(int(reach / step) + 2, m // 2 - 1)
    chosen = np.arange(-half, half + 1)
    line = step * chosen
    waves = waves[:, chosen[:, None] % m, chosen % m]

    intensity = np.zeros((len(y), len(x)), np.float32)
    for start in range(0, len(directions), _BATCH):
        s, weight = directions[start : start + _BATCH], weights[start : start + _BATCH]
        kx, ky = line[None, None, :] + s[:, :1, None], line[None, :, None] + s[:, 1:, None]
        kz = np.sqrt(np.maximum(microscope.k**2 - kx**2 - ky**2, 0))
        sz = np.sqrt(microscope.k**2 - (s**2).sum(1))[:, None, None]
        through, delay = microscope.pupil(kx, ky, step=step)
        spectrum = np.tensordot(share[start : start + _BATCH], waves, 1) * phasor(through, delay + z_f * (kz - sz))
        field = field_at(spectrum, line, line, x, y)
        intensity += np.einsum("j,jhw->hw", weight.astype(np.float32), field.real**2 + field.imag**2)
    return intensity


def _centre_and_five(microscope):
    """Six directions (1/um) that fix a second-order polynomial over the condenser's disc."""
    angle = 2 * np.pi * np.arange(5) / 5
    rim = 0.8 * microscope.na_condenser * np.stack([np.cos(angle), np.sin(angle)], 1)
    return (np.concatenate([np.zeros((1, 2)), rim]) + microscope.offset) * microscope.k0


def _quadratic(directions):
    x, y = directions.T
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], 1)


def _half_width(delta_n):
    """Of what is in the volume, seen along z, in voxels."""
    spans = (_span(delta_n.any(axis=axes)) for axes in ((0, 2), (0, 1)))
    return max(each.stop - each.start for each in spans) / 2


def exit_waves(delta_n, directions, *, px_um, dz_um, microscope):
    """Spectra of the waves behind a volume, each in the frame of its incident wave, taken back to the middle plane.

    directions: transverse wave vectors (J, 2), 1/um. Returns complex64 (J, M, M) in fft order, scaled so that a
    volume of nothing gives 1 at zero frequency. Slices without anything in them are crossed in one longer step.
    """
    slices, m = delta_n.shape[0], delta_n.shape[-1]
    q = 2 * np.pi * scipy.fft.fftfreq(m, px_um)
    kx, ky = q[None, None, :] + directions[:, :1, None], q[None, :, None] + directions[:, 1:, None]
    kz2 = microscope.k**2 - kx**2 - ky**2
    sz = np.sqrt(microscope.k**2 - (directions**2).sum(1))[:, None, None]
    # Evanescent waves, and the corner of the grid that would fold back, are dropped.
    kept = (kz2 > 0) & (np.abs(q) < 0.9 * np.pi / px_um) & (np.abs(q) < 0.9 * np.pi / px_um)[:, None]
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
                steps[gap] = phasor(kept, gap * slowness)
            spectrum *= steps[gap]
            wave = scipy.fft.ifft2(spectrum, overwrite_x=True)
        wave[:, rows, columns] *= phasor(1, microscope.k0 * dz_um * delta_n[index, rows, columns])
        spectrum, position = scipy.fft.fft2(wave, overwrite_x=True), centre
    if spectrum is None:
        spectrum = scipy.fft.fft2(wave)
    # The volume's centre sits at array index M//2; the sum that makes the image counts from there.
    to_centre = np.exp(1j * q * (m // 2) * px_um)
    spectrum *= phasor(kept / m**2, -position * slowness)
    spectrum *= (to_centre * to_centre[:, None]).astype(_SINGLE)
    return spectrum


def _span(filled):
    """The slice from the first to the last true entry; empty where there is none."""
    where = np.flatnonzero(filled)
    return slice(where[0], where[-1] + 1) if len(where) else slice(0, 0)
