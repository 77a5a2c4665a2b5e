"""Processor time of a piece of work, for ratios: on a busy machine the same work may take ten times as long."""

import gc
import time
from collections.abc import Callable


def seconds_of(work: Callable[[], object]) -> float:
    """The least of three calls, by this thread alone: threads that other tests left in this process do not count."""
    gc.collect()
    gc.disable()  # else what other tests have left in memory is gone through meanwhile
    try:
        seconds = []
        for _ in range(3):
            started = time.thread_time()
            work()
            seconds.append(time.thread_time() - started)
    finally:
        gc.enable()
    return min(seconds)
