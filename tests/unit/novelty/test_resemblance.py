"""A run that lies to one side of all instruments is found and its particles are told apart; clean ones never ring."""

import numpy as np
import pytest

from svp_core.novelty.resemblance import (
    MARGIN,
    MIN_PARTICLES,
    compare_run,
    fit_spread,
    spread_as_arrays,
    spread_from_arrays,
)
from svp_core.novelty.score import Views
from tests.helpers.drawn_novelty import drawn_views

INSTRUMENTS, EACH = 60, 8


def instrument_run(each, *, seed, between=0.4, moved=0.0):
    """Views of one instrument's particles: all of its features are shifted alike, as far as instruments differ."""
    views, _ = drawn_views(each, seed=seed)
    rng = np.random.default_rng(1000 + seed)
    shifted = [part + between * rng.normal(size=part.shape[1]).astype(np.float32) for part in views[:3]]
    shifted[1] = shifted[1] + np.float32(moved)
    return Views(*shifted, views.named)


@pytest.fixture(scope="module")
def spread():
    runs = [instrument_run(EACH, seed=k) for k in range(INSTRUMENTS)]
    views = Views(*(np.concatenate(parts) for parts in zip(*runs, strict=True)))
    return fit_spread(views, np.repeat(np.arange(INSTRUMENTS), 3 * EACH), 3)


def test_a_clean_run_of_a_new_instrument_resembles_the_others(spread):
    excesses = [compare_run(spread, instrument_run(60, seed=100 + k)).excess for k in range(20)]
    assert 0 < max(excesses) < MARGIN
    assert (compare_run(spread, instrument_run(60, seed=100)).p_values == 1).all()


def test_a_run_that_lies_aside_differs_and_its_particles_are_told_apart(spread):
    found = compare_run(spread, instrument_run(80, seed=7, moved=4.0))
    assert found.differs
    assert found.excess > MARGIN
    assert (found.p_values <= 0.05).mean() > 0.8
    assert found.p_values.min() > 0
    # Known ones among them are not: half of the run's particles lie aside, the others do not.
    clean, moved = instrument_run(60, seed=300, between=0.0), instrument_run(60, seed=301, between=0.0, moved=6.0)
    mixed = Views(*(np.concatenate(parts) for parts in zip(clean, moved, strict=True)))
    values = compare_run(spread, mixed).p_values
    assert (values[: len(clean.named)] <= 0.05).mean() < 0.15
    assert (values[len(clean.named) :] <= 0.05).mean() > 0.8


def test_a_sample_of_other_sizes_is_no_other_kind(spread):
    """What size explains is left out: features that follow size shift with it."""
    runs = []
    for k in range(INSTRUMENTS):
        views = instrument_run(EACH, seed=k)
        runs.append(Views(views.fixed, views.projected + views.shapes[:, :1], views.shapes, views.named))
    views = Views(*(np.concatenate(parts) for parts in zip(*runs, strict=True)))
    following = fit_spread(views, np.repeat(np.arange(INSTRUMENTS), 3 * EACH), 3)
    new = instrument_run(200, seed=500)
    small = new.shapes[:, 0] < np.quantile(new.shapes[:, 0], 0.5)
    sample = Views(new.fixed, new.projected + new.shapes[:, :1], new.shapes, new.named).take(small)
    assert compare_run(following, sample).excess < MARGIN


def test_few_particles_and_those_without_an_outline_judge_nothing(spread):
    few = instrument_run(MIN_PARTICLES - 1, seed=9, moved=9.0)
    assert compare_run(spread, few).excess == 0
    shapes = np.full_like(instrument_run(80, seed=9).shapes, np.nan)
    run = instrument_run(80, seed=9, moved=9.0)
    found = compare_run(spread, Views(run.fixed, run.projected, shapes, run.named))
    assert (found.excess, found.differs) == (0, False)
    assert (found.p_values == 1).all()


def test_arrays_give_back_the_spread(spread):
    again, run = spread_from_arrays(spread_as_arrays(spread)), instrument_run(80, seed=7, moved=4.0)
    one, other = compare_run(spread, run), compare_run(again, run)
    assert other.excess == pytest.approx(one.excess, rel=0.01)
    assert np.mean((one.p_values <= 0.05) == (other.p_values <= 0.05)) > 0.98


def test_some_rows_of_stored_features_are_judged_as_if_they_were_all(spread):
    run = instrument_run(90, seed=7, moved=4.0)
    rows = np.arange(90)[np.arange(90) % 9 > 0]
    stored = Views(*(np.asarray(part, np.float16) for part in run[:3]), run.named)
    some, alone = compare_run(spread, stored, rows), compare_run(spread, stored.take(rows).in_float32())
    assert some.excess == alone.excess > 0
    np.testing.assert_array_equal(some.p_values, alone.p_values)
