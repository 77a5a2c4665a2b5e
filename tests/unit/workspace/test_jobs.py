"""Jobs, with real worker processes: run to their end, not doubled, joined, cancelled; and what cannot be opened."""

import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from svp_core.errors import LabError
from svp_core.workspace import database, jobs
from svp_core.workspace.paths import workspace_root
from tests.helpers.trial_jobs import (
    PATIENCE_S,
    ended_at,
    lines,
    pid_of,
    started_at,
    wait_for,
    workers,
)

STARTER = """
import sys, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from svp_core.workspace import jobs
from tests.helpers.trial_worker import TRIAL_WORKER
jobs.WORKER = TRIAL_WORKER
gate = sys.argv[1]
Path(gate + f".{sys.argv[2]}").touch()
while not Path(gate + ".go").exists():
    time.sleep(0.001)
with ThreadPoolExecutor(4) as pool:
    for found in pool.map(lambda _: jobs.start("walk", {"steps": 2, "gate": gate}), range(4)):
        print(*found)
"""


def test_a_job_runs_to_its_end_and_reports_progress(lab):
    gate = lab / "gate"
    job_id, started = jobs.start("walk", {"steps": 5, "gate": str(gate), "wait_after": 3})
    assert started
    job = wait_for(job_id, lambda job: job.step == 3)
    assert (job.state, job.total, job.kind, job.config["steps"]) == ("running", 5, "walk", 5)
    assert [active.id for active in jobs.active()] == [job_id]
    gate.touch()
    job = wait_for(job_id, "done")
    assert (job.step, job.total, job.message, job.error) == (5, 5, "step 5", "")
    assert started_at(job) >= job.created
    assert ended_at(job) >= started_at(job)
    assert not jobs.active()
    assert [found.id for found in jobs.recent()] == [job_id]
    assert len(lines(job_id)) == 5


def test_eight_starts_at_once_make_one_row_and_one_process(lab):
    gate = lab / "gate"
    starters = [
        subprocess.Popen([sys.executable, "-c", STARTER, str(gate), str(n)], stdout=subprocess.PIPE, text=True)
        for n in range(2)
    ]
    while not all((lab / f"gate.{n}").exists() for n in range(2)):
        assert all(starter.poll() is None for starter in starters)
        time.sleep(0.02)
    # The starters race for an empty workspace: they make the database as well.
    (lab / "gate.go").touch()
    answers = [line.split() for starter in starters for line in starter.communicate(timeout=PATIENCE_S)[0].splitlines()]
    assert len(answers) == 8
    assert len({job_id for job_id, _ in answers}) == 1
    assert sorted(started for _, started in answers) == ["False"] * 7 + ["True"]
    job_id = answers[0][0]
    # Both starters are gone by now, as a server would be; the work goes on.
    wait_for(job_id, lambda job: job.step == 1)
    gate.touch()
    wait_for(job_id, "done")
    assert len(jobs.recent()) == 1
    assert len(workers(job_id)) == 1
    assert len(lines(job_id)) == 2


def test_the_same_work_is_joined_while_active_and_repeated_afterwards(lab):
    gate = lab / "gate"
    first, _ = jobs.start("walk", {"steps": 2, "gate": str(gate)})
    assert jobs.start("walk", {"gate": str(gate), "steps": 2}) == (first, False)  # the order of keys does not matter
    other, started = jobs.start("walk", {"steps": 3, "gate": str(gate)})
    assert started
    assert other != first
    gate.touch()
    wait_for(first, "done")
    wait_for(other, "done")
    again, started = jobs.start("walk", {"steps": 2, "gate": str(gate)})
    assert started
    assert again != first
    wait_for(again, "done")


def test_rate_and_time_left_exclude_the_time_before_the_first_step(monkeypatch):
    now = 1_800_000_000.0
    monkeypatch.setattr(jobs, "time", SimpleNamespace(time=lambda: now))
    shown = dict(
        id="a",
        kind="walk",
        config={},
        state="running",
        step=30,
        total=50,
        message="",
        error="",
        created=now - 100,
        started=now - 90,
        ended=None,
        heartbeat=now,
        paced_step=10,
        paced_from=now - 10,
        stepped=now,
        cancel=False,
        pause=False,
        person=None,
    )
    job = jobs._as_job(type("Row", (), shown))
    assert job.rate == pytest.approx(2)
    assert job.seconds_left == pytest.approx(10)
    job = jobs._as_job(type("Row", (), {**shown, "step": 10}))
    assert job.rate is None
    assert job.seconds_left is None
    job = jobs._as_job(type("Row", (), {**shown, "state": "done", "step": 50}))
    assert job.rate == pytest.approx(4)
    assert job.seconds_left is None


