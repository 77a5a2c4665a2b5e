"""The real worker with a few quick tasks, for the tests: python trial_worker.py JOB_ID (started by jobs.WORKER)."""

import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

if __name__ == "__main__":
    from svp_core.execution.garbage_collection import collect_seldom

    collect_seldom()

from svp_core import worker
from svp_core.errors import LabError
from svp_core.progress import Progress
from svp_core.tasks import job_kinds
from svp_core.tasks.job_kinds import LONG, SHORT, JobKind
from svp_core.tasks.request import JobRequest
from svp_core.workspace import jobs

STALE_S, BEAT_S = 600.0, 0.3  # no test waits for a job to be lost, see let_heartbeat_lapse
TRIAL_WORKER = (sys.executable, str(Path(__file__).resolve()))


@dataclass(frozen=True)
class EmptyRequest(JobRequest):
    title = property(lambda self: "A trial")


@dataclass(frozen=True)
class WalkRequest(JobRequest):
    """A number of steps; from step `wait_after` on they wait until the file `gate` exists.

    stop_after: step after which the process stops itself once, as a laptop that falls asleep.
    """

    steps: int
    gate: str = ""
    wait_after: int = 1
    stop_after: int = 0

    @property
    def title(self):
        return f"Walk {self.steps} steps"


def walk(request, folder):
    """Append one line per step to steps.txt, continuing after the lines that exist."""
    file = folder / "steps.txt"
    done = len(file.read_text().splitlines()) if file.is_file() else 0
    yield Progress(done, request.steps, "walking")
    for step in range(done + 1, request.steps + 1):
        with file.open("a") as lines:
            lines.write(f"{step} by {os.getpid()}\n")
        yield Progress(step, request.steps, f"step {step}")
        if step == request.stop_after and not (folder / "stopped").exists():
            (folder / "stopped").touch()
            os.kill(os.getpid(), signal.SIGSTOP)
        while request.gate and step >= request.wait_after and not Path(request.gate).exists():
            time.sleep(0.02)
            yield Progress(step, request.steps, "at the gate")


def long_walk(request, folder):
    """The same in the long lane, with the number of threads at each step."""
    for progress in walk(request, folder):
        (folder / "threads.txt").write_text(os.environ["OMP_NUM_THREADS"])
        yield progress


def long_step(_request, folder):
    """One step that lasts until a file "gate" lies in the job's folder."""
    yield Progress(0, 1)
    while not (folder / "gate").exists():
        time.sleep(0.02)
    yield Progress(1, 1)


def refuse(_request, _folder):
    yield Progress(1, 3)
    raise LabError("The folder 'oil' holds no images; choose another.")


def break_down(_request, _folder):
    yield Progress(1, 3)
    raise ZeroDivisionError("planted")


def die(_request, folder):
    yield Progress(1, 3)
    (folder / "pid").write_text(str(os.getpid()))
    os.kill(os.getpid(), signal.SIGKILL)


def announce(_request, folder):
    """Two messages in quick succession; what the second announces lasts until a file "gate" lies in the folder."""
    yield Progress(0, None, "first")
    yield Progress(0, None, "second")
    while not (folder / "gate").exists():
        time.sleep(0.02)


def surroundings(_request, folder):
    """Record the environment that a task runs in."""
    (folder / "around.txt").write_text(f"{os.nice(0)} {os.environ['OMP_NUM_THREADS']} {os.getsid(0) == os.getpid()}")
    yield Progress(1, 1, ", ".join({"torch", "scipy.stats", "sklearn"} & set(sys.modules)))


if __name__ == "__main__":
    for trial in (walk, long_walk, long_step, refuse, break_down, die, announce, surroundings):
        request_type = WalkRequest if "walk" in trial.__name__ else EmptyRequest
        lane = LONG if trial is long_walk else SHORT
        kind = JobKind(trial.__name__, request_type, trial, "pages/home.py", "app", lane=lane)
        job_kinds.JOB_KINDS[kind.key] = kind
    jobs.STALE_S, worker.WAIT_S = STALE_S, 0.05
    worker.BEAT_S = float(os.environ.get("TRIAL_BEAT_S", str(BEAT_S)))
    worker.WRITE_S = float(os.environ.get("TRIAL_WRITE_S", "0"))
    jobs.slots = lambda: int(os.environ.get("TRIAL_SLOTS", "8"))
    jobs._cores = lambda: int(os.environ.get("TRIAL_CORES", "8"))
    sys.exit(worker.main())
