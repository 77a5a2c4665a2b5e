"""Kill what works at random moments, start it again, and count what was lost.

    python benchmarks/faults.py [--kills 20] [--kinds gather,suspect,...] [--decisions 300] [--every-change]

Jobs of every kind are started as the app starts them; after a random time the worker is killed (kill -9), the process
that started it too in every second try, and the job is started again until it is done. Then there must be one result,
as usable as one of a job that was never killed. Two writers decide on the particles of one review while they are killed
at random moments and started again; every decision that was acknowledged must be in the log once, on its particle, and
the hash chain must hold. --every-change: also kills every kind before each of its changes of a file or the database
(tests/helpers/killed_jobs.py), which takes about a second for each.
Prints tried, survived and lost. Exit code 1 where anything was lost or doubled.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

STARTER = """
import json, sys, time
from svp_core.workspace import jobs
if sys.argv[1] == "train":
    from tests.helpers.quick_training_worker import QUICK_TRAINING_WORKER
    jobs.WORKER = QUICK_TRAINING_WORKER  # checks of few images
print(jobs.start(sys.argv[1], json.loads(sys.argv[2]))[0], flush=True)
time.sleep(3600)
"""
WRITER = """
import sys
from svp_core.review import decision_log, store
review_id, tab, first, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
review = store.open_review(review_id)
for n in range(first, count + 1):
    sent = {"tab": tab, "n": n, "reviewer": tab, "particle": f"{tab}{n}", "kind": "label", "label": "air_bubble"}
    (outcome,) = decision_log.record(review, [sent])
    print(n, outcome.state, flush=True)
