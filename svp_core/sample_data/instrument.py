"""The one simulated instrument behind the sample run and the sample frames, and how its software finds a particle."""

import itertools
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from svp_core.optics import scenes
from svp_core.optics.camera import Camera
from svp_core.optics.microscope import Microscope

FRAME_HEIGHT, FRAME_WIDTH = 964, 1292
MICROSCOPE = Microscope(
    wavelength_um=0.52,
    medium_index=1.337,
    na_objective=0.245,
    na_condenser=0.065,
    offset=(0.006, -0.004),
    coma=(0.12, -0.08),
    astigmatism=(0.1, 0.05),
)
CAMERA = Camera(
    um_per_px=0.5545,
    background=0.69,
    gradient=(0.02, -0.015),  # over half the frame's width and height
    stray_light=0.08,
    gamma=1.0,
    motion_px=0.5,
    blur_px=0.45,
    noise=0.005,
)
_INSTRUMENT = scenes.Viewing(MICROSCOPE, CAMERA, z_f_um=0.0, diameter_um=0.0, oversized=False)

NEIGHBOUR_UM = 5.0  # parts no farther apart than this are one particle
BORDER_PX = 5  # left around a particle when it is cut out
_WINDOWS_PX = (96, 160, 256)  # of the frame, simulated around a particle: the first that holds it
_EIGHT = np.ones((3, 3), bool)


@dataclass(frozen=True)
class DrawnParticle:
    """One particle as the sensor would see it on an even field of light."""

    intensity: np.ndarray  # float32, background 1, at the camera's oversampling, with the camera's margins
    window_px: int  # width and height of the window in camera pixels
    truth: dict


def sample_kind(rng):
    """The kind of the next particle: 70 % protein, 18 % silicone oil, 12 % air bubbles."""
    return str(rng.choice(["protein", "silicone_oil", "air_bubble"], p=[0.70, 0.18, 0.12]))


def draw_particle(kind, seed, *, attempt, window_px):
    """Drawn, the particle in the middle of the window. A new attempt is another particle of the same seed."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(scenes.KINDS.index(kind), attempt)))
    viewing = scenes.sample_viewing(rng, instrument=_INSTRUMENT)
    viewing = replace(viewing, camera=replace(viewing.camera, shift_px=(0.0, 0.0)))
    axis = viewing.camera.sensor_axis(window_px, 0.0)
    intensity, particle = scenes.draw_intensity(kind, rng, viewing, axis, axis)
    truth = {"kind": kind, "shape": particle["shape"], "seed": seed, "attempt": attempt}
    truth |= {"diameter_um": particle["diameter_um"], "z_f_um": viewing.z_f_um, **particle}
    return DrawnParticle(intensity, window_px, truth)


def iter_whole_particles(kind, seed, find):
    """Yield (Drawn, mask) of one attempt after another, without end: those that are found and lie whole in a window.

    find: Drawn -> bool (window_px, window_px), or None where there is nothing to find.
    """
    for attempt in itertools.count():
        for window_px in _WINDOWS_PX:
            drawn = draw_particle(kind, seed, attempt=attempt, window_px=window_px)
            mask = find(drawn)
            if mask is None:
                break
            if edge_margin(mask) > BORDER_PX + 2:
                yield drawn, mask
                break


def find_particle(difference, threshold):
    """bool (H, W), the largest group of pixels that differ from the empty frame by more than the threshold; or None.

    difference: |image - empty frame| (H, W). Done as FlowCam is said to: threshold, close holes by one pixel, take
    parts up to NEIGHBOUR_UM apart together.
    """
    over = np.pad(difference > threshold, 1)
    over = (over | ndimage.binary_closing(over, _EIGHT))[1:-1, 1:-1]
    reach_px = NEIGHBOUR_UM / CAMERA.um_per_px
    # Two parts are neighbours when their surroundings of half the reach meet.
    surroundings = ndimage.distance_transform_edt(~over) <= reach_px / 2 if over.any() else over
    groups, count = ndimage.label(surroundings, _EIGHT)
    if not count:
        return None
    sizes = np.bincount(groups[over], minlength=count + 1)
    return over & (groups == sizes[1:].argmax() + 1)


def bounding_box(mask):
    """(top, left, bottom, right) around the mask's pixels, end excluded."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def edge_margin(mask):
    """Pixels between the mask's box and the nearest edge of the window."""
    top, left, bottom, right = bounding_box(mask)
    return min(top, left, mask.shape[0] - bottom, mask.shape[1] - right)


def random_position(rng, box):
    """(top, left) in the frame of a window, so that the box in it lies in the frame, border and 3 px included."""
    spare = BORDER_PX + 3
    top = rng.integers(spare - box[0], FRAME_HEIGHT - spare - box[2], endpoint=True)
    left = rng.integers(spare - box[1], FRAME_WIDTH - spare - box[3], endpoint=True)
    return int(top), int(left)


def is_clear_of(box, others, gap_px=2):
    """True when the box (top, left, bottom, right) keeps this distance from all others."""
    top, left, bottom, right = box
    return all(
        top >= other[2] + gap_px
        or bottom <= other[0] - gap_px
        or left >= other[3] + gap_px
        or right <= other[1] - gap_px
        for other in others
    )


def background_light(top=0, left=0, height=FRAME_HEIGHT, width=FRAME_WIDTH):
    """The liquid without particles in a window of the frame, float (height, width), 0..1; may reach over the edge."""
    v = 2 * (top + np.arange(height)) / (FRAME_HEIGHT - 1) - 1
    u = 2 * (left + np.arange(width)) / (FRAME_WIDTH - 1) - 1
    return CAMERA.background * (1 + CAMERA.gradient[0] * u[None, :] + CAMERA.gradient[1] * v[:, None])


def camera_at(top, left, window_px):
    """The camera for a square window of the frame: there the same light as empty_light() says."""
    light = background_light(top, left, window_px, window_px)
    middle = light.mean()
    gradient = (light[0, -1] - light[0, 0]) / 2 / middle, (light[-1, 0] - light[0, 0]) / 2 / middle
    return replace(CAMERA, background=middle, gradient=gradient)
