"""Simulate one particle: its properties and orientation, the instrument that images it, and the image.

Image k of (kind, seed) is the same in any batch, process or order. Everything except the particle (instrument, focus,
size, background, noise, blur, position in the tile) is drawn by functions that do not depend on the kind.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from svp_core.images import TILE_PX
from svp_core.optics.camera import add_background, form_image
from svp_core.optics.imaging_conditions import USUAL_LAW, Viewing, ViewingLaw, sample_viewing
from svp_core.optics.kinds import DRAW_FUNCTIONS

# At the end of the list only: a particle's seed depends on its kind's place.
KINDS = ("protein", "silicone_oil", "air_bubble", "glass_flake", "fibre", "opaque", "cell", "polystyrene")

_MAX_ATTEMPTS = 20  # draws of one particle until it is detected

# Streams of random numbers within one seed, so that a change in drawing one property leaves the others unchanged.
_INSTRUMENT, _PARTICLE, _NOISE = range(3)


@dataclass(frozen=True)
class SimulatedParticle:
    """One tile and its ground truth."""

    pixels: NDArray[np.uint8]  # (64, 64)
    # Flat and JSON-serialisable: kind, shape, diameter_um, index, z_f_um, centre relative to the tile's, seed, and all
    # nuisance parameters.
    truth: dict[str, Any]
    image: NDArray[np.float64]  # (64, 64): the same without noise, relative to a background of 1


def simulate(
    kind: str,
    seed: int,
    *,
    um_per_px: float | None = None,
    law: ViewingLaw = USUAL_LAW,
    instrument: Viewing | None = None,
    tile_px: int = TILE_PX,
) -> SimulatedParticle:
    """The particle of this kind and seed.

    kind: one of KINDS. um_per_px: by default, drawn from those of the law's instruments. law: the ranges instruments
    are drawn from. instrument: a Viewing whose microscope and camera are used for every particle, as in one run; focus,
    size and position remain individual. A particle that no instrument would have detected is drawn again, whatever the
    kind. Raises ValueError for an unknown kind.
    """
    if kind not in KINDS:
        raise ValueError(f"{kind!r} cannot be simulated; choose one of {', '.join(KINDS)}.")
    for attempt in range(_MAX_ATTEMPTS):
        keys = [(KINDS.index(kind), stream, attempt) for stream in range(3)]
        rng = [np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key)) for key in keys]
        viewing = sample_viewing(rng[_INSTRUMENT], um_per_px=um_per_px, law=law, instrument=instrument)
        x = viewing.camera.sensor_axis(tile_px, viewing.camera.shift_px[0])
        y = viewing.camera.sensor_axis(tile_px, viewing.camera.shift_px[1])
        intensity, particle = draw_intensity(kind, rng[_PARTICLE], viewing, x, y)
        camera = viewing.camera
        image = form_image(intensity, camera)
        pixels = add_background(
            image, background=camera.background, gradient=camera.gradient, noise=camera.noise, rng=rng[_NOISE]
        )
        if is_detected(pixels, background=camera.background, gradient=camera.gradient):
            break
    shift, px = viewing.camera.shift_px, viewing.camera.um_per_px
    centre = {f"centre_{a}_px": float(shift[i] + particle.pop(f"moved_{a}_um") / px) for i, a in enumerate("xy")}
    return SimulatedParticle(pixels, {"kind": kind, "seed": int(seed), **_flat(viewing), **centre, **particle}, image)


def draw_intensity(
    kind: str, rng: np.random.Generator, viewing: Viewing, x: NDArray[np.floating], y: NDArray[np.floating]
) -> tuple[NDArray[np.float32], dict[str, Any]]:
    """Intensity (H, W), background 1, on the axes x, y (um from the particle's position), and the ground truth."""
    intensity, particle = DRAW_FUNCTIONS[kind](rng, viewing, x, y)
    return intensity, {"moved_x_um": 0.0, "moved_y_um": 0.0, **particle}


def particle_seed(run_seed: int, k: int) -> int:
    """Seed of particle k of a run: runs never share a particle. Raises ValueError beyond a million particles."""
    if not 0 <= k < 1_000_000:
        raise ValueError(f"Particle {k} is outside the range of a run, 0 to 999,999.")
    return run_seed * 1_000_000 + k


def is_detected(pixels: NDArray[np.uint8], *, background: float, gradient: tuple[float, float]) -> bool:
    """Whether an instrument would have detected it: at least 12 px differ by 7 grey levels after smoothing."""
    v, u = np.meshgrid(*(np.linspace(-1, 1, size) for size in pixels.shape), indexing="ij")
    empty = 255 * background * (1 + gradient[0] * u + gradient[1] * v)
    return bool((np.abs(gaussian_filter(pixels.astype(float), 1.2) - empty) > 7).sum() >= 12)


def _flat(viewing: Viewing) -> dict[str, Any]:
    flat = {"um_per_px": viewing.camera.um_per_px, "z_f_um": viewing.z_f_um, "oversized": viewing.oversized}
    for part in (viewing.microscope, viewing.camera):
        for name, value in asdict(part).items():
            if isinstance(value, tuple):
                flat |= {f"{name}_{axis}": float(v) for axis, v in zip("xy", value, strict=True)}
            else:
                flat[name] = float(value)
    return flat
