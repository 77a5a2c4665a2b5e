"""Work on this machine: a process per job, a pool of processes for batches."""

import os
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any

from svp_core.errors import LabError
from svp_core.execution.executor import WorkItem
from svp_core.execution.threads import set_threads

MAX_WAITING = 2  # items that wait for each worker, or for their results being taken
MAX_WAITING_BYTES = 64 * 1024**2  # of all waiting items together
NICENESS = 10  # of workers: what this process computes on the same cores comes first, they fill the gaps


class LocalExecutor:
    """The executor of one machine; see Executor."""

    def submit_job(
        self, command: Sequence[str], *, folder: Path, environment: Mapping[str, str], log_file: Path
    ) -> None:
        """Start a detached process."""
        with log_file.open("a") as log:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                **_DETACHED,
            )
        # Its exit status must be read, or it stays in the process table as long as this process runs.
        threading.Thread(target=process.wait, daemon=True).start()

    def map_ordered(
        self, function: Callable[[Any], Any], items: Iterable[WorkItem], *, workers: int
    ) -> Generator[tuple[Any, Any], None, None]:
        """Map over a pool of processes, or here."""
        if not workers:
            for item in items:
                yield item.context, function(item.argument)
            return
        pool = _start_pool(function, workers)
        waiting: deque[tuple[WorkItem, Future[Any]]] = deque()
        try:
            for item in items:
                while waiting and _is_full(waiting, item, workers):
                    yield _result(waiting)
                waiting.append((item, pool.submit(function, item.argument)))
            while waiting:
                yield _result(waiting)
        except BrokenProcessPool:
            raise LabError(
                "A worker process was killed from outside, perhaps for lack of memory; start the work again."
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


if os.name == "nt":
    _DETACHED: dict[str, Any] = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
else:
    _DETACHED = {"start_new_session": True}


def _start_pool(function: Callable[[Any], Any], workers: int) -> ProcessPoolExecutor:
    if not hasattr(os, "fork"):
        return ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_prepare_worker)
    # Forked from a server process that has done nothing yet: this one may hold threads, which do not survive a fork.
    context = get_context("forkserver")
    module = (function.func if isinstance(function, partial) else function).__module__
    context.set_forkserver_preload([module])
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_prepare_worker)


def _is_full(waiting: deque[tuple[WorkItem, Future[Any]]], item: WorkItem, workers: int) -> bool:
    waiting_bytes = sum(other.size for other, _ in waiting)
    return len(waiting) >= MAX_WAITING * workers or item.size + waiting_bytes > MAX_WAITING_BYTES


def _result(waiting: deque[tuple[WorkItem, Future[Any]]]) -> tuple[Any, Any]:
    item, future = waiting.popleft()
    return item.context, future.result()


def _prepare_worker() -> None:
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    set_threads(1)
    # Nothing else would end the workers if this process were killed.
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    if parent := parent_process():
        parent.join()
    os._exit(1)
