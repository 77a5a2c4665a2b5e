"""A sample is suspicious when more of its particles are marked than known ones would be, beyond chance."""

import numpy as np
import pytest
from scipy.stats import binomtest

from svp_core.novelty.calibration import NoveltyCalibration
from svp_core.novelty.score import Directions
from svp_core.novelty.verdict import (
    FAR_LAWS,
    FAR_UNKNOWN,
    OTHER_INSTRUMENTS,
    SampleVerdict,
    judge_by_shipped,
    judge_sample,
    shipped_verdict,
    verdict_facts,
)
from tests.helpers.drawn_novelty import EXAMPLES


@pytest.mark.parametrize(("marked", "total"), [(0, 10), (5, 100), (30, 200), (7, 7)])
def test_the_p_value_is_that_of_the_binomial_test(marked, total):
    expected = binomtest(marked, total, 0.05, alternative="greater").pvalue
    assert SampleVerdict(marked, total, 0.05).p_value == pytest.approx(expected)


@pytest.mark.parametrize(
    ("marked", "total", "alarm"),
    [
        (0, 0, False),
        (25, 500, False),  # as many as known particles
        (37, 500, False),  # 7.4 %: beyond chance, but within what another instrument does
        (60, 500, True),
        (2, 10, False),  # 20 %, but two particles prove nothing
        (6, 10, True),
    ],
)
def test_an_alarm_needs_a_share_and_its_significance(marked, total, alarm):
    assert SampleVerdict(marked, total, 0.05).is_alarm is alarm


def test_known_particles_rarely_give_an_alarm():
    rng = np.random.default_rng(0)
    alarms = [judge_sample(rng.random(500)).is_alarm for _ in range(500)]
    assert np.mean(alarms) <= 0.02
    strange = [judge_sample(np.r_[rng.random(400), rng.random(100) * 0.1]).is_alarm for _ in range(100)]
    assert np.mean(strange) > 0.9


def test_particles_without_a_p_value_are_left_out():
    verdict = judge_sample([0.01, np.nan, 0.05, 0.5, np.nan])
    assert (verdict.marked, verdict.total) == (2, 3)
    assert verdict.share == pytest.approx(2 / 3)
    assert not judge_sample([0.001] * 50, level=0.0).is_alarm


def test_facts_without_a_calibration_are_its_reason_alone():
    assert verdict_facts(0, 0, 0, None, "None of its own.", magnification=None) == {"reason": "None of its own."}


def test_an_instrument_that_marks_more_known_particles_rings_rarely():
    """The share of known particles that is marked differs between instruments, as a Beta distribution of 50."""
    rng = np.random.default_rng(3)
    shares = rng.beta(0.05 * 51, 0.95 * 51, 1000)
    marked = rng.binomial(1000, shares)
    alarms = [SampleVerdict(int(one), 1000, 0.05, OTHER_INSTRUMENTS).is_alarm for one in marked]
    assert np.mean(alarms) <= 0.02
    assert np.mean([SampleVerdict(int(one), 1000, 0.05).is_alarm for one in marked]) > 0.1
    assert SampleVerdict(200, 1000, 0.05, OTHER_INSTRUMENTS).is_alarm


@pytest.mark.parametrize("magnification", ["20x", "10x", "4x", None])
def test_far_particles_ring_on_strangers_and_rarely_on_other_instruments(magnification):
    """Known particles are far as by the law of the magnification, and marked as those of any instrument."""
    law, rng, size = FAR_LAWS.get(magnification or "", FAR_UNKNOWN), np.random.default_rng(7), 500
    far = rng.binomial(size, rng.beta(law.share * law.among, (1 - law.share) * law.among, 1000))
    marked = np.maximum(far, rng.binomial(size, rng.beta(0.05 * 51, 0.95 * 51, 1000)))
    clean = [shipped_verdict(int(m), int(f), size, magnification) for m, f in zip(marked, far, strict=True)]
    assert np.mean([one.is_alarm for one in clean]) <= 0.025
    # 10 % strangers of which most are marked and half are far: the marked ones alone hardly ring.
    strange = [shipped_verdict(int(0.9 * m) + 35, int(0.9 * f) + 25, size, magnification)
               for m, f in zip(marked, far, strict=True)]  # fmt: skip
    assert np.mean([one.is_alarm for one in strange]) > 0.9
    assert np.mean([one.is_marked_alarm for one in strange]) < 0.4
    assert all(one.p_value < 0.02 for one in strange if one.is_alarm)


def test_the_verdict_on_p_values_counts_marked_and_far_ones():
    verdict = judge_by_shipped([0.001, 0.01, 0.011, 0.05, 0.06, np.nan], "4x")
    assert (verdict.marked, verdict.far, verdict.total, verdict.among) == (4, 2, 5, OTHER_INSTRUMENTS)
    assert verdict.far_law == FAR_LAWS["4x"]
    assert judge_by_shipped([0.2], None).far_law == FAR_UNKNOWN
    facts = verdict_facts(4, 100, 500, calibration(among=0), "", magnification="4x")
    assert facts["alarm"]
    # Among particles of its own, far ones are not looked at.
    assert not verdict_facts(4, 100, 500, calibration(among=300), "", magnification="4x")["alarm"]


def calibration(*, among):
    """What verdict_facts sees of a calibration."""
    directions = Directions(np.zeros(1, np.float32), np.zeros((1, 1), np.float32))
    return NoveltyCalibration(("protein",), directions, (), "drawn ones", "", EXAMPLES, among=among)
