"""A job of one kind is killed at random moments and started again, as the app starts it; then its result is checked."""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
STARTER = """
import json, sys, time
from svp_core.workspace import jobs
if sys.argv[1] == "train":
    from tests.helpers.quick_training_worker import QUICK_TRAINING_WORKER
    jobs.WORKER = QUICK_TRAINING_WORKER  # checks of few images
print(jobs.start(sys.argv[1], json.loads(sys.argv[2]))[0], flush=True)
time.sleep(86400)
"""
IN_A_ROW = 5  # kills of one job; then it is left alone
PATIENCE_S = 1800


def time_job(kind: str) -> float:
    """Seconds that a job of this kind runs, unharmed; killed at moments of this span."""
    with tempfile.TemporaryDirectory() as scratch:
        job = _Job(kind, Path(scratch) / "work")
        job.start()
        seconds = job.await_end(PATIENCE_S)
        job.stop_starter()
        problem = job.problem()
        job.close()
    assert seconds is not None, "the job did not end"
    assert not problem, problem
    return seconds


def kill_job(kind: str, kills: int, span_s: float, rng: random.Random) -> tuple[int, str]:
    """(kills of one job, what was wrong at its end or ""); at most `kills`, every second one of the app too."""
    with tempfile.TemporaryDirectory() as scratch:
        job, done, lost = _Job(kind, Path(scratch) / "work"), 0, 0
        while True:
            job.start()
            more = done < min(kills, IN_A_ROW)
            if job.await_end(rng.uniform(0, span_s) if more else PATIENCE_S) is not None:
                job.stop_starter()
                if job.is_lost() and lost < IN_A_ROW:
                    lost += 1  # taken for dead, on a machine that gave it no time; started again like any other
                    continue
                break
            if not more:
                job.kill()
                job.close()
                return max(done, 1), f"not ended within {PATIENCE_S} s"
            job.kill(with_app=bool(done % 2))
            done += 1
        problem = job.problem()
        job.close()
    return done, problem


class _Job:
    """One job in a workspace of its own."""

    def __init__(self, kind: str, workspace: Path) -> None:
        from tests.helpers.small_jobs import KINDS

        workspace.mkdir()
        os.environ["SVP_WORKSPACE"] = str(workspace)
        self.kind, self.workspace = kind, workspace
        self.config, self.check = _whole_training() if kind == "train" else KINDS[kind](workspace)
        self.id = ""

    def start(self) -> None:
        """By a process of its own, which stands for the app; returns when the job runs or has ended."""
        from svp_core.workspace import jobs

        command = [sys.executable, "-c", STARTER, self.kind, json.dumps(self.config)]
        self.starter = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self.starter.stdout
        self.id = self.starter.stdout.readline().strip()
        end = time.monotonic() + PATIENCE_S
        while jobs.get(self.id).state == "queued":
            assert time.monotonic() < end, "the job was never started"
            time.sleep(0.02)
        self.began = time.monotonic()

    def await_end(self, seconds: float) -> float | None:
        """Seconds from the job's beginning to its end; None where it goes on for longer."""
        from svp_core.workspace import jobs

        end = time.monotonic() + seconds
        while jobs.get(self.id).state in ("queued", "running"):
            if time.monotonic() > end:
                return None
            time.sleep(0.02)
        return time.monotonic() - self.began

    def is_lost(self) -> bool:
        from svp_core.workspace import jobs

        return jobs.get(self.id).state == "lost"

    def kill(self, *, with_app: bool = True) -> None:
        """`kill -9`, and the clock put forward: as if half a minute had passed."""
        from svp_core.workspace.database import engine
        from svp_core.workspace.database import job as row

        if with_app:
            self.starter.kill()
        _kill_worker(self.id)
        self.stop_starter()
        with engine().begin() as db:
            db.execute(row.update().where(row.c.id == self.id, row.c.state == "running").values(heartbeat=0.0))

    def stop_starter(self) -> None:
        self.starter.kill()
        self.starter.wait()

    def problem(self) -> str:
        """What is wrong with the result; "" where there is one, whole, and nothing hidden is left."""
        from svp_core.workspace import jobs

        try:
            job = jobs.get(self.id)
            assert job.state == "done", f"{job.state}: {job.error}"
            self.check(jobs.job_folder(self.id))
            hidden = [str(path) for path in self.workspace.rglob(".*") if path.parent != self.workspace]
            assert not hidden, hidden
        except Exception as error:  # one line of the table
            return repr(error)
        return ""

    def close(self) -> None:
        from svp_core.workspace.database import engine

        engine().dispose()


def _kill_worker(job_id: str) -> None:
    """Kill the process of a job, whose command ends in the job's id."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if (entry / "cmdline").read_bytes().rstrip(b"\0").endswith(b"\0" + job_id.encode()):
                os.kill(int(entry.name), signal.SIGKILL)
        except OSError:
            continue


def _whole_training() -> tuple[dict[str, Any], Any]:
    """(settings, check) of a training from a tiny generator."""
    import pandas as pd
    import torch

    from svp_core import model_files
    from svp_core.generator import unet
    from svp_core.tasks.train import model_of
    from svp_core.workspace import datasets, models
    from tests.helpers.drawn_tiles import draw_blocks

    config = unet.GeneratorConfig(("protein",), 0.3, 0.2, channels=(16, 32))
    torch.manual_seed(0)
    tensors, described = unet.build_unet(config).state_dict(), unet.config_as_dict(config)
    model_files.save_model(models.new_model_folder("tiny"), config=described, tensors=tensors, card="", history=[])
    table = pd.DataFrame({"image": [f"{k}.png" for k in range(60)], "class": "fat_droplet"})
    dataset = datasets.save_dataset("Droplets", "own", draw_blocks(60, seed=5), table, {})

    def check(folder: Path) -> None:
        own = [model.name for model in models.list_models("generator") if not model.shipped]
        assert own == [model_of(folder), "tiny"] == ["Fat", "tiny"]
        assert unet.load_generator(models.find_model("Fat"))

    return {"name": "Fat", "datasets": [dataset], "classes": ["fat_droplet"], "base": "tiny", "images": 32 * 6}, check
