"""Checks of a training: the best one, copies of training tiles, when to stop."""

import numpy as np
import pytest

from svp_core.progress import run_to_end
from svp_core.training import checks
from tests.helpers.drawn_tiles import draw_blocks


def check(step, kid, *zs, low=0.05, held_out=0.0):
    figures = ({"kid": [kid, kid, kid], "ct_z": z, "copied": [0.1, low, held_out]} for z in zs)
    return {"step": step, "classes": dict(enumerate(figures))}


def test_the_best_check_has_the_smallest_kid_of_those_that_do_not_copy():
    rows = [check(0, 0.9, 3.0), check(1, 0.2, 0.0, -1.9), check(2, 0.1, 1.0, -2.0), check(3, 0.3, -0.5, 0.0)]
    assert checks.best_check(rows)["step"] == 1
    assert checks.best_check([check(1, 0.9, -3.0), check(2, 0.1, 4.0, -5.0)])["step"] == 1


def test_images_close_to_the_training_tiles_but_to_no_single_one_are_not_copies():
    assert checks.is_copying(check(1, 0.1, -8.0))
    assert not checks.is_copying(check(1, 0.1, -8.0, low=0.005))
    assert not checks.is_copying(check(1, 0.1, -8.0, held_out=0.05))
    assert not checks.is_copying(check(1, 0.1, -1.9))


def test_planted_copies_are_detected_and_blank_or_smooth_images_are_not():
    parts = {
        "training": (draw_blocks(80, seed=0), np.zeros(80, int), []),
        "held_out": (draw_blocks(24, seed=1), np.zeros(24, int), []),
    }
    steps, messages = checks.TrainingChecks.prepare(("dust",), parts, count=24), []
    checker, rng = run_to_end(steps, lambda progress: messages.append(progress.message)), np.random.default_rng(2)
    assert messages == [
        "Preparing the checks: features of dust, class 1 of 1",
        "Preparing the checks: baseline of dust",
    ]
    training = checker.tiles["training", "dust"]
    noise = rng.normal(0, 2, (24, 64, 64))
    copied = (
        np.stack([np.rot90(tile, k) for k, tile in enumerate(training[rng.integers(len(training), size=24)])]) + noise
    )
    blank = 170 + noise
    for generated, copies in ((copied, True), (blank, False), (draw_blocks(24, seed=3), False)):
        figures = checker.compare("dust", generated.clip(0, 255).astype(np.uint8))
        assert checks.copies_of_class(figures) is copies, figures
    assert checker.compare("dust", blank.astype(np.uint8))["ct_z"] < -2


@pytest.mark.parametrize(
    ("zs", "stops"),
    [((0, -3), False), ((-3, -3), True), ((-3, 1, -3), False), ((-3, -2.0, 5), False), ((1, -2.5, -2.0), True)],
)
def test_two_consecutive_alarms_stop_a_training(zs, stops):
    assert checks.must_stop([check(0, 1, -9.0), *(check(step, 1, z) for step, z in enumerate(zs, 1))]) is stops
