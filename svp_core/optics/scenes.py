"""Draw one simulated particle: what it is, how it lies, which instrument looks at it, and the picture.

Image k of (kind, seed) is the same in any batch, process or order. Everything that is not the particle (instrument,
focus, size law, background, noise, blur, place in the tile) is drawn by functions that never see the kind.
The laws are choices, wide on purpose: they make no claim about how often anything occurs in a real sample.
"""

from dataclasses import asdict, dataclass, replace

import numpy as np
import scipy.fft
from scipy.ndimage import gaussian_filter

from svp_core.images import TILE_PX
from svp_core.optics import shapes
from svp_core.optics.camera import Camera, expose
from svp_core.optics.microscope import Microscope
from svp_core.optics.multislice import image_of_volume
from svp_core.optics.sphere import image_of_sphere

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


USUAL = ViewingLaw()
# Softer and fainter images, mostly nearer to the focus, in liquids of all strengths: what a classifier must name too.
SOFT = ViewingLaw(
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
OTHER = ViewingLaw(
    pixel_sizes_um=(0.38, 0.85),
    objective=(0.72, 0.83),
    condenser=(0.41, 0.50),
    wavelength_um=(0.60, 0.66),
    stray_light=(0.2, 0.6),
    blur_px=1.1,
)
LAWS = {"usual": USUAL, "soft": SOFT, "other": OTHER}

_ATTEMPTS = 20

# Streams of random numbers within one seed: a change in how one thing is drawn leaves the others as they were.
_INSTRUMENT, _PARTICLE, _NOISE = range(3)


@dataclass(frozen=True)
class Simulated:
    """One tile and the truth about it."""

    pixels: np.ndarray  # uint8 (64, 64)
    truth: dict  # flat, JSON-ready: kind, shape, diameter_um, index, z_f_um, seed, and every nuisance


@dataclass(frozen=True)
class Viewing:
    """How a particle is looked at; drawn without knowing which."""

    microscope: Microscope
    camera: Camera
    z_f_um: float  # focal plane relative to the particle
    diameter_um: float  # asked for; a shape that cannot be that large or small says so in its truth
    oversized: bool  # larger than the tile, and cut by it
    aggregate_delay: float = 1.0  # see ViewingLaw


def simulate(kind, seed, *, um_per_px=None, law=USUAL, instrument=None, tile_px=TILE_PX):
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
        viewing = draw_viewing(rng[_INSTRUMENT], um_per_px=um_per_px, law=law, instrument=instrument)
        x = viewing.camera.sensor_axis(tile_px, viewing.camera.shift_px[0])
        y = viewing.camera.sensor_axis(tile_px, viewing.camera.shift_px[1])
        intensity, particle = draw_intensity(kind, rng[_PARTICLE], viewing, x, y)
        pixels = expose(intensity, viewing.camera, rng[_NOISE])
        if _detected(pixels, viewing.camera):
            break
    return Simulated(pixels, {"kind": kind, "seed": int(seed), **_flat(viewing), **particle})


def draw_intensity(kind, rng, viewing, x, y):
    """Intensity on the axes x, y (um from the particle's centre), float32 (H, W), background 1; and the truth."""
    return _DRAWN_BY[kind](rng, viewing, x, y)


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


def draw_viewing(rng, *, um_per_px=None, law=USUAL, instrument=None):
    """Viewing of one particle, drawn alike for every kind; microscope and camera from `instrument` where given."""
    if instrument is not None:
        um_per_px = instrument.camera.um_per_px
    pixel = um_per_px if um_per_px is not None else rng.choice(law.pixel_sizes_um) * rng.uniform(*law.pixel_spread)
    # A coarser pixel goes with a weaker objective; none may resolve more than its sensor samples.
    typical = np.exp(np.interp(np.log(pixel), np.log((0.28, 0.55, 1.25)), np.log((0.285, 0.245, 0.13))))
    sampled = 0.45 / (4 * pixel / Camera(um_per_px=pixel).oversampling)
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
    oversized = rng.random() < 0.06
    width_px = (
        rng.uniform(58, 100) if oversized else np.clip(law.size_px[0] * np.exp(rng.normal(0, law.size_px[1])), 6, 56)
    )
    if instrument is not None:
        microscope, camera = instrument.microscope, replace(instrument.camera, shift_px=camera.shift_px)
    return Viewing(
        microscope,
        camera,
        z_f_um=float(focus * (0.28 / microscope.na_objective) ** 1.5),
        diameter_um=float(np.clip(width_px * pixel, 1.5, 60)),
        oversized=oversized,
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


# --- what each kind is ---------------------------------------------------------------------------------------------


def _window(rng, viewing, off_centre):
    """Move a particle that does not fit so that the tile shows a part of it; (dx, dy) in um, 0 for one that fits."""
    if not viewing.oversized:
        return 0.0, 0.0
    angle, distance = rng.uniform(0, 2 * np.pi), rng.uniform(0, off_centre) * viewing.diameter_um / 2
    return distance * np.cos(angle), distance * np.sin(angle)


def _sphere(x, y, viewing, radius, index, z_f):
    return image_of_sphere(x, y, radius_um=radius, index=index, z_f=z_f, microscope=viewing.microscope)


def _silicone_oil(rng, viewing, x, y):
    index = rng.uniform(1.388, 1.412)
    radius = viewing.diameter_um / 2
    dx, dy = _window(rng, viewing, 0.8)
    form = rng.random()
    if form < 0.78 or viewing.oversized:
        image = _sphere(x + dx, y + dy, viewing, radius, index, viewing.z_f_um)
        return image, {"shape": "single", "diameter_um": 2 * radius, "index": index}
    # Two droplets in contact, or two that have begun to merge and are lopsided.
    merged = form > 0.87
    second = radius * (rng.uniform(0.6, 1.0) if merged else rng.uniform(0.5, 1.0))
    apart = (radius + second) * (rng.uniform(0.25, 0.6) if merged else rng.uniform(1.0, 1.02))
    # Kept to the asked size by area.
    shrink = radius / np.sqrt(radius**2 + (0.4 if merged else 1.0) * second**2)
    tilt, turn = rng.uniform(-0.5, 0.5), rng.uniform(0, 2 * np.pi)
    axis = np.array([np.cos(turn) * np.cos(tilt), np.sin(turn) * np.cos(tilt), np.sin(tilt)])
    share = second**2 / (radius**2 + second**2)
    centres = shrink * np.stack([-axis * apart * share, axis * apart * (1 - share)])
    radii = shrink * np.array([radius, second])
    grid = _grid(viewing, x, y, dz_um=max(0.5, viewing.diameter_um / 22))
    volume = shapes.union_of_spheres(centres, radii, index - viewing.microscope.medium_index, grid)
    shape = "lopsided" if merged else "doublet"
    return _volume(x, y, volume, grid, viewing), {"shape": shape, "diameter_um": _ecd(volume, grid), "index": index}


def _air_bubble(rng, viewing, x, y):
    if viewing.oversized or rng.random() < 0.22:
        # Far larger than the tile: an arc of black rim and grey disc, somewhere between in focus and half a radius off.
        px = viewing.camera.um_per_px
        radius = min(np.exp(rng.uniform(np.log(29), np.log(120))) * px, 48.0)
        angle, distance = rng.uniform(0, 2 * np.pi), rng.uniform(0.3, 1.05) * radius
        if radius < 32 * px:
            distance *= 0.3
        z_f = rng.uniform(0.2, 1.2) * radius
        image = _sphere(x + distance * np.cos(angle), y + distance * np.sin(angle), viewing, radius, 1.0, z_f)
        return image, {"shape": "large", "diameter_um": 2 * radius, "index": 1.0, "z_f_um": z_f}
    radius = viewing.diameter_um / 2
    image = _sphere(x, y, viewing, radius, 1.0, viewing.z_f_um)
    return image, {"shape": "small", "diameter_um": 2 * radius, "index": 1.0}


def _protein(rng, viewing, x, y):
    shape = rng.choice(["clump", "felt", "thread", "wisp"], p=[0.35, 0.35, 0.10, 0.20])
    if shape in ("clump", "wisp"):
        monomer = rng.uniform(0.3, 0.7)
        count = max(6, int(2 ** rng.uniform(4, 7) * rng.uniform(0.8, 1.2)))
        points = shapes.aggregate(rng, count, 2 * monomer * rng.uniform(0.7, 0.95), tries=3, dense=rng.random() < 0.7)
        radii = monomer * np.exp(rng.normal(0, 0.3, len(points)))
        weights = 0.7 * np.exp(rng.normal(0, 0.4, len(points)))
    else:
        points = shapes.felt(rng) if shape == "felt" else shapes.thread(rng)
        radii = np.full(len(points), rng.uniform(0.20, 0.34) if shape == "felt" else rng.uniform(0.22, 0.5))
        if shape == "thread":
            radii[rng.integers(0, len(points), 4)] *= 2
        weights = np.full(len(points), 0.7)
    phase = rng.uniform(*{"clump": (0.7, 3.2), "felt": (0.6, 2.6), "thread": (0.5, 2.0), "wisp": (0.15, 0.6)}[shape])

    # To the asked size; strands and monomers grow less than the whole.
    scale = viewing.diameter_um / _width(points, radii)
    points, radii = points * scale, np.maximum(radii * scale**0.7, 0.15)
    dx, dy = _window(rng, viewing, 0.6)
    grid = _grid(viewing, x, y, dz_um=max(0.8, viewing.diameter_um / 14))
    filling = shapes.saturate(shapes.blobs(points, radii, weights, grid), 1.0)
    # The index follows from how much the thickest part delays the light; protein never exceeds 0.09 above the liquid.
    thickest = filling.sum(0).max() * grid.dz_um
    delta = min(viewing.aggregate_delay * phase / (viewing.microscope.k0 * thickest), 0.09)
    image = _volume(x + dx, y + dy, filling * np.float32(delta), grid, viewing)
    return image, {
        "shape": str(shape),
        "diameter_um": _ecd(filling, grid),
        "index": viewing.microscope.medium_index + float(delta),
    }


def _glass_flake(rng, viewing, x, y):
    grid = _grid(viewing, x, y, dz_um=max(0.5, viewing.diameter_um / 20))
    delta = 1.52 - viewing.microscope.medium_index
    volume = shapes.flake(rng, 0.6 * viewing.diameter_um, delta, grid)
    return _volume(x, y, volume, grid, viewing), {"shape": "flake", "diameter_um": _ecd(volume, grid), "index": 1.52}


def _fibre(rng, viewing, x, y):
    points, spacing = shapes.fibre(rng)
    scale = 2.2 * viewing.diameter_um / np.ptp(points, axis=0).max()
    points, spacing = points * scale, spacing * scale
    radius = rng.uniform(0.45, 1.1) * max(1.0, viewing.diameter_um / 12)
    delta = rng.uniform(0.05, 0.12)
    grid = _grid(viewing, x, y, dz_um=max(0.75, viewing.diameter_um / 20), width_um=np.ptp(points, axis=0).max())
    filling = shapes.blobs(points, np.full(80, radius), np.full(80, spacing / (2.5 * radius)), grid)
    volume = (delta * np.minimum(filling, 1)).astype(np.float32)
    return _volume(x, y, volume, grid, viewing), {
        "shape": "fibre",
        "diameter_um": _ecd(volume, grid),
        "index": viewing.microscope.medium_index + delta,
    }


_DRAWN_BY = {
    "protein": _protein,
    "silicone_oil": _silicone_oil,
    "air_bubble": _air_bubble,
    "glass_flake": _glass_flake,
    "fibre": _fibre,
}


def _grid(viewing, x, y, *, dz_um, width_um=None):
    """Voxels wide enough that the particle's periodic copies stay off the tile at this focus."""
    microscope, px = viewing.microscope, viewing.camera.um_per_px / viewing.camera.oversampling
    reach = max(np.abs(x).max(), np.abs(y).max())
    spread = abs(viewing.z_f_um) * microscope.na_objective / microscope.medium_index * 1.2
    resolution = microscope.wavelength_um / microscope.na_objective
    period = reach + (width_um or viewing.diameter_um) / 2 + spread + 7 * resolution
    return shapes.Grid(scipy.fft.next_fast_len(int(period / px)), px, dz_um)


def _volume(x, y, volume, grid, viewing):
    return image_of_volume(
        x, y, volume, px_um=grid.px_um, dz_um=grid.dz_um, z_f=viewing.z_f_um, microscope=viewing.microscope
    )


def _width(points, radii):
    """Equivalent circular diameter of a cloud of blobs seen along z, um, from its spread."""
    spread = points[:, :2].var(0) + (radii**2).mean()
    return float(4 * np.sqrt(np.sqrt(spread[0] * spread[1])))


def _ecd(volume, grid):
    """Equivalent circular diameter of the projection, um: where the light path is a tenth of the thickest part's."""
    path = volume.sum(0)
    return float(np.sqrt(4 / np.pi * (path > 0.1 * path.max()).sum()) * grid.px_um)