def test_cancelling_a_running_job_keeps_finished_steps(lab):
    gate = str(lab / "never")
    job_id, _ = jobs.start("walk", {"steps": 5, "gate": gate, "wait_after": 2})
    wait_for(job_id, lambda job: job.step == 2)
    jobs.cancel(job_id)
    again, started = jobs.start("walk", {"steps": 5, "gate": gate, "wait_after": 2})
    assert started
    assert again != job_id, "a job that is about to stop must not be joined"
    job = wait_for(job_id, "cancelled")
    assert job.step == 2
    assert job.ended
    assert not job.error
    assert len(lines(job_id)) == 2
    jobs.cancel(job_id)  # once more does nothing
    assert jobs.get(job_id).ended == job.ended


def test_a_requested_state_is_known_before_the_step_ends(lab):
    job_id, _ = jobs.start("walk", {"steps": 5, "gate": str(lab / "never"), "wait_after": 2})
    assert not wait_for(job_id, lambda job: job.step == 2).requested_state
    pid = pid_of(job_id)
    os.kill(pid, signal.SIGSTOP)  # a long step
    try:
        jobs.pause(job_id)
        assert jobs.get(job_id).requested_state == "paused"
        jobs.cancel(job_id)
        assert (jobs.get(job_id).requested_state, jobs.get(job_id).state) == ("cancelled", "running")
    finally:
        os.kill(pid, signal.SIGCONT)
    assert wait_for(job_id, "cancelled").requested_state == ""


def test_a_workspace_of_an_earlier_version_gets_the_new_columns(lab):
    folder = workspace_root()
    columns = [column for column in database.job.columns if column.name != "pause"]
    earlier = sa.Table("job", sa.MetaData(), *(sa.Column(c.name, c.type, primary_key=c.primary_key) for c in columns))
    old = sa.create_engine(f"sqlite:///{folder / 'lab.sqlite'}")
    earlier.metadata.create_all(old)
    row = {
        "id": "a" * 32,
        "kind": "walk",
        "config": {},
        "state": "done",
        "cancel": False,
        "step": 3,
        "total": 3,
        "message": "",
        "error": "",
        "created": 1.0,
        "heartbeat": 2.0,
    }
    with old.begin() as db:
        db.execute(earlier.insert().values(**row))
    old.dispose()
    assert jobs.get("a" * 32).step == 3
    job_id, _ = jobs.start("walk", {"steps": 1})
    wait_for(job_id, "done")


@pytest.mark.parametrize("unknown", ["0" * 32, "", "../../etc", "<b>"])
def test_an_unknown_job_is_an_error(lab, unknown):
    with pytest.raises(LabError, match="There is no job"):
        jobs.get(unknown)
    if unknown != "0" * 32:
        with pytest.raises(LabError, match="There is no job"):
            jobs.job_folder(unknown)


def test_a_database_that_cannot_be_opened_is_an_error(lab, monkeypatch):
    for url in ("no address", "postgresql://nobody@127.0.0.1:1/none", "sqlite:////nowhere/at/all.sqlite"):
        monkeypatch.setenv("SVP_DATABASE_URL", url)
        with pytest.raises(LabError, match="database cannot be opened .* SVP_DATABASE_URL"):
            jobs.recent()
    monkeypatch.delenv("SVP_DATABASE_URL")


def test_a_workspace_that_cannot_be_created_is_an_error(lab, monkeypatch):
    (lab / "file").touch()
    monkeypatch.setenv("SVP_WORKSPACE", str(lab / "file" / "below"))
    with pytest.raises(LabError, match="set SVP_WORKSPACE"):
        jobs.recent()
    monkeypatch.setenv("SVP_WORKSPACE", str(lab))
