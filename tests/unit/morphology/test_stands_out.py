"""Noise has no outline, or one that does not stand out; faint particles in uneven light have one that does."""

import numpy as np
import pytest

from svp_core.morphology import measure, segment, stands_out
from tests.helpers.drawn_discs import draw_discs


def empty_crops(count, noise, size, seed):
    rng = np.random.default_rng(seed)
    return (180 + rng.normal(0, noise, (count, size, size))).round().clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("noise", [0.5, 2, 8, 20, 30, 45])
@pytest.mark.parametrize("size", [24, 64])
def test_nothing_stands_out_from_noise_of_any_strength(noise, size):
    assert not any(stands_out(crop, segment(crop)) for crop in empty_crops(100, noise, size, seed=int(noise * 10)))


def test_noise_is_strong_enough_to_have_an_outline():
    """Otherwise the test above would not test stands_out."""
    assert any(segment(crop).any() for crop in empty_crops(20, 45, 64, seed=0))


@pytest.mark.parametrize("grain", [1.0, 4.0, 10.0])
def test_particles_stand_out_from_noise(grain):
    tiles = draw_discs(60, seed=3, grain=grain)
    assert all(stands_out(tile, segment(tile)) for tile in tiles)


def test_a_faint_particle_is_found_in_light_from_one_side():
    rows, columns = np.mgrid[:64, :64]
    slope = 0.5 * (columns - 31.5) + 0.3 * (rows - 31.5)
    disc = 14.0 * (np.hypot(rows - 30, columns - 34) < 8)
    noise = np.random.default_rng(0).normal(0, 1.5, (64, 64))
    lit = (150 + slope + noise).round().clip(0, 255).astype(np.uint8)
    with_disc = (150 + slope - disc + noise).round().clip(0, 255).astype(np.uint8)
    mask = segment(with_disc)
    assert stands_out(with_disc, mask)
    assert measure(with_disc)["ecd_px"] == pytest.approx(16, rel=0.2)
    assert mask[30, 34]
    assert not segment(lit).any()
