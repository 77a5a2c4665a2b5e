"""The real worker with a few quick tasks, for the tests: python trial_worker.py JOB_ID (started by jobs.WORKER)."""

import os
import signal
import sys
import time
from pathlib import Path

from svp_core import tasks, worker
from svp_core.errors import LabError
from svp_core.progress import Progress
from svp_core.workspace import jobs

STALE_S, BEAT_S = 3.0, 0.3
TRIAL_WORKER = (sys.executable, str(Path(__file__).resolve()))


def walk(config, folder):
    """Append one line a step to steps.txt, going on after the lines that are there; from step
    `wait_after` on wait until `gate` exists."""
    made = folder / "steps.txt"
    done = len(made.read_text().splitlines()) if made.is_file() else 0
    yield Progress(done, config["steps"], "walking")
    for step in range(done + 1, config["steps"] + 1):
        with made.open("a") as file:
            file.write(f"{step} by {os.getpid()}\n")
        yield Progress(step, config["steps"], f"step {step}")
        gate = config.get("gate")
        while gate and step >= config.get("wait_after", 1) and not Path(gate).exists():
            time.sleep(0.02)
            yield Progress(step, config["steps"], "at the gate")


def long_step(config, folder):
    """One step that takes longer than a job may be silent."""
    time.sleep(STALE_S + 1)
    yield Progress(1, 1)


def refuse(config, folder):
    yield Progress(1, 3)
    raise LabError("The folder 'oil' holds no images; choose another.")


def break_down(config, folder):
    yield Progress(1, 3)
    raise ZeroDivisionError("planted")


def die(config, folder):
    yield Progress(1, 3)
    time.sleep(0.3)
    os.kill(os.getpid(), signal.SIGKILL)


def surroundings(config, folder):
    """What a task finds around it."""
    (folder / "around.txt").write_text(f"{os.nice(0)} {os.environ['OMP_NUM_THREADS']} {os.getsid(0) == os.getpid()}")
    yield Progress(1, 1, f"torch is {'torch' in sys.modules}")


if __name__ == "__main__":
    trials = (walk, long_step, refuse, break_down, die, surroundings)
    tasks.TASKS.update({trial.__name__: trial for trial in trials})
    jobs.STALE_S, worker.BEAT_S, worker.WAIT_S, worker.WRITE_S = STALE_S, BEAT_S, 0.05, 0.0
    jobs.slots = lambda: int(os.environ.get("TRIAL_SLOTS", "8"))
    sys.exit(worker.main())
