"""The simulated instrument of the sample run and the sample frames, and how its software detects a particle."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from svp_core.optics import scenes
from svp_core.optics.camera import Camera
from svp_core.optics.imaging_conditions import AGGREGATE_LAW, Viewing, sample_viewing
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
_INSTRUMENT = Viewing(MICROSCOPE, CAMERA, z_f_um=0.0, diameter_um=0.0, oversized=False)

NEIGHBOUR_UM = 5.0  # parts at most this far apart are one particle
BORDER_PX = 5  # kept around a particle in its crop
_WINDOWS_PX = (96, 160, 256)  # sizes of the simulated part of the frame; the first that contains the particle is used
_EIGHT_CONNECTED = np.ones((3, 3), bool)


Box = tuple[int, int, int, int]  # top, left, bottom, right; end excluded


@dataclass(frozen=True)
class DrawnParticle:
    """One particle as it reaches the sensor under uniform illumination."""

    intensity: NDArray[np.float32]  # background 1, at the camera's oversampling, with the camera's margins
    window_px: int  # width and height of the window in camera pixels
    truth: dict[str, Any]


def sample_kind(rng: np.random.Generator) -> str:
    """Kind of the next particle: 70 % protein, 18 % silicone oil, 12 % air bubbles."""
    return str(rng.choice(["protein", "silicone_oil", "air_bubble"], p=[0.70, 0.18, 0.12]))


def draw_particle(kind: str, seed: int, *, attempt: int, window_px: int) -> DrawnParticle:
    """The particle in the centre of the window. Another attempt is another particle of the same seed."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(scenes.KINDS.index(kind), attempt)))
    viewing = sample_viewing(rng, law=AGGREGATE_LAW, instrument=_INSTRUMENT)
    viewing = replace(viewing, camera=replace(viewing.camera, shift_px=(0.0, 0.0)))
    axis = viewing.camera.sensor_axis(window_px, 0.0)
    intensity, particle = scenes.draw_intensity(kind, rng, viewing, axis, axis)
    truth = {"kind": kind, "shape": particle["shape"], "seed": seed, "attempt": attempt}
    truth |= {"diameter_um": particle["diameter_um"], "z_f_um": viewing.z_f_um, **particle}
    return DrawnParticle(intensity, window_px, truth)


def iter_whole_particles(
    kind: str, seed: int, find: Callable[[DrawnParticle], NDArray[np.bool_] | None]
) -> Iterator[tuple[DrawnParticle, NDArray[np.bool_]]]:
    """Yield (DrawnParticle, mask) for one attempt after another, without end, if found and entirely within a window.

    find: DrawnParticle -> mask (window_px, window_px), or None if no particle is found.
    """
    for attempt in itertools.count():
        for window_px in _WINDOWS_PX:
            particle = draw_particle(kind, seed, attempt=attempt, window_px=window_px)
            mask = find(particle)
            if mask is None:
                break
            if edge_margin(mask) > BORDER_PX + 2:
                yield particle, mask
                break


def find_particle(difference: NDArray[np.floating], threshold: float) -> NDArray[np.bool_] | None:
    """Mask (H, W) of the largest group of pixels that differ from the empty frame by more than the threshold, or None.

    difference: |image - empty frame| (H, W). Steps as reported for FlowCam: threshold, close holes by one pixel, join
    parts up to NEIGHBOUR_UM apart.
    """
    over = np.pad(difference > threshold, 1)
    over = np.logical_or(over, ndimage.binary_closing(over, _EIGHT_CONNECTED))[1:-1, 1:-1]
    if not over.any():
        return None
    reach_px = NEIGHBOUR_UM / CAMERA.um_per_px
    # Two parts are neighbours if their surroundings of half the reach touch.
    distance = cast("NDArray[np.float64]", ndimage.distance_transform_edt(~over))
    surroundings = distance <= reach_px / 2
    groups, count = cast("tuple[NDArray[np.int32], int]", ndimage.label(surroundings, _EIGHT_CONNECTED))
    sizes = np.bincount(groups[over], minlength=count + 1)
    return over & (groups == sizes[1:].argmax() + 1)


def bounding_box(mask: NDArray[np.bool_]) -> Box:
    """Box (top, left, bottom, right) around the mask's pixels, end excluded."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def edge_margin(mask: NDArray[np.bool_]) -> int:
    """Distance in pixels between the mask's box and the nearest edge of the window."""
    top, left, bottom, right = bounding_box(mask)
    return min(top, left, mask.shape[0] - bottom, mask.shape[1] - right)


def random_position(rng: np.random.Generator, box: Box) -> tuple[int, int]:
    """(top, left) of a window in the frame such that this box in it is within the frame, with its border and 3 px."""
    spare = BORDER_PX + 3
    top = rng.integers(spare - box[0], FRAME_HEIGHT - spare - box[2], endpoint=True)
    left = rng.integers(spare - box[1], FRAME_WIDTH - spare - box[3], endpoint=True)
    return int(top), int(left)


def is_clear_of(box: Box, others: Iterable[Box], gap_px: int = 2) -> bool:
    """Whether the box is at least this far from all others."""
    top, left, bottom, right = box
    return all(
        top >= other[2] + gap_px
        or bottom <= other[0] - gap_px
        or left >= other[3] + gap_px
        or right <= other[1] - gap_px
        for other in others
    )


def background_light(
    top: int = 0, left: int = 0, height: int = FRAME_HEIGHT, width: int = FRAME_WIDTH
) -> NDArray[np.float64]:
    """Light of the empty liquid in a window of the frame, (height, width), 0..1; the window may exceed the frame."""
    v = 2 * (top + np.arange(height)) / (FRAME_HEIGHT - 1) - 1
    u = 2 * (left + np.arange(width)) / (FRAME_WIDTH - 1) - 1
    return CAMERA.background * (1 + CAMERA.gradient[0] * u[None, :] + CAMERA.gradient[1] * v[:, None])


def camera_at(top: int, left: int, window_px: int) -> Camera:
    """The camera for a square window of the frame, with the light of background_light()."""
    light = background_light(top, left, window_px, window_px)
    mean = light.mean()
    gradient = (light[0, -1] - light[0, 0]) / 2 / mean, (light[-1, 0] - light[0, 0]) / 2 / mean
    return replace(CAMERA, background=mean, gradient=gradient)
