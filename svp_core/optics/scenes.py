"""Draw one simulated particle: what it is, how it lies, which instrument looks at it, and the picture.

Image k of (kind, seed) is the same in any batch, process or order. Everything that is not the particle (instrument,
focus, size law, background, noise, blur, place in the tile) is drawn by functions that never see the kind.
The laws are choices, wide on purpose: they make no claim about how often anything occurs in a real sample.
"""

from dataclasses import asdict, dataclass, replace

import numpy as np
from scipy.ndimage import gaussian_filter

from svp_core.images import TILE_PX
from svp_core.optics.camera import Camera, expose
from svp_core.optics.kinds import DRAW_FUNCTIONS
from svp_core.optics.microscope import Microscope

KINDS = ("protein", "silicone_oil", "air_bubble", "glass_flake", "fibre")


@dataclass(frozen=True)
class ViewingLaw:
    """The ranges that instruments, liquids, sizes and focus are drawn from, evenly between two ends."""

    pixel_sizes_um: tuple[float, ...] = (0.28, 0.55, 1.25)  # about what instruments have at 20x, 10x and 4x
    pixel_spread: tuple[float, float] = (0.9, 1.1)  # each pixel size is stretched by
    objective: tuple[float, float] = (0.83, 1.17)  # NA, relative to what is typical at the pixel size
    condenser: tuple[float, float] = (0.16, 0.41)  # NA, relative to the objective's
    wavelength_um: tuple[float, float] = (0.45, 0.60)
    medium_index: tuple[float, float] = (1.333, 1.345)  # sugar and dissolved protein raise it
    aggregate_delay: float = 1.0  # of light by protein, relative to the usual: the more water it holds the less
    stray_light: tuple[float, float] = (0.0, 0.5)
    blur_px: float = 0.7  # spread of the blur
    size_px: tuple[float, float] = (20.0, 0.45)  # median diameter and spread of its logarithm
    focus_um: tuple[float, float] = (3.0, 45.0)  # of most particles, at NA 0.28
    focus_before_um: tuple[float, float] = (-40.0, -3.0)  # of 17 %; another 15 % are in focus
    far_share: float = 0.08  # of particles far behind the focal plane
    far_focus_um: tuple[float, float] = (45.0, 75.0)


USUAL_LAW = ViewingLaw()
# Softer and fainter images, mostly nearer to the focus, in liquids of all strengths: what a classifier must name too.
SOFT_LAW = ViewingLaw(
    pixel_spread=(0.7, 1.2),
    condenser=(0.16, 0.50),
    medium_index=(1.333, 1.375),
    aggregate_delay=0.5,
    stray_light=(0.0, 0.6),
    blur_px=1.4,
    size_px=(20.0, 0.5),
    focus_um=(2.0, 25.0),
    focus_before_um=(-25.0, -2.0),
    far_focus_um=(25.0, 75.0),
)
# Instruments that nothing is trained on: for choosing between checkpoints without rewarding a fit to the usual ones.
OTHER_LAW = ViewingLaw(
    pixel_sizes_um=(0.38, 0.85),
    objective=(0.72, 0.83),
    condenser=(0.41, 0.50),
    wavelength_um=(0.60, 0.66),
    stray_light=(0.2, 0.6),
    blur_px=1.1,
)
LAWS = {"usual": USUAL_LAW, "soft": SOFT_LAW, "other": OTHER_LAW}

DIAMETER_RANGE_UM = (1.5, 60.0)  # of all kinds; large air bubbles alone go further, see kinds
SHORTEST_WAVELENGTH_UM = 0.45  # wavelength of any law

_ATTEMPTS = 20

# Streams of random numbers within one seed: a change in how one thing is drawn leaves the others as they were.
_INSTRUMENT, _PARTICLE, _NOISE = range(3)


@dataclass(frozen=True)
class SimulatedParticle:
    """One tile and the truth about it."""

    pixels: np.ndarray  # uint8 (64, 64)
    truth: dict
    # flat, JSON-ready: kind, shape, diameter_um, index, z_f_um, centre from the tile's middle, seed, and every nuisance


@dataclass(frozen=True)
class Viewing:
    """How a particle is looked at; drawn without knowing which."""

    microscope: Microscope
    camera: Camera
    z_f_um: float  # focal plane relative to the particle
    diameter_um: float  # asked for; a shape that cannot be that large or small says so in its truth
    oversized: bool  # larger than the tile, and cut by it
    aggregate_delay: float = 1.0  # see ViewingLaw


def simulate(kind, seed, *, um_per_px=None, law=USUAL_LAW, instrument=None, tile_px=TILE_PX):
    """The particle of this kind and seed. um_per_px: left out, one of the instruments' is drawn.

    kind: one of KINDS. law: the ranges instruments are drawn from. instrument: a Viewing whose microscope and camera
    are used for every particle, as in one run; focus, size and place stay each particle's own. A draw that no
    instrument would have detected is drawn again, whatever the kind. Raises ValueError for an unknown kind.
    """
    if kind not in KINDS:
        raise ValueError(f"{kind!r} cannot be simulated; kinds are {', '.join(KINDS)}")
    for attempt in range(_ATTEMPTS):
        keys = [(KINDS.index(kind), stream, attempt) for stream in range(3)]
        rng = [np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key)) for key in keys]
        viewing = sample_viewing(rng[_INSTRUMENT], um_per_px=um_per_px, law=law, instrument=instrument)
        x = viewing.camera.sensor_axis(tile_px, viewing.camera.shift_px[0])
        y = viewing.camera.sensor_axis(tile_px, viewing.camera.shift_px[1])
        intensity, particle = draw_intensity(kind, rng[_PARTICLE], viewing, x, y)
        pixels = expose(intensity, viewing.camera, rng[_NOISE])
        if _detected(pixels, viewing.camera):
            break
    shift, px = viewing.camera.shift_px, viewing.camera.um_per_px
    centre = {f"centre_{a}_px": float(shift[i] + particle.pop(f"moved_{a}_um") / px) for i, a in enumerate("xy")}
    return SimulatedParticle(pixels, {"kind": kind, "seed": int(seed), **_flat(viewing), **centre, **particle})


