"""Remaining errors: the bound covers the truth as often as stated; draws are spread over the strata."""

import numpy as np
import pytest
from scipy.stats import beta

from svp_core.review.remaining_errors import (
    Stratum,
    clean_draws,
    describe_remaining,
    draw_audit,
    estimate_remaining,
)

# Particles left in a queue reviewed to some depth, and the share of wrong labels in each stratum of them.
QUEUES = {
    "thinning out": (40_000, (0.1, 0.02, 0.001)),
    "all in the rest": (40_000, (0, 0, 0.029)),
    "none": (5_000, (0, 0, 0)),
    "rare": (40_000, (0, 0, 0.0002)),
    "small": (400, (0.1, 0.03, 0.01)),
    "mostly wrong": (3_000, (0.9, 0.9, 0.9)),
}


def audited(rng, wrong, draws):
    """(Strata, number of wrong labels that nobody has seen) of an audit of particles of which these are wrong."""
    drawn = draw_audit(len(wrong), draws, seed=int(rng.integers(2**31)))
    strata = [Stratum(size, len(positions), int(wrong[positions].sum())) for size, positions in drawn]
    return strata, int(wrong.sum()) - sum(stratum.wrong for stratum in strata)


@pytest.mark.parametrize("name", QUEUES)
def test_bound_and_interval_cover_the_truth(name):
    size, rates = QUEUES[name]
    rng = np.random.default_rng(len(name))
    edges = [round(size * share) for share in (0, 0.1, 0.3, 1)]
    below, inside, estimates, truths = 0, 0, [], []
    times = 100
    for _ in range(times):
        wrong = np.zeros(size, bool)
        for rate, start, end in zip(rates, edges, edges[1:], strict=False):
            wrong[start:end] = rng.random(end - start) < rate
        strata, truth = audited(rng, wrong, 400 if size > 1000 else 100)
        remaining = estimate_remaining(strata)
        below += truth <= remaining.at_most
        inside += remaining.low <= truth <= remaining.high
        estimates.append(remaining.value)
        truths.append(truth)
    assert below >= 0.93 * times
    assert inside >= 0.93 * times
    spread = np.std(np.subtract(estimates, truths)) / np.sqrt(times)
    assert abs(np.mean(estimates) - np.mean(truths)) <= 3 * spread  # unbiased


def test_one_stratum_gives_clopper_and_pearsons_interval():
    for drawn, wrong in ((100, 4), (300, 0), (50, 50)):
        remaining = estimate_remaining([Stratum(1_000_000, drawn, wrong)])
        rest = 1_000_000 - drawn
        low = beta.ppf(0.025, wrong, drawn - wrong + 1) if wrong else 0
        high = beta.ppf(0.975, wrong + 1, drawn - wrong) if wrong < drawn else 1
        most = beta.ppf(0.95, wrong + 1, drawn - wrong) if wrong < drawn else 1
        assert (remaining.low, remaining.high, remaining.at_most) == pytest.approx(
            (low * rest, high * rest, most * rest), rel=0.03
        )
        assert remaining.value == pytest.approx(wrong / drawn * rest)


def test_no_wrong_label_in_m_draws_bounds_the_share_by_three_over_m():
    assert estimate_remaining([Stratum(10_000, 300, 0)]).at_most == pytest.approx(0.01 * 9_700, rel=0.05)
    assert clean_draws(0.01) == 299
    assert clean_draws(5e-5) == 59_914
    # All of them right: as sure as it says, and no surer.
    assert 0.99**298 > 0.05 > 0.99**299


def test_unsure_answers_widen_the_interval_on_both_sides():
    sure, unsure = estimate_remaining([Stratum(1000, 100, 10)]), estimate_remaining([Stratum(1000, 100, 10, unsure=20)])
    assert unsure.low <= sure.low * 1.02
    assert unsure.high > estimate_remaining([Stratum(1000, 100, 25)]).high
    assert unsure.value == pytest.approx(900 * 10 / 80)
    assert unsure.unsure == 20


def test_nothing_remains_where_everything_was_drawn():
    remaining = estimate_remaining([Stratum(30, 30, 4, unsure=1), Stratum(0, 0, 0)])
    assert (remaining.value, remaining.low, remaining.high, remaining.at_most, remaining.size) == (0, 0, 0, 0, 0)
    assert "4 of 30 labels wrong, 1 unsure; no particle is left" in describe_remaining(remaining)
    for strata in ([Stratum(10, 0, 0)], [Stratum(10, 2, 0, unsure=2)]):
        with pytest.raises(ValueError, match="at least one drawn particle with an answer"):
            estimate_remaining(strata)


def test_draws_are_spread_over_the_strata_and_each_position_is_drawn_once():
    drawn = draw_audit(10_000, 400, seed=1)
    assert [size for size, _ in drawn] == [1000, 2000, 7000]
    assert [len(positions) for _, positions in drawn] == [200, 100, 100]
    for (_, positions), (start, end) in zip(drawn, ((0, 1000), (1000, 3000), (3000, 10_000)), strict=True):
        assert len(set(positions)) == len(positions)
        assert start <= positions.min()
        assert positions.max() < end
        assert (np.diff(positions) < 0).any()
    # A part too small for its share gives the rest on.
    assert [(size, len(positions)) for size, positions in draw_audit(300, 100, seed=1)] == [
        (30, 30),
        (60, 45),
        (210, 25),
    ]
    assert [len(positions) for _, positions in draw_audit(120, 100, seed=2)] == [12, 24, 64]
    assert [(size, sorted(positions)) for size, positions in draw_audit(4, 100, seed=1)] == [(4, [0, 1, 2, 3])]
    assert draw_audit(0, 100, seed=1) == []
    again = draw_audit(10_000, 400, seed=1)
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(drawn, again, strict=True))
    assert not np.array_equal(drawn[0][1], draw_audit(10_000, 400, seed=2)[0][1])


def test_every_particle_of_a_stratum_is_equally_likely():
    counts = np.zeros(50)
    for seed in range(4000):
        counts[np.concatenate([positions for _, positions in draw_audit(50, 10, seed=seed)])] += 1
    # Parts of 5, 10 and 35 with 5, 3 and 2 draws.
    assert (counts[:5] == 4000).all()
    for stratum, rate in ((counts[5:15], 3 / 10), (counts[15:], 2 / 35)):
        assert abs(stratum / 4000 - rate).max() < 4.5 * np.sqrt(rate * (1 - rate) / 4000)
