"""Imaging conditions of a particle: the laws they are drawn from, and how one set of conditions is drawn.

Nothing here depends on the particle's kind. The laws are choices, deliberately wide: they make no claim about how often
anything occurs in a real sample.
"""

from dataclasses import dataclass, replace

import numpy as np

from svp_core.optics.camera import Camera
from svp_core.optics.microscope import Microscope


@dataclass(frozen=True)
class ViewingLaw:
    """Ranges of instruments, liquids, sizes and focus; drawn uniformly between the two ends of a range."""

    pixel_sizes_um: tuple[float, ...] = (0.28, 0.55, 1.25)  # approximately those of instruments at 20x, 10x and 4x
    pixel_spread: tuple[float, float] = (0.9, 1.1)  # factor on each pixel size
    objective: tuple[float, float] = (0.83, 1.17)  # NA, relative to the typical one at the pixel size
    condenser: tuple[float, float] = (0.16, 0.41)  # NA, relative to the objective's
    wavelength_um: tuple[float, float] = (0.45, 0.60)
    medium_index: tuple[float, float] = (1.333, 1.345)  # sugar and dissolved protein raise it
    aggregate_delay: float = 1.0  # phase delay by protein, relative to the usual; lower with a higher water content
    irregular_protein: float = 0.5  # share of protein drawn as sheets, strands, patches and stretched clumps
    joined_oil: float = 0.22  # share of oil drawn as droplets in contact or merging
    three_joined: float = 0.0  # share of these that are three droplets in contact
    stray_light: tuple[float, float] = (0.0, 0.5)
    blur_px: float = 0.7  # standard deviation of the blur sigma
    size_px: tuple[float, float] = (20.0, 0.45)  # median diameter and standard deviation of its logarithm
    smallest_px: float = 6.0  # no diameter is drawn below
    focus_um: tuple[float, float] = (3.0, 45.0)  # of most particles, at NA 0.28
    focus_before_um: tuple[float, float] = (-40.0, -3.0)  # of 17 %; another 15 % are in focus
    far_share: float = 0.08  # fraction of particles far out of focus
    far_focus_um: tuple[float, float] = (45.0, 75.0)


USUAL_LAW = ViewingLaw()
# Blurrier images of lower contrast, mostly nearer to the focus, in liquids of all concentrations, which a classifier
# must also classify.
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
# Instruments that no model is trained on, to choose between checkpoints without rewarding a fit to the usual ones.
OTHER_LAW = ViewingLaw(
    pixel_sizes_um=(0.38, 0.85),
    objective=(0.72, 0.83),
    condenser=(0.41, 0.50),
    wavelength_um=(0.60, 0.66),
    stray_light=(0.2, 0.6),
    blur_px=1.1,
)
# The usual instruments at 20x alone, where particles look sharpest and classes are hardest to tell apart.
FINE_LAW = replace(USUAL_LAW, pixel_sizes_um=(0.28,))
# The usual instruments' smallest particles: 2 µm are less than four pixels at 10x.
SMALL_LAW = replace(USUAL_LAW, size_px=(6.0, 0.4), smallest_px=3.0)
# Protein as aggregates of points alone, as in the shipped sample data and in the training of the generator.
AGGREGATE_LAW = replace(USUAL_LAW, irregular_protein=0.0)
# What the usual instruments hardly show, for classifiers to meet: faint particles in liquids of nearly the droplets'
# index; finer and stronger optics, far out of focus; dense, dark sheets of protein; two and three droplets in contact;
# strong blur.
FAINT_LAW = replace(
    SOFT_LAW, medium_index=(1.35, 1.39), blur_px=2.0, focus_um=(5.0, 45.0), focus_before_um=(-40.0, -3.0)
)
WIDE_LAW = replace(
    SOFT_LAW,
    pixel_sizes_um=(0.2, 0.28, 0.55),
    objective=(0.83, 1.6),
    condenser=(0.3, 0.6),
    size_px=(16.0, 0.5),
    focus_um=(1.0, 45.0),
    focus_before_um=(-70.0, -1.0),
    far_share=0.15,
    far_focus_um=(45.0, 120.0),
)
DENSE_LAW = replace(
    SOFT_LAW,
    medium_index=(1.333, 1.345),
    aggregate_delay=1.0,
    irregular_protein=1.0,
    blur_px=2.0,
    size_px=(24.0, 0.4),
    focus_um=(0.5, 30.0),
    focus_before_um=(-30.0, -0.5),
)
JOINED_LAW = replace(
    SOFT_LAW,
    joined_oil=1.0,
    three_joined=0.3,
    blur_px=2.0,
    size_px=(26.0, 0.4),
    focus_um=(2.0, 45.0),
    focus_before_um=(-40.0, -2.0),
)
BLURRED_LAW = replace(SOFT_LAW, blur_px=3.5, focus_um=(1.0, 45.0), focus_before_um=(-40.0, -1.0))
LAWS = {
    "usual": USUAL_LAW,
    "soft": SOFT_LAW,
    "other": OTHER_LAW,
    "fine": FINE_LAW,
    "faint": FAINT_LAW,
    "wide": WIDE_LAW,
    "blurred": BLURRED_LAW,
    "dense": DENSE_LAW,
    "joined": JOINED_LAW,
    "small": SMALL_LAW,
}
MAGNIFICATIONS: dict[str, float] = dict(
    zip(("20x", "10x", "4x"), USUAL_LAW.pixel_sizes_um, strict=True)
)  # name -> usual pixel size, µm

