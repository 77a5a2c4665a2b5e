"""The local executor: results in order, no reading ahead without bound, closed when nobody takes results."""

import os
import signal
import time
from functools import partial
from itertools import islice

import numpy as np
import pytest

from svp_core.errors import LabError
from svp_core.execution import WorkItem, executor, local
from svp_core.execution.threads import set_threads


def slow_square(number, *, seconds=0.0):
    """Squares; even numbers take longer, so that later items finish first."""
    time.sleep(0 if number % 2 else seconds)
    return number * number


class Source:
    """Items that count how many were taken."""

    def __init__(self, count, size=1):
        self.taken, self.count, self.size = 0, count, size

    def __iter__(self):
        for number in range(self.count):
            self.taken += 1
            yield WorkItem(number, self.size, context=f"item {number}")


@pytest.mark.parametrize("workers", [0, 2])
def test_results_come_in_the_order_of_the_items(workers):
    work = partial(slow_square, seconds=0.05)
    results = list(executor().map_ordered(work, Source(9), workers=workers))
    assert results == [(f"item {number}", number * number) for number in range(9)]


@pytest.mark.parametrize(
    ("workers", "size", "most"),
    [(0, 1, 1), (2, 1, local.MAX_WAITING * 2 + 1), (2, local.MAX_WAITING_BYTES // 2, 3)],
)
def test_items_are_taken_no_faster_than_results(workers, size, most):
    source = Source(50, size)
    results = executor().map_ordered(slow_square, source, workers=workers)
    for position in range(5):
        next(results)
        assert source.taken <= position + most
    results.close()
    assert source.taken < 50


def test_an_error_of_the_function_is_raised_at_its_place():
    results = executor().map_ordered(int, [WorkItem("1", 1), WorkItem("x", 1)], workers=1)
    assert next(results) == (None, 1)
    with pytest.raises(ValueError, match="'x'"):
        next(results)


def die_at_three(number):
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return np.full(10**6, number)


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_a_killed_worker_is_an_error_after_the_results_before_it():
    results = executor().map_ordered(die_at_three, Source(9), workers=2)
    assert [result[0] for _, result in islice(results, 3)] == [0, 1, 2]
    with pytest.raises(LabError, match="was killed from outside"):
        next(results)


def test_an_error_tells_where_it_was_raised():
    with pytest.raises(ValueError) as raised:
        list(executor().map_ordered(int, [WorkItem("x", 1)], workers=1))
    assert "Traceback" in raised.value.__notes__[0]


def test_threads_are_lowered_and_raised_but_a_smaller_own_choice_stays(monkeypatch):
    import torch

    before = torch.get_num_threads()
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    try:
        torch.set_num_threads(4)
        set_threads(2)
        assert torch.get_num_threads() == 2
        set_threads(4, before=2)
        assert torch.get_num_threads() == 4
        torch.set_num_threads(1)
        set_threads(3, before=4)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
