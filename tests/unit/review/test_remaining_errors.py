"""The audit of what is left: its bound holds the truth as often as it says, and says what cannot be bounded."""

import numpy as np
import pytest
from scipy.stats import beta

from svp_core.review.remaining_errors import (
    RemainingErrors,
    Stratum,
    clean_draws,
    describe_remaining,
    draw_audit,
    estimate_remaining,
    stop_hint,
)

# Wrong labels per place in what is left, and how many are left: a queue that has been worked off to some depth.
QUEUES = {
    "thinning out": (40_000, (0.1, 0.02, 0.001)),
    "all in the rest": (40_000, (0, 0, 0.029)),
    "none": (5_000, (0, 0, 0)),
    "rare": (40_000, (0, 0, 0.0002)),
    "small": (400, (0.1, 0.03, 0.01)),
    "mostly wrong": (3_000, (0.9, 0.9, 0.9)),
}


def audited(rng, wrong, draws):
    """(Parts, how many wrong ones nobody has seen) of an audit of particles of which these are wrong."""
    drawn = draw_audit(len(wrong), draws, seed=int(rng.integers(2**31)))
    parts = [Stratum(size, len(at), int(wrong[at].sum())) for size, at in drawn]
    return parts, int(wrong.sum()) - sum(part.wrong for part in parts)


@pytest.mark.parametrize("name", QUEUES)
def test_bound_and_interval_hold_the_truth(name):
    size, rates = QUEUES[name]
    rng = np.random.default_rng(len(name))
    edges = [round(size * share) for share in (0, 0.1, 0.3, 1)]
    below, inside, estimates, truths = 0, 0, [], []
    times = 100
    for _ in range(times):
        wrong = np.zeros(size, bool)
        for rate, start, end in zip(rates, edges, edges[1:], strict=False):
            wrong[start:end] = rng.random(end - start) < rate
        parts, truth = audited(rng, wrong, 400 if size > 1000 else 100)
        found = estimate_remaining(parts)
        below += truth <= found.at_most
        inside += found.low <= truth <= found.high
        estimates.append(found.value)
        truths.append(truth)
    assert below >= 0.93 * times
    assert inside >= 0.93 * times
    spread = np.std(np.subtract(estimates, truths)) / np.sqrt(times)
    assert abs(np.mean(estimates) - np.mean(truths)) <= 3 * spread  # unbiased


def test_of_one_part_it_is_clopper_and_pearson():
    for drawn, wrong in ((100, 4), (300, 0), (50, 50)):
        found = estimate_remaining([Stratum(1_000_000, drawn, wrong)])
        rest = 1_000_000 - drawn
        low = beta.ppf(0.025, wrong, drawn - wrong + 1) if wrong else 0
        high = beta.ppf(0.975, wrong + 1, drawn - wrong) if wrong < drawn else 1
        most = beta.ppf(0.95, wrong + 1, drawn - wrong) if wrong < drawn else 1
        assert (found.low, found.high, found.at_most) == pytest.approx((low * rest, high * rest, most * rest), rel=0.03)
        assert found.value == pytest.approx(wrong / drawn * rest)


def test_of_none_wrong_three_in_m_may_be():
    assert estimate_remaining([Stratum(10_000, 300, 0)]).at_most == pytest.approx(0.01 * 9_700, rel=0.05)
    assert clean_draws(0.01) == 299
    assert clean_draws(5e-5) == 59_914
    # All of them right: as sure as it says, and no surer.
    assert 0.99**298 > 0.05 > 0.99**299


def test_unsure_ones_widen_it_to_both_sides():
    sure, unsure = estimate_remaining([Stratum(1000, 100, 10)]), estimate_remaining([Stratum(1000, 100, 10, unsure=20)])
    assert unsure.low <= sure.low * 1.02
    assert unsure.high > estimate_remaining([Stratum(1000, 100, 25)]).high
    assert unsure.value == pytest.approx(900 * 10 / 80)
    assert unsure.unsure == 20