DIAMETER_RANGE_UM = (1.5, 60.0)  # of all kinds; only large air bubbles exceed it, see kinds
SHORTEST_WAVELENGTH_UM = 0.45  # of any law


@dataclass(frozen=True)
class Viewing:
    """Imaging conditions of one particle; drawn independently of its kind."""

    microscope: Microscope
    camera: Camera
    z_f_um: float  # focal plane relative to the particle
    diameter_um: float  # requested; a shape that cannot be that large or small has its actual size in the truth
    oversized: bool  # larger than the tile, which cuts it off
    law: ViewingLaw = USUAL_LAW  # shares of shapes and the delay of protein


def sample_viewing(
    rng: np.random.Generator,
    *,
    um_per_px: float | None = None,
    law: ViewingLaw = USUAL_LAW,
    instrument: Viewing | None = None,
) -> Viewing:
    """Viewing of one particle, drawn in the same way for every kind; microscope and camera of `instrument` if given."""
    if instrument is not None:
        um_per_px = instrument.camera.um_per_px
    pixel = um_per_px if um_per_px is not None else rng.choice(law.pixel_sizes_um) * rng.uniform(*law.pixel_spread)
    # Coarser pixels come with a lower NA; no objective may resolve more than its sensor samples.
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

    camera = _sample_camera(rng, law, float(pixel))

    # Depth of field grows as the aperture shrinks; the focus is behind the particle more often than in front of it.
    side = rng.random()
    before = side >= 0.68
    focus = rng.uniform(*(law.focus_before_um if before else law.focus_um)) if side < 0.85 else rng.normal(0, 5)
    if side < law.far_share:
        focus = rng.uniform(*law.far_focus_um)
    requested_px = (
        rng.uniform(58, 100)
        if rng.random() < 0.06
        else np.clip(law.size_px[0] * np.exp(rng.normal(0, law.size_px[1])), law.smallest_px, 56)
    )
    diameter_um = np.clip(requested_px * pixel, *DIAMETER_RANGE_UM)
    if instrument is not None:
        microscope, camera = instrument.microscope, replace(instrument.camera, shift_px=camera.shift_px)
    return Viewing(
        microscope,
        camera,
        z_f_um=float(focus * (0.28 / microscope.na_objective) ** 1.5),
        diameter_um=float(diameter_um),
        oversized=bool(diameter_um >= 58 * pixel),
        law=law,
    )


def sample_instrument(rng: np.random.Generator, magnification: str, *, law: ViewingLaw = USUAL_LAW) -> Viewing:
    """A whole instrument of this magnification, one of MAGNIFICATIONS, for the `instrument` of scenes.simulate."""
    return sample_viewing(rng, um_per_px=float(MAGNIFICATIONS[magnification] * rng.uniform(*law.pixel_spread)), law=law)


def _sample_camera(rng: np.random.Generator, law: ViewingLaw, um_per_px: float) -> Camera:
    usual = rng.random() < 0.6
    return Camera(
        um_per_px=um_per_px,
        background=rng.normal(0.69, 0.02) if usual else rng.uniform(0.45, 0.85),
        gradient=tuple(rng.normal(0, 0.012, 2) * (1 if usual else 2.5)),
        stray_light=rng.uniform(*law.stray_light),
        gamma=float(np.exp(rng.normal(0, 0.15))),
        motion_px=abs(rng.normal(0, 0.8)),
        blur_px=abs(rng.normal(0, law.blur_px)),
        noise=float(np.exp(rng.uniform(np.log(0.0025), np.log(0.016)))),
        shift_px=tuple(rng.normal(0, 1.5, 2) if rng.random() < 0.7 else rng.uniform(-6, 6, 2)),
    )
