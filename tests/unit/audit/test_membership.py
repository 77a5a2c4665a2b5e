"""Figures of membership: equal to naive loops, nothing by chance, ties never caught, no effect of the order."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from svp_core.audit import membership
from svp_core.audit.membership import (
    auc_interval,
    caught_share,
    membership_scores,
    membership_test,
    roc_curve,
    standardised_by_class,
)
from svp_core.errors import LabError


def draw(members, held_out, *, seed=0, shift=0.0):
    rng = np.random.default_rng(seed)
    return rng.normal(shift, 1, members), rng.normal(0, 1, held_out)


def test_auc_equals_the_share_of_pairs_and_ties_count_half():
    members, held_out = draw(40, 60, shift=0.5)
    members, held_out = members.round(1), held_out.round(1)
    pairs = [(m > h) + 0.5 * (m == h) for m in members for h in held_out]
    result = membership_test(members, held_out)
    assert result.auc.value == pytest.approx(np.mean(pairs))
    assert result.auc.low < result.auc.value < result.auc.high
    constant = membership_test(np.zeros(30), np.zeros(400))
    assert constant.auc.value == 0.5
    assert [each.share.value for each in constant.caught] == [0, 0]


def test_tied_scores_are_never_caught():
    held_out = np.arange(300.0)
    # At 1 %, three of 300 may be exceeded: the threshold is the fourth highest.
    assert caught_share([296.0, 296.5, 297.0, 400.0], held_out, 0.01) == 0.75
    assert caught_share(np.full(10, 5.0), np.full(300, 5.0), 0.01) == 0
    # Many held-out tiles at the top: to let only 3 through, none of them may pass.
    tied = np.concatenate([np.zeros(200), np.full(100, 9.0)])
    assert caught_share([9.0, 9.0, 9.1], tied, 0.01) == pytest.approx(1 / 3)
    for rate in (0.5, 0.05, 0.01):
        members, others = draw(50, 333, seed=3)
        threshold = np.sort(others)[::-1][int(rate * 333)]
        assert caught_share(members, others, rate) == (members > threshold).mean()


def test_what_can_be_said_follows_from_the_number_of_held_out_tiles():
    assert [each.false_alarms for each in membership_test(*draw(50, 99)).caught] == []
    assert [each.false_alarms for each in membership_test(*draw(50, 100)).caught] == [0.05]
    assert [each.false_alarms for each in membership_test(*draw(50, 300)).caught] == [0.05, 0.01]
    assert [each.false_alarms for each in membership_test(*draw(50, 3000)).caught] == [0.05, 0.01, 0.001]


def test_shuffled_membership_stays_within_its_floor(monkeypatch):
    monkeypatch.setattr(membership, "RESAMPLES", 10)
    members, held_out = draw(100, 120, shift=1.0)
    both, rng, within = np.concatenate([members, held_out]), np.random.default_rng(0), []
    for _ in range(200):
        order = rng.permutation(len(both))
        result = membership_test(both[order[:100]], both[order[100:]])
        within.append(result.auc_floor[0] <= result.auc.value <= result.auc_floor[1])
    assert np.mean(within) >= 0.93
    told = membership_test(members, held_out)
    assert told.auc.low > told.auc_floor[1]


def test_intervals_cover_the_truth_and_have_a_width_where_all_members_are_told():
    covered, truth = [], norm.cdf(np.sqrt(0.5))  # of two normal distributions, one standard deviation apart
    for seed in range(60):
        result = membership_test(*draw(60, 80, seed=seed, shift=1.0))
        covered.append(result.auc.low <= truth <= result.auc.high)
    assert np.mean(covered) >= 0.9
    certain = membership_test(np.full(10, 5.0), np.zeros(10))
    assert certain.auc.value == certain.auc.high == 1
    assert 0.6 < certain.auc.low < 0.95
    low, high = auc_interval(0.5, 1000, 1000)
    assert high - 0.5 == pytest.approx(0.5 - low)
    assert high - 0.5 == pytest.approx(1.96 * np.sqrt(2001 / (12 * 1000 * 1000)), rel=0.01)
    none = membership_test(np.zeros(40), np.arange(1.0, 101))
    assert none.caught[0].share.value == 0
    assert none.caught[0].share.high > 0.05


def test_order_has_no_effect_and_the_seed_gives_the_same_figures():
    members, held_out = draw(70, 130, shift=0.3)
    kinds, others = np.arange(70) % 2, np.arange(130) % 2
    first = membership_test(members, held_out, member_classes=kinds, held_out_classes=others)
    rng = np.random.default_rng(0)
    order, other = rng.permutation(70), rng.permutation(130)
    second = membership_test(
        members[order], held_out[other], member_classes=kinds[order], held_out_classes=others[other]
    )
    assert first == second


def test_a_difference_between_classes_is_not_membership():
    rng = np.random.default_rng(0)
    kinds, others = np.repeat([0, 1], [300, 30]), np.repeat([0, 1], [30, 300])
    members, held_out = rng.normal(3.0 * kinds, 1), rng.normal(3.0 * others, 1)
    assert membership_test(members, held_out).auc.value < 0.3
    for scores in ((members, held_out), standardised_by_class(members, held_out, kinds, others)):
        result = membership_test(*scores, member_classes=kinds, held_out_classes=others)
        assert result.auc.low < 0.5 < result.auc.high
    planted = members + 2.0
    standard = standardised_by_class(planted, held_out, kinds, others)
    assert membership_test(*standard, member_classes=kinds, held_out_classes=others).auc.low > 0.6


def test_calibration_removes_what_all_generators_find_hard():
    rng = np.random.default_rng(0)
    hard = rng.lognormal(0, 1, (400, 3))
    gain = np.r_[np.full(200, 0.8), np.ones(200)][:, None]
    errors, reference = hard * gain * rng.lognormal(0, 0.1, hard.shape), hard * rng.lognormal(0, 0.1, hard.shape)
    plain, calibrated = membership_scores(errors), membership_scores(errors, reference)
    np.testing.assert_allclose(calibrated, -(np.log(errors) - np.log(reference)).sum(1))
    assert membership_test(plain[:200], plain[200:]).auc.value < 0.7
    assert membership_test(calibrated[:200], calibrated[200:]).auc.value > 0.95


def test_roc_curve_passes_through_the_caught_shares():
    members, held_out = draw(200, 400, shift=1.0)
    false_alarms, caught = roc_curve(members, held_out)
    assert (false_alarms[0], caught[0], false_alarms[-1], caught[-1]) == (0, 0, 1, 1)
    assert caught[false_alarms <= 0.01 + 1e-9].max() == pytest.approx(caught_share(members, held_out, 0.01))
    area = np.trapezoid(caught, false_alarms)
    assert area == pytest.approx(membership_test(members, held_out).auc.value)


@pytest.mark.parametrize(
    ("members", "held_out", "said"),
    [(5, 0, "0 held-out tiles"), (5, 1, "1 held-out tile was"), (1, 5, "1 training tile was")],
)
def test_one_tile_is_refused_in_a_sentence(members, held_out, said):
    with pytest.raises(LabError, match=said):
        membership_test(np.zeros(members), np.zeros(held_out))


def test_classes_must_be_the_same_in_both_sets():
    with pytest.raises(LabError, match="have the classes a, b and the held-out tiles a"):
        membership_test(np.zeros(4), np.zeros(3), member_classes=["a", "a", "b", "b"], held_out_classes=["a"] * 3)
    with pytest.raises(LabError, match="No class has more than one held-out tile"):
        membership_test(np.zeros(4), np.zeros(2), member_classes=["a", "a", "b", "b"], held_out_classes=["a", "b"])
    one_class = membership_test(*draw(20, 20), member_classes=["a"] * 20, held_out_classes=["a"] * 20)
    assert replace(one_class, caught=()) == replace(membership_test(*draw(20, 20)), caught=())
