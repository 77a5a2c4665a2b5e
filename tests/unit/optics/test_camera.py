"""The camera: levels, gradient, noise, blur and sampling, each separately."""

from dataclasses import replace

import numpy as np
import pytest

from svp_core.optics.camera import MARGIN_PX, Camera, expose

PLAIN = Camera(background=0.686, noise=0.0)
SIZE = 64 + 2 * MARGIN_PX


def take_image(intensity, camera=PLAIN, seed=0):
    return expose(intensity, camera, np.random.default_rng(seed))


def test_empty_tile_has_the_background_level():
    image = take_image(np.ones((SIZE, SIZE)))
    assert image.shape == (64, 64)
    assert image.dtype == np.uint8
    assert (image == 175).all()


def test_bright_light_is_clipped_and_no_light_is_black():
    assert (take_image(np.full((SIZE, SIZE), 7.0)) == 255).all()
    assert (take_image(np.zeros((SIZE, SIZE))) == 0).all()


def test_gradient_along_x_and_y():
    image = take_image(np.ones((SIZE, SIZE)), replace(PLAIN, gradient=(0.05, -0.02))).astype(int)
    assert image[32, 63] - image[32, 0] == pytest.approx(2 * 0.05 * 175, abs=1.5)
    assert image[63, 32] - image[0, 32] == pytest.approx(-2 * 0.02 * 175, abs=1.5)


def test_noise_is_proportional_to_the_root_of_the_light():
    noisy = replace(PLAIN, noise=0.01)
    assert take_image(np.ones((SIZE, SIZE)), noisy).std() == pytest.approx(2.55, rel=0.06)
    assert take_image(np.full((SIZE, SIZE), 0.25), noisy).std() == pytest.approx(1.275, rel=0.08)


def test_stray_light_lowers_contrast_but_not_the_background():
    intensity = np.ones((SIZE, SIZE))
    intensity[30:40, 30:40] = 0.2
    image = take_image(intensity, replace(PLAIN, stray_light=0.5))
    assert image[0, 0] == 175
    assert image.min() == pytest.approx(175 * 0.6, abs=3)


def test_motion_blurs_only_along_the_flow():
    intensity = np.ones((SIZE, SIZE))
    intensity[36, 36] = 0.0
    dark = 175 - take_image(intensity, replace(PLAIN, motion_px=3.0)).astype(int)
    assert (dark[:, 32] > 10).sum() >= 3
    assert (dark[32] > 10).sum() <= 2


@pytest.mark.parametrize("length", [0.4, 1.0, 1.9, 3.0])
def test_motion_blur_has_its_length_and_does_not_move_the_particle(length):
    """A box of this length: variance length^2 / 12, mean 0. Measured without noise, on a wide dark spot."""
    intensity = np.ones((SIZE, SIZE))
    line = np.arange(SIZE)
    intensity -= 0.9 * np.exp(-((line[:, None] - 36) ** 2 + (line - 36) ** 2) / (2 * 3**2))

    def along_y(camera):
        dark = 175 - take_image(intensity, camera).astype(float)
        dark = np.where(dark > 0, dark, 0).sum(1)
        mean = (dark * np.arange(64)).sum() / dark.sum()
        return mean, (dark * (np.arange(64) - mean) ** 2).sum() / dark.sum()

    static, moved = along_y(PLAIN), along_y(replace(PLAIN, motion_px=length))
    assert moved[0] == pytest.approx(static[0], abs=0.02)
    assert moved[1] - static[1] == pytest.approx(length**2 / 12, abs=0.08)


def test_coarse_pixels_are_oversampled_and_averaged():
    coarse = Camera(um_per_px=0.55, background=0.686, noise=0.0)
    axis = coarse.sensor_axis(64, 0.0)
    assert coarse.oversampling == 2
    assert len(axis) == 2 * SIZE
    assert np.diff(axis) == pytest.approx(0.275)
    intensity = np.ones((2 * SIZE, 2 * SIZE))
    intensity[::2] = 0.5
    assert take_image(intensity, coarse).astype(float).mean() == pytest.approx(0.75 * 175, abs=2)


def test_positive_shift_moves_the_particle_to_the_right():
    axis = PLAIN.sensor_axis(64, 2.0)
    assert np.abs(axis).argmin() == pytest.approx((SIZE - 1) / 2 + 2, abs=0.6)