def test_everything_drawn_leaves_nothing():
    found = estimate_remaining([Stratum(30, 30, 4, unsure=1), Stratum(0, 0, 0)])
    assert (found.value, found.low, found.high, found.at_most, found.size) == (0, 0, 0, 0, 0)
    assert (
        describe_remaining(found)
        == "Of 30 drawn at random 4 had a wrong label and 1 could not be told; nothing is left that nobody looked at."
    )
    for parts in ([Stratum(10, 0, 0)], [Stratum(10, 2, 0, unsure=2)]):
        with pytest.raises(ValueError, match="at least one drawn particle that could be told"):
            estimate_remaining(parts)


def test_draws_are_spread_over_the_parts_each_position_once():
    drawn = draw_audit(10_000, 400, seed=1)
    assert [size for size, _ in drawn] == [1000, 2000, 7000]
    assert [len(at) for _, at in drawn] == [200, 100, 100]
    for (_, at), (start, end) in zip(drawn, ((0, 1000), (1000, 3000), (3000, 10_000)), strict=True):
        assert len(set(at)) == len(at)
        assert start <= at.min()
        assert at.max() < end
        assert (np.diff(at) < 0).any()
    # A part too small for its share gives the rest on.
    assert [(size, len(at)) for size, at in draw_audit(300, 100, seed=1)] == [(30, 30), (60, 45), (210, 25)]
    assert [len(at) for _, at in draw_audit(120, 100, seed=2)] == [12, 24, 64]
    assert [(size, sorted(at)) for size, at in draw_audit(4, 100, seed=1)] == [(4, [0, 1, 2, 3])]
    assert draw_audit(0, 100, seed=1) == []
    again = draw_audit(10_000, 400, seed=1)
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(drawn, again, strict=True))
    assert not np.array_equal(drawn[0][1], draw_audit(10_000, 400, seed=2)[0][1])


def test_every_particle_of_a_part_is_as_likely_to_be_drawn():
    counts = np.zeros(50)
    for seed in range(4000):
        counts[np.concatenate([at for _, at in draw_audit(50, 10, seed=seed)])] += 1
    # Parts of 5, 10 and 35 with 5, 3 and 2 draws.
    assert (counts[:5] == 4000).all()
    for part, rate in ((counts[5:15], 3 / 10), (counts[15:], 2 / 35)):
        assert abs(part / 4000 - rate).max() < 4.5 * np.sqrt(rate * (1 - rate) / 4000)


def remaining(**changes):
    found = {
        "value": 12.0,
        "low": 5.0,
        "high": 30.0,
        "at_most": 28.0,
        "size": 9_600,
        "drawn": 100,
        "wrong": 4,
        "unsure": 0,
    }
    return RemainingErrors(**(found | changes))


def test_the_hint_says_why():
    assert stop_hint([], tolerated=5).message == "Nothing is decided yet."
    assert (
        stop_hint([True] * 3 + [False] * 97, tolerated=5).message
        == "Of the last 100 decisions 3 changed a label: go on."
    )
    assert stop_hint([False] * 99, tolerated=5).message == "Of the last 99 decisions 0 changed a label: go on."
    quiet = [True] * 200 + [False] * 98 + [True] * 2
    assert stop_hint(quiet, tolerated=5).message.endswith(
        "Draw some of the rest at random to learn how many wrong labels remain."
    )
    more = stop_hint(quiet, remaining(), tolerated=20)
    assert not more.stop
    assert more.message == (
        "Of the last 100 decisions 2 changed a label. Of 100 drawn at random 4 had a wrong label: about 12 (5 to 30) "
        "of the 9,600 others are wrong. That may be more than 20: go on."
    )
    assert stop_hint(quiet, remaining(), tolerated=28).stop
    # What no audit of this size can bound is said, not called clean.
    clean = remaining(value=0, low=0, at_most=97, drawn=300, wrong=0, size=9_700)
    hint = stop_hint(quiet, clean, tolerated=10)
    assert not hint.stop
    assert hint.message.endswith(
        "the 9,700 others up to 97 may still be wrong. To bound it by 10 it takes 2,905 draws without a wrong one."
    )
    assert stop_hint(quiet, clean, tolerated=0).message.endswith("up to 97 may still be wrong.")  # more than there are
    assert stop_hint(quiet, clean, tolerated=200).stop