"""
PATIENCE_S = 900


def main() -> int:
    """Run the campaign; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=20, help="of each kind of job")
    parser.add_argument("--kinds", default="gather,suspect,retrain,train,generate,classify")
    parser.add_argument("--decisions", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--every-change", action="store_true")
    options = parser.parse_args()
    os.environ.pop("SVP_DATABASE_URL", None)
    os.environ["PYTHONPATH"] = str(ROOT)
    rng, rows = random.Random(options.seed), []
    for kind in filter(None, options.kinds.split(",")):
        rows.append((f"{kind}, killed at random", *kill_jobs(kind, options.kills, rng)))
        print_row(rows[-1])
        if options.every_change:
            rows.append((f"{kind}, before each change", *kill_before_changes(kind)))
            print_row(rows[-1])
    rows.append((f"{options.decisions} decisions, two writers", *kill_writers(options.decisions, rng)))
    print_row(rows[-1])
    lost = sum(row[-1] for row in rows)
    print(f"{'all':<34}{sum(row[1] for row in rows):>7}{sum(row[2] for row in rows):>10}{lost:>6}")
    return 1 if lost else 0


def print_row(row: tuple[str, int, int, int]) -> None:
    """One line of the table: tried, survived, lost."""
    if not getattr(print_row, "headed", False):
        print(f"{'':<34}{'tried':>7}{'survived':>10}{'lost':>6}")
        print_row.headed = True
    print(f"{row[0]:<34}{row[1]:>7}{row[2]:>10}{row[3]:>6}", flush=True)


def kill_before_changes(kind: str) -> tuple[int, int, int]:
    """(tried, survived, lost) of kills before each change."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tests.helpers.killed_jobs", kind, folder]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    *problems, tries = json.loads(done.stdout.splitlines()[-1])
    return tries, tries - len(problems), len(problems)


def kill_jobs(kind: str, kills: int, rng: random.Random) -> tuple[int, int, int]:
    """(kills, those after which the job ended with one whole result, the others)."""
    from svp_core.workspace import jobs
    from svp_core.workspace.database import engine
    from svp_core.workspace.database import job as job_row
    from tests.helpers.killed_jobs import KINDS

    tried = lost = 0
    while tried < kills:
        with tempfile.TemporaryDirectory() as scratch:
            workspace = Path(scratch) / "work"
            workspace.mkdir()
            os.environ["SVP_WORKSPACE"] = str(workspace)
            config, check = whole_training() if kind == "train" else KINDS[kind](workspace)
            here = 0
            while True:
                starter = subprocess.Popen(
                    [sys.executable, "-c", STARTER, kind, json.dumps(config)],
                    cwd=ROOT,
                    stdout=subprocess.PIPE,
                    text=True,
                )
                assert starter.stdout
                job_id = starter.stdout.readline().strip()
                pause = rng.uniform(0.5, 8) if tried < kills and here < 4 else PATIENCE_S
                job = wait(jobs, job_id, pause)
                if job.state not in ("queued", "running"):
                    starter.kill()
                    break
                if tried % 2:
                    starter.kill()
                kill_worker(job_id)
                starter.kill()
                starter.wait()
                tried, here = tried + 1, here + 1
                with engine().begin() as db:  # as if half a minute had passed
                    db.execute(job_row.update().where(job_row.c.id == job_id).values(heartbeat=0.0))
            try:
                assert job.state == "done", job.error
                check(jobs.job_folder(job_id))
                hidden = [path for path in workspace.rglob(".*")]
                assert not hidden, hidden
            except Exception as error:  # one lost try is one row of the table
                lost += max(here, 1)
                print(f"{kind}: {error!r}", file=sys.stderr)
            engine().dispose()
    return tried, tried - lost, lost


def whole_training():
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

    def check(folder):
        own = [model.name for model in models.list_models("generator") if not model.shipped]
        assert own == [model_of(folder), "tiny"] == ["Fat", "tiny"]
        assert unet.load_generator(models.find_model("Fat"))

    return {"name": "Fat", "datasets": [dataset], "classes": ["fat_droplet"], "base": "tiny", "images": 32 * 6}, check


def wait(jobs, job_id: str, seconds: float):
    """The job when it has ended, or after this time."""
    end = time.monotonic() + seconds
    while True:
        job = jobs.get(job_id)
        if job.state not in ("queued", "running") or time.monotonic() > end:
            return job
        time.sleep(0.05)


def kill_worker(job_id: str) -> None:
    """Kill the process of a job, whose command ends in the job's id."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if (entry / "cmdline").read_bytes().rstrip(b"\0").endswith(b"\0" + job_id.encode()):
                os.kill(int(entry.name), signal.SIGKILL)
        except OSError:
            continue


def kill_writers(decisions: int, rng: random.Random) -> tuple[int, int, int]:
    """(decisions acknowledged, those in the log once and on their particle, the others)."""
    import numpy as np
    import pandas as pd

    from svp_core.review import decision_log, history_file, store

    with tempfile.TemporaryDirectory() as scratch:
        os.environ["SVP_WORKSPACE"] = scratch
        half = decisions // 2
        names = [f"{tab}{n}" for tab in ("anna", "bert") for n in range(1, half + 1)]
        table = pd.DataFrame({"particle": names, "given": "protein"})
        review = store.create_review(
            "Kills",
            kind="folder",
            source={},
            class_keys=("protein", "air_bubble"),
            table=table,
            tiles=np.zeros((len(names), 64, 64), np.uint8),
        )
        acknowledged = {"anna": 0, "bert": 0}
        while min(acknowledged.values()) < half:
            writers = {
                tab: subprocess.Popen(
                    [sys.executable, "-c", WRITER, review, tab, str(max(1, done)), str(half)],
                    cwd=ROOT,
                    stdout=subprocess.PIPE,
                    text=True,
                )
                for tab, done in acknowledged.items()
            }
            time.sleep(rng.uniform(1.0, 3.5))
            for tab, writer in writers.items():
                writer.kill()
                said = writer.communicate()[0]
                whole = said[: said.rfind("\n") + 1].splitlines()
                numbers = [int(line.split()[0]) for line in whole if line.split()[1] in ("saved", "known")]
                acknowledged[tab] = max([acknowledged[tab], *numbers])
        rows = [(decision.tab, decision.n, decision.particle) for decision in decision_log.history(review)]
        wanted = {(tab, n, f"{tab}{n}") for tab, count in acknowledged.items() for n in range(1, count + 1)}
        lost = len(wanted - set(rows)) + len(rows) - len(set(rows)) + len(set(rows) - wanted)
        lost += not history_file.verify(review).sound
    return len(wanted), len(wanted) - lost, lost


if __name__ == "__main__":
    sys.exit(main())
