"""Strangers that no score finds are found once some are confirmed; known particles are hardly marked by it."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from svp_core.errors import LabError
from svp_core.novelty import teaching
from svp_core.novelty.calibration import KnownExamples, features_of
from svp_core.novelty.listing import false_discovery_rates
from svp_core.novelty.teaching import (
    MIN_CONFIRMED,
    TAUGHT_SHARE,
    judge_taught,
    like_confirmed,
    teaching_gain,
    unconfirmed_rates,
)
from tests.helpers.drawn_novelty import drawn_examples, drawn_views


@pytest.fixture(scope="module")
def sample():
    """(features, most likely classes, forms, whether a stranger) of 300 known particles and 100 shifted a little."""
    known, labels = drawn_views(100, seed=20)
    strange, named = drawn_views(34, seed=21)
    features = np.concatenate(
        [features_of(known), features_of(strange)[:100] + np.float16(0.8) * (np.arange(120) % 3 == 0)]
    )
    forms = np.arange(400) % 2
    return features, np.concatenate([labels, named[:100]]), forms, np.arange(400) >= 300


@pytest.mark.parametrize(("count", "found"), [(MIN_CONFIRMED, 0.5), (20, 0.9)])
def test_strangers_like_the_confirmed_ones_are_found(sample, count, found):
    features, named, forms, strange = sample
    confirmed = np.flatnonzero(strange)[:: 100 // count][:count]
    scores, values = judge_taught(drawn_examples(400), features, named, forms, confirmed)
    others = strange.copy()
    others[confirmed] = False
    marked = values <= 0.05
    assert marked[others].mean() > found
    assert marked[~strange].mean() < 0.09
    assert (values <= 0.05 * TAUGHT_SHARE)[~strange].mean() < 0.09
    assert values[confirmed].max() == values.min() > 0
    assert np.isinf(scores[confirmed]).all()
    # Ranked by score, also where the p-values of many are the smallest that there is.
    assert roc_auc_score(strange[others | ~strange], scores[others | ~strange]) > 0.5 + found / 2


def test_more_are_marked_only_where_most_of_the_sample_is_like_the_strangers():
    """p-values of 0.08 are listed among many small ones, and not among few."""
    confirmed = np.arange(5)
    for small, marked in ((900, True), (100, False)):
        values = np.concatenate([np.full(small, 0.001), np.full(50, 0.08), np.linspace(0.1, 1, 950 - small)])
        rates = unconfirmed_rates(values, confirmed)
        found = like_confirmed(values, rates)
        assert found[:small].all()
        assert found[small : small + 50].all() == found[small : small + 50].any() == marked
        assert not found[small + 50 :].any()
        np.testing.assert_array_equal(like_confirmed(values, None), values <= 0.05 * TAUGHT_SHARE)
    assert not like_confirmed(values, rates, level=0.0005).any()  # a smaller level marks fewer


def test_p_values_are_at_most_one_where_rounded_shares_sum_to_more(sample, monkeypatch):
    features, named, forms, strange = sample
    shares = {(0, 0): 0.5, (1, 0): 0.5 + 1e-9, (2, 1): 1e-9}
    monkeypatch.setattr(teaching, "_mixture", lambda *_: shares)
    values = judge_taught(drawn_examples(400), features, named, forms, np.flatnonzero(strange)[:20]).p_values
    assert 0 < values.min() <= values.max() <= 1


def test_too_few_confirmed_are_refused(sample):
    features, named, forms, strange = sample
    with pytest.raises(LabError, match="too few"):
        judge_taught(drawn_examples(50), features, named, forms, np.flatnonzero(strange)[: MIN_CONFIRMED - 1])


def test_a_missing_shape_does_not_stop_the_learning(sample):
    features, named, forms, strange = sample
    damaged = features.copy()
    damaged[::7, -8:] = np.nan
    values = judge_taught(drawn_examples(100), damaged, named, forms, np.flatnonzero(strange)[:10]).p_values
    assert np.isfinite(values).all()


def known_of_instruments(instruments, each, seed):
    """(features, named) of known particles, block by block of an instrument, each with a shift of its own."""
    rng, parts = np.random.default_rng(seed), []
    for number in range(instruments):
        views, labels = drawn_views(each, seed=1000 * seed + number)
        shift = rng.normal(0, 0.7, features_of(views).shape[1])
        parts.append((features_of(views) + shift.astype(np.float16), labels))
    return tuple(np.concatenate(part) for part in zip(*parts, strict=True))


def marked_known(block, monkeypatch):
    """Share of new instruments' known particles that the head marks, learnt from examples split into such blocks."""
    monkeypatch.setattr(teaching, "BLOCK", block)
    features, named = known_of_instruments(24, 17, seed=1)
    examples = KnownExamples(features, named, np.zeros(len(named), int))
    new, new_named = known_of_instruments(24, 17, seed=2)
    strange, labels = drawn_views(10, seed=3, moved=0.6)
    sample = np.concatenate([new, features_of(strange)]), np.concatenate([new_named, labels])
    forms, confirmed = np.zeros(len(sample[1]), int), np.arange(len(new_named), len(sample[1]))
    return (judge_taught(examples, *sample, forms, confirmed).p_values[: len(new_named)] <= 0.05).mean()


