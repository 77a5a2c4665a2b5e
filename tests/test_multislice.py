"""Multi-slice against Lorenz-Mie where both hold, energy, emptiness, and the shortcut over directions."""

import numpy as np
import pytest

from svp_core.optics import shapes
from svp_core.optics.microscope import Microscope, source_directions
from svp_core.optics.multislice import exit_waves, image_of_volume
from svp_core.optics.sphere import image_of_sphere

SCOPE = Microscope(na_objective=0.30, na_condenser=0.08)
LINE = (np.arange(128) - 64) * 0.28  # 36 um, the field of the published bounds


@pytest.mark.parametrize(
    ("index", "radius", "z_f", "rms", "worst"),
    [
        (1.36, 2.0, 4, 0.0010, 0.012),
        (1.36, 2.0, -20, 0.0010, 0.012),
        (1.40, 2.0, 4, 0.0026, 0.051),
        (1.40, 4.5, 4, 0.0054, 0.049),
    ],
)
def test_weak_spheres_look_as_lorenz_mie_has_them(index, radius, z_f, rms, worst):
    grid = shapes.Grid(160, 0.28, 0.5)
    volume = shapes.union_of_spheres([[0, 0, 0]], [radius], index - SCOPE.medium_index, grid)
    sliced = image_of_volume(LINE, LINE, volume, px_um=0.28, dz_um=0.5, z_f=z_f, microscope=SCOPE)
    exact = image_of_sphere(LINE, LINE, radius_um=radius, index=index, z_f=z_f, microscope=SCOPE)
    difference = sliced - exact
    assert np.sqrt((difference**2).mean()) <= rms and np.abs(difference).max() <= worst


def test_an_empty_volume_gives_an_even_background():
    image = image_of_volume(LINE, LINE, np.zeros((3, 64, 64), np.float32), px_um=0.28, dz_um=1, z_f=9, microscope=SCOPE)
    assert np.abs(image - 1).max() < 1e-3


def test_slices_keep_the_light():
    rng = np.random.default_rng(0)
    volume = np.zeros((6, 64, 64), np.float32)
    volume[:, 20:44, 20:44] = rng.uniform(0, 0.03, (6, 24, 24))
    smooth = np.fft.ifft2(np.fft.fft2(volume) * (np.hypot(*np.meshgrid(*[np.fft.fftfreq(64)] * 2)) < 0.12)).real
    (spectrum,) = exit_waves(smooth.astype(np.float32), np.zeros((1, 2)), px_um=0.28, dz_um=0.8, microscope=SCOPE)
    assert (np.abs(spectrum) ** 2).sum() == pytest.approx(1, abs=2e-3)


@pytest.mark.parametrize("z_f", [5, 40, -30])
def test_few_walked_directions_are_enough(z_f):
    rng = np.random.default_rng(1)
    points = shapes.aggregate(rng, 60, 0.9, tries=2)
    scope = Microscope(na_objective=0.30, na_condenser=0.11, offset=(0.012, 0.01))
    grid = shapes.Grid(108, 0.28, 0.8)
    volume = shapes.saturate(shapes.blobs(points, np.full(60, 0.4), np.full(60, 0.7), grid), 0.04)
    line = (np.arange(48) - 24) * 0.28
    options = {"px_um": 0.28, "dz_um": 0.8, "z_f": z_f, "microscope": scope, "rings": 5, "per_ring": 20}
    quick = image_of_volume(line, line, volume, **options)
    every = image_of_volume(line, line, volume, walked=(5, 20), **options)
    assert np.abs(quick - every).max() < 0.02


def test_the_picture_moves_with_the_particle():
    grid = shapes.Grid(128, 0.28, 0.5)
    line = (np.arange(64) - 32) * 0.28
    images = []
    for at in (0.0, 4 * 0.28):
        volume = shapes.union_of_spheres([[at, 0, 0]], [2.0], 0.05, grid)
        images.append(image_of_volume(line, line, volume, px_um=0.28, dz_um=0.5, z_f=10, microscope=SCOPE))
    # x is the column: to the right, not down.
    assert np.abs(np.roll(images[0], 4, axis=1) - images[1])[:, 8:-8].max() < 5e-3
    assert np.abs(np.roll(images[0], 4, axis=0) - images[1])[8:-8].max() > 0.05


def test_directions_weigh_one_and_follow_the_offset():
    directions, weights = source_directions(Microscope(na_condenser=0.1, offset=(0.03, 0.0)), 4, 16)
    assert weights.sum() == pytest.approx(1) and directions.shape == (64, 2)
    assert weights @ directions == pytest.approx([0.03 * Microscope().k0, 0], abs=1e-9)
