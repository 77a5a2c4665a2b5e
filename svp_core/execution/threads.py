"""How many threads the numeric libraries of this process use, adjustable while it runs."""

import os
import sys

from threadpoolctl import ThreadpoolController


def set_threads(count: int, *, before: int | None = None) -> None:
    """Let numeric libraries use `count` threads, those that are loaded and those that will be; in the calling thread.

    A library that was set to fewer than the limit `before` keeps its own number while that is at most `count`.
    """
    os.environ["OMP_NUM_THREADS"] = str(count)  # read by a library when it is loaded
    for library in ThreadpoolController().lib_controllers:
        threads = library.num_threads
        if threads and (threads > count or threads == before):
            library.set_num_threads(count)
    if opencv := sys.modules.get("cv2"):
        opencv.setNumThreads(count)  # has threads of its own
