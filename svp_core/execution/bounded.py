"""One call in a process of its own with a limit of memory and time: for reading files that nobody vouches for.

The app's process must not grow, or die, by what an archive makes its reader do; a job has a process of its own anyway.
"""

import os
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from svp_core.errors import LabError

MEMORY_BYTES = 1024**3  # that the call may take, beyond the process's libraries
SECONDS = 600
AT_ONCE = 2  # calls; more wait
_turns = threading.BoundedSemaphore(AT_ONCE)
_ROOT = Path(__file__).resolve().parents[2]

P = ParamSpec("P")
R = TypeVar("R")


def call_bounded(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """function(*args, **kwargs) in a process of its own; the function and what it takes and gives must be picklable.

    Raises what the function raises, and LabError where it needs more memory or time than MEMORY_BYTES and SECONDS. On
    Windows, where a process has no such limits, it is called here.
    """
    if os.name == "nt":
        return function(*args, **kwargs)
    with _turns:
        return _call(function, args, kwargs)


def _call(function: Callable[..., R], args: tuple[Any, ...], kwargs: dict[str, Any]) -> R:
    # Not multiprocessing.Process: it would import the running app's main script again.
    pipe, other_end = Pipe()
    command = [sys.executable, "-c", f"from {__name__} import serve; serve({other_end.fileno()})"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(_ROOT), *sys.path])}
    process = subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=(other_end.fileno(),)
    )
    other_end.close()  # so that the pipe ends with the process
    try:
        pipe.send((function, args, kwargs, MEMORY_BYTES))
        if not pipe.poll(SECONDS):
            raise LabError(f"Reading took more than {SECONDS // 60} minutes and was stopped; choose smaller files.")
        error, result = pipe.recv()
    except (EOFError, OSError):
        raise LabError(_too_large()) from None
    finally:
        process.kill()
        process.wait()
        pipe.close()
    if error is not None:
        raise error
    return result


def _too_large() -> str:
    return (
        f"Reading needs more than {MEMORY_BYTES // 1024**3} GB of memory, so it was stopped; unpack the files, or "
        "choose fewer."
    )


def serve(file_descriptor: int) -> None:
    """Main of the process: one call."""
    pipe = Connection(file_descriptor)
    function, args, kwargs, memory_bytes = pipe.recv()
    _limit_memory(memory_bytes)
    try:
        answer = None, function(*args, **kwargs)
    except MemoryError:
        answer = LabError(_too_large()), None
    except Exception as error:  # goes to the caller, with this process's traceback as a note
        error.add_note(traceback.format_exc())
        answer = error, None
    pipe.send(answer)


def _limit_memory(more_bytes: int) -> None:
    import resource

    pages = Path("/proc/self/statm")
    used = int(pages.read_text().split()[0]) * resource.getpagesize() if pages.is_file() else 2 * 1024**3
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = used + more_bytes if hard == resource.RLIM_INFINITY else min(used + more_bytes, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
