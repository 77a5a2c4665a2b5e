"""The executor of a Ray cluster: order, back-pressure, errors, and workers that are killed."""

import os
import signal
import socket
import time
from functools import partial

import pytest

from svp_core.errors import LabError
from svp_core.execution import RAY, WorkItem, executor, ray_cluster

pytest.importorskip("ray", reason="Ray is not installed (requirements-cluster.txt)")


@pytest.fixture(scope="module")
def cluster():
    """Ray on this machine, stopped at the end."""
    os.environ.pop(ray_cluster.ADDRESS, None)
    import ray

    yield executor(RAY)
    ray.shutdown()


class Source:
    """Items that count how many were taken."""

    def __init__(self, count):
        self.taken, self.count = 0, count

    def __iter__(self):
        for number in range(self.count):
            self.taken += 1
            yield WorkItem(number, 1, context=f"item {number}")


def square(number, *, folder):
    """Squares. 3 kills its process the first time; every call leaves a mark."""
    time.sleep(0 if number % 2 else 0.02)
    marks = folder / f"{number}"
    with marks.open("a") as file:
        file.write("x")
    if number == 3 and marks.stat().st_size == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    if number == 17:
        raise ValueError("17 is not liked")
    return number * number


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_a_killed_worker_loses_nothing_and_doubles_nothing(cluster, tmp_path):
    source = Source(12)
    results = cluster.map_ordered(partial(square, folder=tmp_path), source, workers=2)
    assert next(results) == ("item 0", 0)
    assert source.taken < 12  # back-pressure
    assert list(results) == [(f"item {number}", number * number) for number in range(1, 12)]
    assert (tmp_path / "3").read_text() == "xx"


def test_an_error_of_the_function_is_raised_at_its_place(cluster, tmp_path):
    results = cluster.map_ordered(partial(square, folder=tmp_path), (WorkItem(n, 1) for n in (16, 17, 18)), workers=1)
    assert next(results) == (None, 256)
    with pytest.raises(ValueError, match="17 is not liked"):
        next(results)


def die(_):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_a_batch_that_kills_every_worker_ends_in_a_sentence(cluster, monkeypatch):
    monkeypatch.setattr(ray_cluster, "MAX_LOSSES", 1)
    with pytest.raises(LabError, match="2 workers were lost on the same images"):
        list(cluster.map_ordered(die, [WorkItem(0, 1)], workers=1))


def test_an_address_where_nothing_answers_is_said_at_once(monkeypatch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
    import ray

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setenv(ray_cluster.ADDRESS, address)
    with pytest.raises(LabError, match=rf"No Ray cluster answers at {address} .*refused.*; start it"):
        next(executor(RAY).map_ordered(str, [], workers=1))
