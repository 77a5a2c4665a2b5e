"""Kill what works at random moments, start it again, and count what was lost.

    python benchmarks/faults.py --out DIR [--kills 20] [--kinds gather,suspect,...] [--decisions 300] [--every-change]

Jobs of every kind are started as the app starts them; at a random moment of its run the worker is killed (kill -9), the
process that started it too in every second try, and the job is started again until it is done. Then there must be one
result, as usable as one of a job that was never killed. Two processes decide on the particles of one review while they
are killed at random moments, and two people in two browsers while the server is: every decision that was acknowledged
(by the log; on the screen) must be in the log once, on its particle, and the hash chain must hold. --every-change: also
kills every kind before each of its changes of a file or the database (tests/helpers/killed_jobs.py), which takes about
a second for each.

What is done is kept in DIR/tries.jsonl: the same command goes on where it was stopped. Prints, and writes to
DIR/table.txt, how many were tried (jobs: kills; decisions: keys), how many survived, and how many were lost. Exit code
1 where anything was lost or doubled.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from _killed_jobs import kill_job, time_job
from _killed_reviewers import kill_under_browsers, kill_writers

KINDS = "gather,generate,classify,retrain,suspect,train"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "")


def main() -> int:
    """Run the campaign, or what is left of it; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--kills", type=int, default=20, help="of each kind of job")
    parser.add_argument("--kinds", default=KINDS, help='"": no jobs')
    parser.add_argument("--decisions", type=int, default=300, help="0: none")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--every-change", action="store_true")
    options = parser.parse_args()
    os.environ.pop("SVP_DATABASE_URL", None)
    os.environ["PYTHONPATH"] = str(ROOT)
    options.out.mkdir(parents=True, exist_ok=True)
    tries = Tries(options.out / "tries.jsonl")
    for _ in campaign(tries, options):
        (options.out / "table.txt").write_text(tries.table(), "utf-8")
    print(tries.table(), end="")
    return 1 if any(one["lost"] for one in tries.all) else 0


def campaign(tries: "Tries", options: argparse.Namespace) -> Iterator[None]:
    """What the options ask for and was not tried yet; yields after each try."""
    if options.decisions:
        yield from kill_reviewers(tries, options)
    for kind in filter(None, options.kinds.split(",")):
        yield from kill_jobs(kind, tries, options)
        row = f"{kind}, before each change"
        if options.every_change and not tries.of(row):
            tries.add(row, **kill_before_changes(kind))
            yield


class Tries:
    """What was tried so far: one line of the file each, with the row of the table it belongs to."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.all = [json.loads(line) for line in file.read_text("utf-8").splitlines()] if file.exists() else []

    def of(self, row: str) -> list[dict[str, Any]]:
        """Those of one row."""
        return [one for one in self.all if one["row"] == row]

    def add(self, row: str, *, tried: int = 0, lost: int = 0, **more: Any) -> None:
        """Keep one; more: what else is known of it."""
        self.all.append({"row": row, "tried": tried, "lost": lost, **more})
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(self.all[-1]) + "\n")

    def table(self) -> str:
        """Tried, survived and lost, by row."""
        lines = [f"{'':<34}{'tried':>7}{'survived':>10}{'lost':>6}"]
        for row in [*dict.fromkeys(one["row"] for one in self.all), "all"]:
            tries = self.all if row == "all" else self.of(row)
            tried, lost = (sum(one[name] for one in tries) for name in ("tried", "lost"))
            lines.append(f"{row:<34}{tried:>7}{tried - lost:>10}{lost:>6}")
        return "\n".join(lines) + "\n"


def kill_jobs(kind: str, tries: Tries, options: argparse.Namespace) -> Iterator[None]:
    """One job after the other, until that many kills were made."""
    row = f"{kind}, killed at random"
    while (made := sum(one["tried"] for one in tries.of(row))) < options.kills:
        known = [one["span_s"] for one in tries.of(row)]
        span_s = known[0] if known else time_job(kind)
        rng = random.Random(f"{options.seed} {kind} {len(known)}")
        kills, problem = kill_job(kind, options.kills - made, span_s, rng)
        tries.add(row, tried=kills, lost=kills if problem else 0, problem=problem, span_s=span_s)
        if problem:
            print(f"{kind}: {problem}", file=sys.stderr)
        yield


def kill_before_changes(kind: str) -> dict[str, Any]:
    """Of kills before each change."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tests.helpers.killed_jobs", kind, folder]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    *problems, tried = json.loads(done.stdout.splitlines()[-1])
    return {"tried": tried, "lost": len(problems), "problem": problems}


def kill_reviewers(tries: Tries, options: argparse.Namespace) -> Iterator[None]:
    """Two processes, then two browsers where there is a Chromium."""
    for row, kill, arguments in (
        ("decisions of two processes", kill_writers, ()),
        ("decisions in two browsers", kill_under_browsers, (CHROMIUM,)),
    ):
        if not tries.of(row) and "" not in arguments:
            rng = random.Random(f"{options.seed} {row}")
            kills, tried, lost, problem = kill(options.decisions, rng, *arguments)
            tries.add(row, tried=tried, lost=lost, problem=problem, kills=kills)
            yield


if __name__ == "__main__":
    sys.exit(main())
