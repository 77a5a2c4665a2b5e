"""Multi-slice propagation: agreement with Lorenz-Mie where both are valid, energy, and interpolation of directions."""

import numpy as np
import pytest

from svp_core.optics import drawing, scenes, shapes
from svp_core.optics.imaging_conditions import LAWS
from svp_core.optics.microscope import Microscope, required_rings, source_directions
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
def test_weak_spheres_agree_with_lorenz_mie(index, radius, z_f, rms, worst):
    grid = shapes.Grid(160, 0.28, 0.5)
    volume = shapes.union_of_spheres([[0, 0, 0]], [radius], index - SCOPE.medium_index, grid)
    sliced = image_of_volume(LINE, LINE, volume, px_um=0.28, dz_um=0.5, z_f=z_f, microscope=SCOPE)
    exact = image_of_sphere(LINE, LINE, radius_um=radius, index=index, z_f=z_f, microscope=SCOPE)
    difference = sliced - exact
    assert np.sqrt((difference**2).mean()) <= rms
    assert np.abs(difference).max() <= worst


@pytest.mark.parametrize("z_f", [4, -20])
def test_absorbing_sphere_agrees_with_lorenz_mie(z_f):
    """Of the opposite sign, the imaginary part of the index would amplify the light."""
    index, grid = 1.345 + 0.012j, shapes.Grid(160, 0.28, 0.5)
    volume = shapes.union_of_spheres([[0, 0, 0]], [3.0], 1.0, grid) * np.complex64(index - SCOPE.medium_index)
    sliced = image_of_volume(LINE, LINE, volume, px_um=0.28, dz_um=0.5, z_f=z_f, microscope=SCOPE)
    exact = image_of_sphere(LINE, LINE, radius_um=3.0, index=index, z_f=z_f, microscope=SCOPE)
    assert exact.mean() < 0.99
    assert np.sqrt(((sliced - exact) ** 2).mean()) < 0.004
    assert np.abs(sliced - exact).max() < 0.04


def test_empty_volume_gives_a_uniform_background():
    image = image_of_volume(LINE, LINE, np.zeros((3, 64, 64), np.float32), px_um=0.28, dz_um=1, z_f=9, microscope=SCOPE)
    assert np.abs(image - 1).max() < 1e-3


def test_slices_conserve_energy():
    rng = np.random.default_rng(0)
    volume = np.zeros((6, 64, 64), np.float32)
    volume[:, 20:44, 20:44] = rng.uniform(0, 0.03, (6, 24, 24))
    smooth = np.fft.ifft2(np.fft.fft2(volume) * (np.hypot(*np.meshgrid(*[np.fft.fftfreq(64)] * 2)) < 0.12)).real
    (spectrum,) = exit_waves(smooth.astype(np.float32), np.zeros((1, 2)), px_um=0.28, dz_um=0.8, microscope=SCOPE)
    assert (np.abs(spectrum) ** 2).sum() == pytest.approx(1, abs=2e-3)


@pytest.mark.parametrize("z_f", [5, 40, -30])
def test_six_propagated_directions_are_enough_for_aggregates(z_f):
    rng = np.random.default_rng(1)
    points = shapes.aggregate(rng, 60, 0.9, tries=2)
    scope = Microscope(na_objective=0.30, na_condenser=0.11, offset=(0.012, 0.01))
    grid = shapes.Grid(108, 0.28, 0.8)
    volume = shapes.saturate(shapes.gaussian_blobs(points, np.full(60, 0.4), np.full(60, 0.7), grid), 0.04)
    line = (np.arange(48) - 24) * 0.28
    options = {"px_um": 0.28, "dz_um": 0.8, "z_f": z_f, "microscope": scope, "rings": 5, "per_ring": 20}
    interpolated = image_of_volume(line, line, volume, **options)
    exact = image_of_volume(line, line, volume, propagate_all=True, **options)
    assert np.abs(interpolated - exact).max() < 0.02


@pytest.mark.parametrize("z_f", [14, 24])
def test_six_propagated_directions_are_enough_for_droplets_that_focus_the_light(z_f):
    scope = Microscope(na_objective=0.27, na_condenser=0.11, offset=(0.01, -0.02))
    grid = shapes.Grid(128, 0.28, 0.5)
    volume = shapes.union_of_spheres([[-2.5, 1, 0.8], [3, -1.5, -1]], [3.4, 3.0], 0.07, grid)
    line = (np.arange(48) - 24) * 0.28
    options = {"px_um": 0.28, "dz_um": 0.5, "z_f": z_f, "microscope": scope}
    interpolated = image_of_volume(line, line, volume, rings=6, per_ring=24, **options)
    exact = image_of_volume(line, line, volume, propagate_all=True, rings=6, per_ring=24, **options)
    assert exact.max() > 2
    assert np.abs(interpolated - exact).max() < 0.02
    # The default number of directions is enough, too.
    many = image_of_volume(line, line, volume, rings=10, per_ring=40, **options)
    assert np.abs(image_of_volume(line, line, volume, **options) - many).max() < 0.03


@pytest.mark.parametrize(
    ("law", "kind", "seed"),
    [
        # The worst of eight images of each kind under each law.
        ("usual", "silicone_oil", 8_100_018),
        ("soft", "silicone_oil", 8_100_004),
        ("other", "silicone_oil", 8_100_028),
        ("soft", "fibre", 8_100_005),
        ("other", "glass_flake", 8_100_004),
        ("other", "protein", 8_100_003),
        ("soft", "protein", 8_100_005),
        ("other", "opaque", 8_100_004),
        ("other", "cell", 8_100_006),
    ],
)
def test_simulated_images_have_converged(monkeypatch, law, kind, seed):
    errors = []

    def compare(x, y, volume, **options):
        interpolated = image_of_volume(x, y, volume, **options)
        rings = int(1.6 * required_rings(options["microscope"], options["z_f"], radius_um=20)[0])
        many = image_of_volume(x, y, volume, propagate_all=True, rings=rings, per_ring=4 * rings, **options)
        errors.append(np.abs(interpolated - many).max())
        return interpolated

    monkeypatch.setattr(drawing, "image_of_volume", compare)
    scenes.simulate(kind, seed, law=LAWS[law])
    assert errors
    assert max(errors) < 0.03


def test_image_moves_with_the_particle():
    grid = shapes.Grid(128, 0.28, 0.5)
    line = (np.arange(64) - 32) * 0.28
    images = []
    for x in (0.0, 4 * 0.28):
        volume = shapes.union_of_spheres([[x, 0, 0]], [2.0], 0.05, grid)
        images.append(image_of_volume(line, line, volume, px_um=0.28, dz_um=0.5, z_f=10, microscope=SCOPE))
    # x is the column: the image moves to the right, not down.
    assert np.abs(np.roll(images[0], 4, axis=1) - images[1])[:, 8:-8].max() < 5e-3
    assert np.abs(np.roll(images[0], 4, axis=0) - images[1])[8:-8].max() > 0.05


def test_direction_weights_sum_to_one_and_follow_the_offset():
    directions, weights = source_directions(Microscope(na_condenser=0.1, offset=(0.03, 0.0)), 4, 16)
    assert weights.sum() == pytest.approx(1)
    assert directions.shape == (64, 2)
    assert weights @ directions == pytest.approx([0.03 * Microscope().k0, 0], abs=1e-9)
