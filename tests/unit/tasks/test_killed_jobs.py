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
    "audit": 13,
}


@pytest.fixture(scope="module")
def killer(tmp_path_factory):
    """The process that kills, and its log: one for all tests, as it takes seconds to start."""
    log = tmp_path_factory.mktemp("killer") / "log.txt"
    environment = {**os.environ, "PYTHONPATH": str(repo_root())}
    environment.pop("SVP_DATABASE_URL", None)
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.helpers.killed_jobs"],
            cwd=repo_root(),
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
        )
    yield process, log
    process.kill()
    process.communicate()


@pytest.mark.parametrize("kind", KINDS)
def test_a_job_killed_before_any_change_and_started_again_leaves_one_result(kind, killer, tmp_path):
    disturbed(killer, [kind, str(tmp_path), str(STRIDES[kind])])


@pytest.mark.parametrize("kind", ["gather", "suspect", "train"])
def test_a_job_whose_disk_is_full_says_so_and_leaves_one_result_when_it_is_started_again(kind, killer, tmp_path):
    disturbed(killer, [kind, str(tmp_path), "3", "full"])


def disturbed(killer, arguments):
    process, log = killer
    process.stdin.write(json.dumps(arguments) + "\n")
    process.stdin.flush()
    *problems, tries = json.loads(process.stdout.readline() or '["it has ended", 0]')
    assert problems == [], log.read_text()[-4000:]
    assert tries >= 2
