"""Work on this machine: a process per job, worker processes for batches."""

import os
import signal
import subprocess
import threading
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from svp_core.errors import LabError
from svp_core.execution.executor import WorkItem
from svp_core.execution.threads import set_threads

MAX_WAITING = 2  # items that wait for each worker, or for their results being taken
MAX_WAITING_BYTES = 64 * 1024**2  # of all waiting items together
NICENESS = 10  # of workers: what this process computes on the same cores comes first, they fill the gaps
JOIN_S = 5  # until a worker that was told to stop is killed

if os.name == "nt":
    _DETACHED: dict[str, Any] = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
else:
    _DETACHED = {"start_new_session": True}


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
        """Map in worker processes, or here."""
        if not workers:
            for item in items:
                yield item.context, function(item.argument)
            return
        with _WorkerPool(function, workers) as pool:
            waiting: deque[tuple[WorkItem, Future[Any]]] = deque()
            for item in items:
                while waiting and _is_full(waiting, item, workers):
                    yield _result(waiting)
                waiting.append((item, pool.submit(item.argument)))
            while waiting:
                yield _result(waiting)


class _WorkerPool:
    """Worker processes, each with a pipe and a thread of its own.

    Not a ProcessPoolExecutor: there all workers write into one pipe, and the death of one in the middle of a result
    is never noticed (CPython 3.11 to 3.13). Here the end of the process is the end of its pipe.
    """

    def __init__(self, function: Callable[[Any], Any], count: int) -> None:
        # Forked from a server process that has done nothing: this one may hold threads, which do not survive a fork.
        context = get_context("forkserver" if hasattr(os, "fork") else "spawn")
        if hasattr(os, "fork"):
            module = (function.func if isinstance(function, partial) else function).__module__
            context.set_forkserver_preload([module])
        self._workers = [_Worker(context, function) for _ in range(count)]
        self._idle: SimpleQueue[_Worker] = SimpleQueue()
        for worker in self._workers:
            self._idle.put(worker)
        self._threads = ThreadPoolExecutor(count)

    def __enter__(self) -> "_WorkerPool":
        return self

    def __exit__(self, *_error: object) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        for worker in self._workers:
            worker.stop()

    def submit(self, argument: Any) -> "Future[Any]":
        """Let the next idle worker call the function."""
        return self._threads.submit(self._call, argument)

    def _call(self, argument: Any) -> Any:
        worker = self._idle.get()
        try:
            return worker.call(argument)
        finally:
            self._idle.put(worker)


class _Worker:
    """A process that calls the function with one argument at a time."""

    def __init__(self, context: Any, function: Callable[[Any], Any]) -> None:
        self._pipe, other_end = context.Pipe()
        self._process = context.Process(target=_serve, args=(other_end, function), daemon=True)
        self._process.start()
        other_end.close()  # so that the pipe ends with the process

    def call(self, argument: Any) -> Any:
        """The function's result. Raises what the function raises, LabError where the process is gone."""
        try:
            self._pipe.send(argument)
            error, result = self._pipe.recv()
        except (EOFError, OSError):
            raise LabError(
                "A worker process was killed from outside, perhaps for lack of memory; start the work again."
            ) from None
        if error is not None:
            raise error
        return result

    def stop(self) -> None:
        """End the process; what it is doing is dropped."""
        self._process.terminate()
        self._process.join(JOIN_S)
        if self._process.is_alive():
            self._process.kill()


def _serve(pipe: Connection, function: Callable[[Any], Any]) -> None:
    """Main of a worker process: call the function until the other end of the pipe is closed."""
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for the process that started this one
    set_threads(1)
    while True:
        try:
            argument = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            answer = None, function(argument)
        except Exception as error:  # goes to the caller, with this process's traceback as a note
            error.add_note(traceback.format_exc())
            answer = error, None
        try:
            pipe.send(answer)
        except (BrokenPipeError, ConnectionError):
            return


def _is_full(waiting: deque[tuple[WorkItem, Future[Any]]], item: WorkItem, workers: int) -> bool:
    waiting_bytes = sum(other.size for other, _ in waiting)
    return len(waiting) >= MAX_WAITING * workers or item.size + waiting_bytes > MAX_WAITING_BYTES


def _result(waiting: deque[tuple[WorkItem, Future[Any]]]) -> tuple[Any, Any]:
    item, future = waiting.popleft()
    return item.context, future.result()
