"""Distillation of the generator: on images of which the whole trajectory is known, nothing is left to learn."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from benchmarks import few_step_student
from svp_core.generator import unet
from svp_core.generator.pipeline import draw_start

SPREAD = 0.3  # standard deviation of independent normal pixels
CONFIG = unet.GeneratorConfig(("protein", "air_bubble"), pixel_mean=0.2, pixel_std=0.4)


def at_noise(clean, sigma):
    """The state at this noise level of the deterministic trajectory that ends at `clean`, of such pixels."""
    return clean * (sigma**2 + SPREAD**2) ** 0.5 / SPREAD


class Perfect(torch.nn.Module):
    """The raw output that leads exactly from each noise level to the next one."""

    def forward(self, inputs, times, labels):
        levels = torch.tensor(few_step_student.levels())
        sigma = (times / unet.TIME_SCALE * 4).exp().reshape(-1, 1, 1, 1)
        following = levels[1 + (levels[:-1] - sigma.reshape(-1, 1)).abs().argmin(1)].reshape(-1, 1, 1, 1)
        c_skip, c_out, c_in, _ = unet.preconditioning(sigma, CONFIG.sigma_data)
        state = inputs / c_in
        end = at_noise(state / at_noise(1, sigma), following)
        clean = (end - following / sigma * state) / (1 - following / sigma)
        return SimpleNamespace(sample=(clean - c_skip * state) / c_out)


def student():
    return unet.Generator(Perfect(), CONFIG, None, torch.device("cpu"))


@pytest.fixture
def in_float32(monkeypatch):
    monkeypatch.setattr("svp_core.device.has_fast_bfloat16", lambda device: False)


def test_levels_are_those_of_the_teachers_sampler():
    teacher = few_step_student.TEACHER
    low, high = teacher.sigma_min ** (1 / teacher.rho), teacher.sigma_max ** (1 / teacher.rho)
    shares = np.array(few_step_student.STEPS) / (teacher.steps - 1)
    theirs = (high + shares * (low - high)) ** teacher.rho  # Karras et al. 2022, Eq. 5
    np.testing.assert_allclose(few_step_student.levels(), [*theirs, 0], rtol=1e-5)


def test_a_network_that_makes_the_steps_exactly_has_no_loss(in_float32):
    clean = SPREAD * torch.randn((3, 4, 32, 32), generator=torch.Generator().manual_seed(0))
    labels = torch.zeros(3, dtype=torch.int64)
    for segment, (sigma, following) in enumerate(pairwise(few_step_student.levels())):
        pairs = torch.stack([at_noise(clean, sigma), at_noise(clean, following)], dim=1)
        segments = torch.full((3,), segment)
        loss = few_step_student.segment_loss(Perfect(), pairs, segments, labels, CONFIG.sigma_data)
        assert loss < 1e-6
        assert few_step_student.segment_loss(Perfect(), pairs.flip(1), segments, labels, CONFIG.sigma_data) > 1e-3


def test_the_student_follows_the_trajectory_to_its_end(in_float32, monkeypatch):
    ends = []
    monkeypatch.setattr(unet.Generator, "to_tiles", lambda self, state, sigma=0: ends.append(state))
    seeds = [1, 2, 3]
    list(few_step_student.student_tiles(student(), "air_bubble", seeds))
    start = draw_start(seeds, (4, 32, 32))[0] * few_step_student.levels()[0]
    expected = start * SPREAD / (few_step_student.levels()[0] ** 2 + SPREAD**2) ** 0.5
    torch.testing.assert_close(ends[0], expected, atol=1e-3, rtol=1e-3)


def test_flips_and_quarter_turns_keep_a_pair_together():
    pixels = torch.arange(2 * 64 * 64, dtype=torch.float32).reshape(2, 1, 64, 64)
    pair = torch.nn.functional.pixel_unshuffle(pixels, 2)
    turned = {
        which: torch.nn.functional.pixel_shuffle(few_step_student._turned(pair, which), 2)[:, 0] for which in range(8)
    }
    assert len({tuple(tile[0].flatten().tolist()) for tile in turned.values()}) == 8
    for tile in turned.values():
        assert torch.equal(tile[1] - tile[0], torch.full((64, 64), 64.0 * 64))
        assert torch.equal(tile[0].flatten().sort().values, pixels[0].flatten())