def draw_intensity(kind, rng, viewing, x, y):
    """Intensity on the axes x, y (um from the particle's place), float32 (H, W), background 1; and the truth."""
    intensity, particle = DRAW_FUNCTIONS[kind](rng, viewing, x, y)
    return intensity, {"moved_x_um": 0.0, "moved_y_um": 0.0, **particle}


def particle_seed(run_seed, k):
    """Seed of particle k of a run: runs never share a particle. Raises ValueError beyond a million particles."""
    if not 0 <= k < 1_000_000:
        raise ValueError(f"a run holds a million particles; {k} is outside")
    return run_seed * 1_000_000 + k


def _detected(pixels, camera):
    """Whether an instrument would have found it: at least 12 px stand out by 7 grey levels when smoothed."""
    v, u = np.meshgrid(*(np.linspace(-1, 1, size) for size in pixels.shape), indexing="ij")
    empty = 255 * camera.background * (1 + camera.gradient[0] * u + camera.gradient[1] * v)
    return (np.abs(gaussian_filter(pixels.astype(float), 1.2) - empty) > 7).sum() >= 12


def sample_viewing(rng, *, um_per_px=None, law=USUAL_LAW, instrument=None):
    """Viewing of one particle, drawn alike for every kind; microscope and camera from `instrument` where given."""
    if instrument is not None:
        um_per_px = instrument.camera.um_per_px
    pixel = um_per_px if um_per_px is not None else rng.choice(law.pixel_sizes_um) * rng.uniform(*law.pixel_spread)
    # A coarser pixel goes with a weaker objective; none may resolve more than its sensor samples.
    typical = np.exp(np.interp(np.log(pixel), np.log((0.28, 0.55, 1.25)), np.log((0.285, 0.245, 0.13))))
    # For the shortest wavelength of any law.
    sampled = SHORTEST_WAVELENGTH_UM / (4 * pixel / Camera(um_per_px=pixel).oversampling)
    na_objective = min(typical * rng.uniform(*law.objective), sampled)
    offset = rng.normal(0, 0.043, 2) * (2.5 if rng.random() < 0.25 else 1) * na_objective
    na_condenser = min(rng.uniform(*law.condenser), 0.9 - np.hypot(*offset) / na_objective) * na_objective
    aberration = rng.normal(0, 1, 4) * (0.9 if rng.random() < 0.35 else 0.25)
    microscope = Microscope(
        wavelength_um=rng.uniform(*law.wavelength_um),
        medium_index=rng.uniform(*law.medium_index),
        na_objective=na_objective,
        na_condenser=na_condenser,
        offset=tuple(offset),
        coma=tuple(aberration[:2]),
        astigmatism=tuple(aberration[2:]),
    )

    usual = rng.random() < 0.6
    camera = Camera(
        um_per_px=float(pixel),
        background=rng.normal(0.69, 0.02) if usual else rng.uniform(0.45, 0.85),
        gradient=tuple(rng.normal(0, 0.012, 2) * (1 if usual else 2.5)),
        stray_light=rng.uniform(*law.stray_light),
        gamma=float(np.exp(rng.normal(0, 0.15))),
        motion_px=abs(rng.normal(0, 0.8)),
        blur_px=abs(rng.normal(0, law.blur_px)),
        noise=float(np.exp(rng.uniform(np.log(0.0025), np.log(0.016)))),
        shift_px=tuple(rng.normal(0, 1.5, 2) if rng.random() < 0.7 else rng.uniform(-6, 6, 2)),
    )

    # Depth of field grows as the aperture shrinks; the focus lies behind the particle more often than before it.
    side = rng.random()
    before = side >= 0.68
    focus = rng.uniform(*(law.focus_before_um if before else law.focus_um)) if side < 0.85 else rng.normal(0, 5)
    if side < law.far_share:
        focus = rng.uniform(*law.far_focus_um)
    asked_px = (
        rng.uniform(58, 100)
        if rng.random() < 0.06
        else np.clip(law.size_px[0] * np.exp(rng.normal(0, law.size_px[1])), 6, 56)
    )
    diameter_um = np.clip(asked_px * pixel, *DIAMETER_RANGE_UM)
    if instrument is not None:
        microscope, camera = instrument.microscope, replace(instrument.camera, shift_px=camera.shift_px)
    return Viewing(
        microscope,
        camera,
        z_f_um=float(focus * (0.28 / microscope.na_objective) ** 1.5),
        diameter_um=float(diameter_um),
        oversized=bool(diameter_um >= 58 * pixel),
        aggregate_delay=law.aggregate_delay,
    )


def _flat(viewing):
    flat = {"um_per_px": viewing.camera.um_per_px, "z_f_um": viewing.z_f_um, "oversized": viewing.oversized}
    for part in (viewing.microscope, viewing.camera):
        for name, value in asdict(part).items():
            if isinstance(value, tuple):
                flat |= {f"{name}_{axis}": float(v) for axis, v in zip("xy", value, strict=True)}
            else:
                flat[name] = float(value)
    return flat
