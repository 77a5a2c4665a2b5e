"""Particles are listed as Benjamini and Hochberg do; the least number that raises the alarm is the least."""

import numpy as np
import pytest

from svp_core.novelty.listing import FALSE_SHARE, false_discovery_rates, most_known, smallest_noticed
from svp_core.novelty.verdict import FAR, SampleVerdict, judge_by_shipped


def naive_rejections(values, share):
    """Positions that the step-up procedure rejects: all up to the last p(k) <= share k / n."""
    order = np.argsort(values)
    passed = [k for k, position in enumerate(order, 1) if values[position] <= share * k / len(values)]
    return set(order[: max(passed, default=0)].tolist())


@pytest.mark.parametrize("share", [0.01, 0.1, 0.3])
def test_the_listed_particles_are_those_of_the_step_up_procedure(share):
    rng = np.random.default_rng(3)
    values = np.r_[rng.random(200), rng.random(40) ** 6]
    rates = false_discovery_rates(values)
    assert set(np.flatnonzero(rates <= share).tolist()) == naive_rejections(values, share)


def test_the_false_share_holds_with_conformal_p_values_and_unjudged_ones_stay_out():
    rng = np.random.default_rng(0)
    shares, found = [], []
    for _ in range(60):
        known = np.sort(rng.normal(size=1000))
        new = np.r_[rng.normal(size=180), rng.normal(4, 1, 20)]
        values = (1 + len(known) - np.searchsorted(known, new)) / (len(known) + 1)
        listed = false_discovery_rates(values) <= FALSE_SHARE
        shares.append(listed[:180].sum() / max(1, listed.sum()))
        found.append(listed[180:].mean())
    assert np.mean(shares) <= FALSE_SHARE
    assert np.mean(found) > 0.5
    rates = false_discovery_rates([0.001, np.nan, 0.9])
    assert np.isnan(rates[1])
    assert rates[0] == pytest.approx(0.002)
    assert false_discovery_rates([]).shape == (0,)


@pytest.mark.parametrize(("total", "among"), [(500, 0), (500, 50), (200, 1000), (37, 300)])
def test_the_alarm_rings_from_the_smallest_noticed_number_on(total, among):
    least, far = smallest_noticed(SampleVerdict(0, total, 0.05, among))
    assert least is not None
    assert far is None
    assert SampleVerdict(least, total, 0.05, among).is_alarm
    assert not SampleVerdict(least - 1, total, 0.05, among).is_alarm


def test_a_tiny_sample_never_raises_the_alarm():
    assert smallest_noticed(SampleVerdict(0, 1, 0.05, 50, 0)) == (None, None)
    assert smallest_noticed(SampleVerdict(0, 0, 0.05, 50)) == (None, None)


def test_far_particles_raise_the_alarm_from_a_smaller_number_on():
    least, far = smallest_noticed(judge_by_shipped(np.linspace(0.02, 1, 500), "10x"))
    assert least is not None
    assert far is not None
    assert far < least / 2
    for count in (far - 1, far):
        values = np.r_[np.full(count, FAR), np.full(500 - count, 0.5)]
        assert judge_by_shipped(values, "10x").is_alarm is (count == far)


@pytest.mark.parametrize("strangers", [0.0, 0.2, 0.6])
def test_the_share_of_known_particles_is_bounded_from_the_upper_half(strangers):
    rng, bounds = np.random.default_rng(1), []
    for _ in range(200):
        values = rng.random(400)
        values[: round(400 * strangers)] *= 0.02
        bounds.append(most_known(values))
    known = 1 - strangers
    assert np.mean(np.array(bounds) >= known - 1e-9) > 0.92
    assert np.median(bounds) < known + 0.12


def test_images_that_are_all_somewhat_unusual_are_no_known_sample():
    values = 0.05 + 0.25 * np.random.default_rng(1).random(40)
    assert (values <= 0.05).sum() == 0
    assert most_known(values) < 0.25
    assert most_known([]) == 1.0
    assert most_known([np.nan, 0.1, 0.2]) == 1.0  # two particles say little
