"""Novelty calibrated on a run of the lab's own: p-values hold for the next runs, a mixture is refused."""

import json

import numpy as np
import pytest

from svp_core.errors import LabError
from svp_core.novelty.calibration import LEVEL, NoveltyCalibration, features_of, views_of
from svp_core.novelty.known_run import (
    MAX_PARTICLES,
    MIN_PARTICLES,
    as_record,
    calibrate_on_run,
    from_record,
    halves_differ,
    measure_known_run,
)
from svp_core.novelty.score import find_directions
from svp_core.novelty.tile_forms import PADDED, WHOLE
from tests.helpers.drawn_novelty import EXAMPLES, calibrated, drawn_views

KEYS = ("a", "b", "c")


@pytest.fixture(scope="module")
def shipped():
    layers = np.random.default_rng(0).normal(size=(200, 60)).astype(np.float32)
    forms = (calibrated(each=400), calibrated(each=300))
    return NoveltyCalibration(KEYS, find_directions(layers), forms, "simulated ones", "0" * 64, EXAMPLES)


def run_of(shipped, each, *, seed, moved=0.0, form=WHOLE):
    views, _ = drawn_views(each, seed=seed, moved=moved)
    order = np.random.default_rng(seed).permutation(len(views.named))
    views = views.take(order)
    forms = np.full(len(order), form)
    return measure_known_run(shipped, features_of(views), views.named, forms, description="the run A")


def test_features_are_taken_apart_as_they_were_put_together():
    views, _ = drawn_views(5, seed=1)
    for one, other in zip(views_of(features_of(views), views.named), views, strict=True):
        np.testing.assert_allclose(one, other, atol=0.01)


def test_known_particles_of_another_instrument_are_marked_as_often_as_promised_once_its_run_is_named(shipped):
    next_run, _ = drawn_views(300, seed=12, moved=0.5)
    before = shipped.forms[WHOLE]
    assert (before.p_values(before.score(next_run), next_run.named) <= LEVEL).mean() > 3 * LEVEL
    own = calibrate_on_run(shipped, run_of(shipped, 300, seed=11, moved=0.5))
    values = own.forms[WHOLE].p_values(own.forms[WHOLE].score(next_run), next_run.named)
    assert (values <= LEVEL).mean() == pytest.approx(LEVEL, abs=0.03)
    assert own.among == 900
    # Strangers are found all the same.
    strange, _ = drawn_views(50, seed=13, moved=3.0)
    assert (own.forms[WHOLE].p_values(own.forms[WHOLE].score(strange), strange.named) <= LEVEL).mean() > 0.9


def test_a_form_of_tile_that_the_run_lacks_keeps_its_calibration_and_that_is_said(shipped):
    own = calibrate_on_run(shipped, run_of(shipped, 100, seed=2, form=PADDED))
    assert own.forms[WHOLE] is shipped.forms[WHOLE]
    assert own.forms[PADDED] is not shipped.forms[PADDED]
    assert own.description == "the run A; for images that fill their tile, simulated ones"


def test_a_small_run_is_refused(shipped):
    with pytest.raises(LabError, match=f"at least {MIN_PARTICLES} known particles"):
        run_of(shipped, MIN_PARTICLES // 3 - 1, seed=3)


def test_a_run_of_two_samples_is_not_one(shipped):
    clean = run_of(shipped, 200, seed=4)
    assert not halves_differ(shipped, clean)
    views, moved = drawn_views(100, seed=5)[0], drawn_views(100, seed=6, moved=1.0)[0]
    features = np.concatenate([features_of(views), features_of(moved)])
    named = np.concatenate([views.named, moved.named])
    mixed = measure_known_run(shipped, features, named, np.zeros(len(named), int), description="two")
    assert halves_differ(shipped, mixed)


def test_a_profile_keeps_the_run_as_json_and_a_damaged_one_is_not_used(shipped):
    run = run_of(shipped, 1100, seed=7)
    assert len(run.named) == MAX_PARTICLES
    stored = json.loads(json.dumps(as_record(run)))
    again = from_record(stored, KEYS)
    assert again is not None
    np.testing.assert_allclose(again.distances, run.distances, atol=1e-3)
    np.testing.assert_array_equal(again.named, run.named)
    assert again.description == "the run A"
    assert from_record(None, KEYS) is None
    for damage in (
        {"named": [7] * len(run.named)},
        {"forms": [0]},
        {"distances": [["x", 1, 2]] * len(run.named)},
        {"distances": [[float("nan"), 1, 2]] * len(run.named)},
        {"description": None, "named": None},
    ):
        assert from_record(stored | damage, KEYS) is None, damage
