"""A call in a process of its own: what comes back, and what happens when it takes too much."""

import os

import numpy as np
import pytest

from svp_core.errors import LabError
from svp_core.execution import bounded
from svp_core.execution.bounded import call_bounded

pytestmark = pytest.mark.skipif(os.name == "nt", reason="a process of Windows has no such limits")


def own_process():
    return os.getpid(), os.environ["SVP_WORKSPACE"]


def allocate(gigabytes):
    return int(np.ones(gigabytes * 1024**3, np.uint8).sum())


def die():
    os.kill(os.getpid(), 9)


def refuse(path):
    raise LabError(f"{path} cannot be read.")


def divide(number):
    return 1 / number


def sleep(seconds):
    import time

    time.sleep(seconds)


def test_the_call_runs_in_another_process_with_the_settings_of_this_one(monkeypatch):
    monkeypatch.setenv("SVP_WORKSPACE", "/somewhere")
    process, workspace = call_bounded(own_process)
    assert process != os.getpid()
    assert workspace == "/somewhere"
    assert call_bounded(sorted, [2, 1], reverse=True) == [2, 1]


def test_what_needs_too_much_memory_is_refused_in_a_sentence():
    with pytest.raises(LabError, match="memory"):
        call_bounded(allocate, 3)


def test_a_process_that_dies_is_told_in_a_sentence():
    with pytest.raises(LabError, match="memory"):
        call_bounded(die)


def test_errors_of_the_call_come_back():
    with pytest.raises(LabError, match=r"run\.zip cannot be read"):
        call_bounded(refuse, "run.zip")
    with pytest.raises(ZeroDivisionError) as raised:
        call_bounded(divide, 0)
    assert "divide" in "".join(raised.value.__notes__)


def test_what_takes_too_long_is_stopped(monkeypatch):
    monkeypatch.setattr(bounded, "SECONDS", 1)
    with pytest.raises(LabError, match="minutes"):
        call_bounded(sleep, 60)
