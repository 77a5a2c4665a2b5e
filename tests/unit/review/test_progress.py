"""Progress: the time per decision counts every particle once, however many one key has decided."""

import pytest

from svp_core.review.progress import PAUSE_S, review_progress, wrong_labels_in_order
from tests.helpers.review_fixture import current_labels, databases, event, new_review, record

START = 1_800_000_000.0


@pytest.fixture(autouse=True)
def lab(tmp_path, monkeypatch):
    return databases(tmp_path, monkeypatch, "sqlite")


def seconds_after(*keys, reviewer="Anna"):
    """Seconds per decision after these keys: (time, how many particles it decided, batch)."""
    review = new_review(200)
    n, events = 0, []
    for time, count, batch in keys:
        for _ in range(count):
            n += 1
            events.append(event(n, f"p{n}", reviewer=reviewer, at=START + time, batch=batch))
    record(review, *events)
    return review_progress(current_labels(review)).seconds


def test_single_decisions_of_one_page_count_one_by_one():
    assert seconds_after(*((2.0 * k, 1, "page1") for k in range(40))) == pytest.approx(2.0)


def test_a_page_accepted_with_one_key_takes_its_share_of_the_time():
    # 40 after 20 s are 0.5 s each; the two single ones before do not move the median.
    assert seconds_after((0, 1, "a"), (3, 1, "a"), (6, 1, "a"), (26, 40, "b")) == pytest.approx(0.5)


def test_fast_keys_are_decisions_of_their_own():
    assert seconds_after(*((0.02 * k, 1, "a") for k in range(10))) == pytest.approx(0.02)


def test_keys_of_one_press_may_differ_by_milliseconds():
    assert seconds_after((0, 1, "a"), (10, 1, "b"), (10.003, 1, "b"), (10.006, 1, "b"), (10.009, 1, "b")) == 2.5


def test_a_pause_is_left_out_and_one_key_alone_says_nothing():
    assert seconds_after((0, 1, "a"), (2, 1, "a"), (2 + PAUSE_S, 1, "a"), (6 + PAUSE_S, 1, "a")) == pytest.approx(3.0)
    assert seconds_after((0, 40, "a")) is None
    assert seconds_after((0, 1, "a"), (2 * PAUSE_S, 1, "a")) is None


def test_reviewers_at_once_are_timed_apart():
    review = new_review(20)
    events = [event(k + 1, f"p{k}", tab="a", at=START + 4 * k) for k in range(5)]
    events += [event(k + 1, f"p{10 + k}", tab="b", reviewer="Ben", at=START + 1 + 8 * k) for k in range(5)]
    record(review, *events)
    now = current_labels(review)
    assert review_progress(now, "Anna").seconds == pytest.approx(4.0)
    assert review_progress(now, "Ben").seconds == pytest.approx(8.0)


def test_unsure_and_audited_ones_say_nothing_about_the_queue():
    review = new_review(10)
    record(
        review,
        event(1, "p0"),
        event(2, "p1", "keep"),
        event(3, "p2", "unsure"),
        event(4, "p3", "not_a_particle"),
        event(5, "p4", "keep", purpose="audit"),
        event(6, "p5", "keep"),
    )
    assert wrong_labels_in_order(current_labels(review)) == [True, False, True, False]
