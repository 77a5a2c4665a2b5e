"""Jobs killed before any of their changes and started again: one result, usable, and nothing hidden left."""

import json
import os
import subprocess
import sys

import pytest

from svp_core.workspace.paths import repo_root
from tests.helpers.small_jobs import KINDS

# A try takes about a second: here every so many changes; benchmarks/faults.py tries all.
STRIDES = {
    "retrain": 23,
    "classify": 13,
    "train": 12,
    "suspect": 5,
    "gather": 4,
    "generate": 5,
    "locate": 5,
    "experiment": 17,
    "audit": 8,
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_job_killed_before_any_change_and_started_again_leaves_one_result(kind, tmp_path):
    disturbed(kind, tmp_path, "kill")


@pytest.mark.parametrize("kind", ["gather", "suspect", "train"])
def test_a_job_whose_disk_is_full_says_so_and_leaves_one_result_when_it_is_started_again(kind, tmp_path):
    disturbed(kind, tmp_path, "full")


def disturbed(kind, tmp_path, mode):
    environment = {**os.environ, "PYTHONPATH": str(repo_root())}
    environment.pop("SVP_DATABASE_URL", None)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.helpers.killed_jobs",
            kind,
            tmp_path,
            str(STRIDES[kind] if mode == "kill" else 3),
            mode,
        ],
        cwd=repo_root(),
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    *problems, tries = json.loads(done.stdout.splitlines()[-1])
    assert problems == [], done.stderr[-4000:]
    assert tries >= 2