def test_particles_of_the_learnt_instruments_do_not_calibrate_the_head(monkeypatch):
    """Then new instruments' known particles would be marked more often than promised."""
    assert marked_known(51, monkeypatch) < 0.085
    assert marked_known(1, monkeypatch) > 0.095


def test_what_was_gained_is_measured_on_held_out_strangers(sample):
    features, named, forms, strange = sample
    confirmed = np.flatnonzero(strange)[:40]
    before = np.full(40, 0.5)
    gain = teaching_gain(drawn_examples(400), features, named, forms, confirmed, before)
    assert gain is not None
    assert (gain.confirmed, gain.auc_before, gain.found_before.value) == (40, 0.5, 0.0)
    assert gain.auc_after > 0.9
    assert gain.found_after.low < gain.found_after.value
    # Confirmed "strangers" that are known particles teach nothing, and the figures say so.
    known = np.flatnonzero(~strange)[::8][:36]
    none = teaching_gain(drawn_examples(400), features, named, forms, known, np.full(36, 0.5))
    assert none is not None
    assert none.auc_after < 0.65
    assert none.found_after.value < 0.25
    assert teaching_gain(drawn_examples(50), features, named, forms, np.arange(4), before[:4]) is None


def mixed_sample(shares, strangers, seed):
    """(features, named, forms, whether a stranger): 300 known particles with these shares of the classes, strangers.

    The strangers, of the first class by name, lie beside it, so that its known particles resemble them most.
    """
    rng, (views, labels) = np.random.default_rng(seed), drawn_views(300, seed=seed)
    rows = np.concatenate([np.flatnonzero(labels == label)[: round(300 * share)] for label, share in enumerate(shares)])
    strange, named = drawn_views(strangers, seed=seed + 1)
    features = np.concatenate([features_of(views)[rows], features_of(strange)[:strangers]])
    features[len(rows) :] += np.float16(0.5) * (np.arange(features.shape[1]) % 3 == 0)
    return (
        features,
        np.concatenate([labels[rows], named[:strangers]]),
        rng.integers(0, 2, len(rows) + strangers),
        np.arange(len(rows) + strangers) >= len(rows),
    )


@pytest.mark.parametrize("shares", [(1 / 3, 1 / 3, 1 / 3), (0.9, 0.05, 0.05), (0.05, 0.05, 0.9)])
def test_few_known_particles_are_marked_whatever_the_classes_of_the_sample(shares):
    """Also where most of them are of the class that the strangers look like: a share of 5 % of the sample at most."""
    marked = []
    for seed in (30, 40, 50):
        features, named, forms, strange = mixed_sample(shares, 60, seed)
        confirmed = np.flatnonzero(strange)[:20]
        values = judge_taught(drawn_examples(400), features, named, forms, confirmed).p_values
        marked.append((values <= 0.05)[~strange].sum() / (~strange).sum())
        assert (values <= 0.05)[strange].mean() > 0.5
    assert np.mean(marked) < 0.075


def test_p_values_order_particles_of_all_classes_as_the_scores_do(sample):
    features, named, forms, strange = sample
    confirmed = np.flatnonzero(strange)[:20]
    scores, values = judge_taught(drawn_examples(400), features, named, forms, confirmed)
    others = np.setdiff1d(np.arange(len(values)), confirmed)
    for half in (0, 1):  # each by heads of its own
        part = others[others % 2 == half]
        assert (np.diff(values[part][np.argsort(-scores[part])]) >= 0).all()


def test_confirmed_strangers_do_not_count_among_those_that_are_listed():
    values, confirmed = np.r_[np.full(50, 1e-4), np.linspace(0.004, 1, 200)], np.arange(50)
    rates = unconfirmed_rates(values, confirmed)
    assert np.isnan(rates[confirmed]).all()
    np.testing.assert_allclose(rates[50:], false_discovery_rates(values[50:]))
    assert (rates[50:] > 0.1).all()
    assert (false_discovery_rates(values)[50:] <= 0.1).any()
