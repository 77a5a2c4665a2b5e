"""Irregular particles as thin refracting or absorbing relief: sheets, strands, patches, clumps, opaque pieces, cells.

An outline is an ellipse, bent and roughened by a random field with a 1/f spectrum; it is filled with a map of the
optical path, whose folds are the ridges of a second such field. Maps are float32 (M, M) on the x-y plane of a Grid,
between 0 and 1; place() spreads one over the slices of a volume as a relief.
"""

from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from svp_core.optics.shapes import Grid

Map = NDArray[np.float32]  # (M, M)
PROTEIN_FILLINGS = ("sheet", "strands", "patches", "bulk")
_NEVER_ZERO = 1e-6
_LEAST = 0.02  # of the thickest part; what is thinner is cut off
_EDGE = 0.06  # softness of an outline, relative to its half length


@dataclass(frozen=True)
class Outline:
    """A random outline: the ellipse it starts from, and how far it departs from it."""

    half_length_um: float
    aspect: float  # half width / half length, 0..1
    bend: float  # deflection of the ends, relative to the half length
    roughness: float  # amplitude of the random field, relative to the half length


def random_field(rng: np.random.Generator, grid: Grid, longest_um: float, *, exponent: float = 1.5) -> Map:
    """Gaussian random field with amplitudes proportional to 1 / frequency^exponent: mean 0, s.d. 1, float32 (M, M).

    longest_um: structures larger than this are damped.
    """
    spectrum = np.asarray(scipy.fft.rfft2(rng.standard_normal((grid.count, grid.count))), complex)
    fy, fx = scipy.fft.fftfreq(grid.count, grid.px_um), scipy.fft.rfftfreq(grid.count, grid.px_um)
    spectrum *= (np.hypot(fy[:, None], fx[None]) ** 2 + longest_um**-2) ** (-exponent / 2)
    spectrum[0, 0] = 0
    field = np.asarray(scipy.fft.irfft2(spectrum, (grid.count, grid.count)))
    return (field / (field.std() + _NEVER_ZERO)).astype(np.float32)


def depth_inside(rng: np.random.Generator, outline: Outline, grid: Grid) -> Map:
    """Depth within a random outline: 1 at its centre, 0 on it, negative outside; float32 (M, M)."""
    line, _ = grid.axes(1)
    angle = rng.uniform(0, 2 * np.pi)
    along = np.cos(angle) * line[None] + np.sin(angle) * line[:, None]
    across = -np.sin(angle) * line[None] + np.cos(angle) * line[:, None]
    half = outline.half_length_um
    across = across - outline.bend * half * ((along / half) ** 2 - 0.5)
    depth = 1 - np.hypot(along / half, across / (half * outline.aspect))
    return (depth + outline.roughness * random_field(rng, grid, 2 * half)).astype(np.float32)


def filled(rng: np.random.Generator, filling: str, outline: Outline, grid: Grid) -> Map:
    """Optical path of a thin particle, relative to its thickest part: float32 (M, M), 0..1.

    filling: "sheet" (thin, with thick folds), "strands" (folds alone), "patches" (separate pieces) or "bulk" (thickest
    inside).
    """
    depth = depth_inside(rng, outline, grid)
    inside = _smooth_step(depth / _EDGE)
    if filling == "bulk":
        path = inside * np.sqrt(np.clip(depth, 0.02, 1))
        path *= 1 + 0.35 * random_field(rng, grid, outline.half_length_um, exponent=1.2)
    else:
        texture = random_field(
            rng, grid, rng.uniform(0.35, 1.2) * outline.half_length_um, exponent=rng.uniform(1.6, 2.8)
        )
        folds = np.exp(-np.abs(texture) / rng.uniform(0.08, 0.25))
        if filling == "sheet":
            path = inside * (rng.uniform(0.1, 0.4) + folds)
        elif filling == "strands":
            other = random_field(rng, grid, rng.uniform(0.4, 1) * outline.half_length_um, exponent=1.8)
            path = inside * np.maximum(folds, 0.8 * np.exp(-np.abs(other) / rng.uniform(0.05, 0.15)))
            path = np.where(path < 0.25, 0, path)
        else:
            path = inside * _smooth_step((texture - rng.uniform(0.0, 0.8)) / 0.2)
    path = path / (path.max() + _NEVER_ZERO)
    # Nothing around the particle: the soft edge ends somewhere.
    return np.where(path > _LEAST, path, 0).astype(np.float32)


def polygonal(rng: np.random.Generator, half_length_um: float, grid: Grid) -> Map:
    """A broken, angular piece: 1 within 4 to 8 random straight edges, roughened, soft at its edge; float32 (M, M)."""
    line, _ = grid.axes(1)
    count = int(rng.integers(4, 9))
    angles = np.sort(rng.uniform(0, 2 * np.pi) + 2 * np.pi * (np.arange(count) + rng.uniform(-0.3, 0.3, count)) / count)
    inside = np.full((grid.count, grid.count), np.inf)
    stretch = rng.uniform(0.35, 0.9)
    for angle, distance in zip(angles, rng.uniform(0.55, 1.0, count), strict=True):
        edge = distance * np.hypot(np.cos(angle), stretch * np.sin(angle))
        inside = np.minimum(
            inside, edge - (np.cos(angle) * line[None] + np.sin(angle) * line[:, None]) / half_length_um
        )
    inside = inside + rng.uniform(0.02, 0.12) * random_field(rng, grid, half_length_um, exponent=1.3)
    piece = _smooth_step(inside / 0.03)
    return np.where(piece > _LEAST, piece, 0).astype(np.float32)


def place(rng: np.random.Generator, path: Map, grid: Grid, *, relief_um: float) -> NDArray[np.float32]:
    """The map spread over slices, each point in the two slices nearest to its random height: float32 (Z, M, M).

    The sum over the slices is the map. relief_um: height between the lowest and the highest point.
    """
    slices = max(1, min(5, int(np.ceil(relief_um / grid.dz_um))))
    if slices == 1:
        return path[None]
    height = random_field(rng, grid, grid.count * grid.px_um / 4, exponent=2.0)
    level = (slices - 1) * _smooth_step(1.7 * height)
    levels = np.arange(slices)[:, None, None]
    return (path * np.clip(1 - np.abs(level - levels), 0, 1)).astype(np.float32)


def _smooth_step(values: NDArray[np.floating]) -> NDArray[np.floating]:
    return 1 / (1 + np.exp(-np.clip(values, -30, 30)))
