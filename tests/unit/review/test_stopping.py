"""Stopping advice: a run of kept labels bounds what is next in the queue; a random audit overrules it."""

import numpy as np
import pytest
from scipy.stats import binomtest

from svp_core.review.remaining_errors import RemainingErrors
from svp_core.review.stopping import MIN_RUN, run_bound, stop_hint


def audit_result(**changes):
    """Result of an audit of 100 particles, 4 of them wrong."""
    values = {
        "value": 12.0,
        "low": 5.0,
        "high": 30.0,
        "at_most": 28.0,
        "size": 9_600,
        "drawn": 100,
        "wrong": 4,
        "unsure": 0,
    }
    return RemainingErrors(**(values | changes))


@pytest.mark.parametrize("count", [1, 10, 46, 299])
def test_the_bound_of_a_run_is_clopper_and_pearsons(count):
    interval = binomtest(0, count, alternative="less").proportion_ci(0.95, method="exact")
    assert run_bound(count) == pytest.approx(interval.high)
    assert run_bound(count) <= 3 / count  # rule of three


def test_the_bound_of_a_run_covers_a_constant_share_as_often_as_it_says():
    rng = np.random.default_rng(1)
    for share in (0.02, 0.1):
        run = rng.random((4000, 400)) < share
        kept = np.where(run.any(1), run.argmax(1), 400)  # up to the first wrong label, seen backwards
        covered = [k == 0 or run_bound(int(k)) >= share for k in kept]
        assert np.mean(covered) >= 0.94


def test_a_run_of_kept_labels_is_stated_although_many_before_it_were_wrong():
    hint = stop_hint([True] * 14 + [False] * 46, tolerated=3, undecided=240)
    assert hint.kept_in_a_row == 46
    assert hint.share_at_most == pytest.approx(1 - 0.05 ** (1 / 46))
    assert "46 labels in a row were kept since the last wrong one" in hint.message
    assert "6.3 %" in hint.message
    assert not hint.stop
    assert "Continue" in hint.message


def test_a_run_that_shows_the_acceptable_share_says_stop_and_asks_for_confirmation():
    wrong = [True] * 14 + [False] * 46
    assert not stop_hint(wrong, tolerated=15, undecided=240).stop  # 6.25 %, just below the bound
    hint = stop_hint(wrong, tolerated=16, undecided=240)
    assert hint.stop
    assert "random check" in hint.message
    assert not stop_hint([*wrong, True], tolerated=16, undecided=240).stop


def test_a_short_run_is_not_mentioned():
    hint = stop_hint([True] * 5 + [False] * (MIN_RUN - 1), tolerated=1, undecided=100)
    assert "in a row were kept" not in hint.message
    assert not hint.stop


def test_nothing_reviewed_and_everything_reviewed():
    assert not stop_hint([], tolerated=5, undecided=10).stop
    assert stop_hint([True, False], tolerated=0, undecided=0).stop
    assert not stop_hint([False] * 50, tolerated=0, undecided=1_000).stop
    assert not stop_hint([True], tolerated=50, undecided=10).stop


def test_an_audit_overrules_the_run():
    quiet = [True] * 20 + [False] * 2_000
    assert stop_hint(quiet, tolerated=20, undecided=9_700).stop
    more = stop_hint(quiet, audit_result(), tolerated=20, undecided=9_700)
    assert not more.stop
    assert "4 of 100 labels wrong" in more.message
    assert stop_hint([True] * 20, audit_result(), tolerated=28, undecided=9_700).stop


def test_what_no_audit_of_this_size_can_show_is_said():
    clean = audit_result(value=0, low=0, at_most=97, drawn=300, wrong=0, size=9_700)
    hint = stop_hint([False] * 9, clean, tolerated=10, undecided=9_700)
    assert not hint.stop
    assert "2,905 draws" in hint.message
    assert "draws without" not in stop_hint([False] * 9, clean, tolerated=0, undecided=9_700).message
    assert stop_hint([False] * 9, clean, tolerated=200, undecided=9_700).stop
