"""Jobs, with real worker processes: not doubled, not killed by whoever looks on, cancelled, lost and found again."""

import os
import signal
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from svp_core.errors import LabError
from svp_core.workspace import database, jobs
from svp_core.workspace.paths import workspace_root
from tests.helpers.trial_jobs import (
    PATIENCE_S,
    is_alive,
    kill_worker,
    let_heartbeat_lapse,
    lines,
    trial_lab,
    wait_for,
    wait_until,
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


@pytest.fixture
def lab(tmp_path, monkeypatch):
    yield from trial_lab(tmp_path, monkeypatch)


def pid_of(job_id):
    return int(lines(job_id)[0].split()[-1])


def test_a_job_runs_to_its_end_and_says_how_far_it_is(lab):
    gate = lab / "gate"
    job_id, started = jobs.start("walk", {"steps": 5, "gate": str(gate), "wait_after": 3})
    assert started
    job = wait_for(job_id, lambda job: job.step == 3)
    assert (job.state, job.total, job.kind, job.config["steps"]) == ("running", 5, "walk", 5)
    assert [active.id for active in jobs.active()] == [job_id]
    gate.touch()
    job = wait_for(job_id, "done")
    assert (job.step, job.total, job.message, job.error) == (5, 5, "step 5", "")
    assert job.created <= job.started <= job.ended
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


def test_the_same_work_is_joined_while_active_and_made_anew_afterwards(lab):
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


def test_rate_and_time_left_leave_out_what_came_before_the_first_step(monkeypatch):
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


def test_cancel_while_it_runs_keeps_what_is_finished(lab):
    gate = str(lab / "never")
    job_id, _ = jobs.start("walk", {"steps": 5, "gate": gate, "wait_after": 2})
    wait_for(job_id, lambda job: job.step == 2)
    jobs.cancel(job_id)
    again, started = jobs.start("walk", {"steps": 5, "gate": gate, "wait_after": 2})
    assert started and again != job_id, "a job that is about to stop must not be joined"
    job = wait_for(job_id, "cancelled")
    assert job.step == 2
    assert job.ended
    assert not job.error
    assert len(lines(job_id)) == 2
    jobs.cancel(job_id)  # once more does nothing
    assert jobs.get(job_id).ended == job.ended


def test_what_was_asked_of_a_job_is_known_before_its_step_ends(lab):
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


def test_a_waiting_job_says_so_runs_in_turn_and_can_be_cancelled(lab, monkeypatch):
    monkeypatch.setenv("TRIAL_SLOTS", "1")
    gate = lab / "gate"
    first, _ = jobs.start("walk", {"steps": 2, "gate": str(gate)})
    wait_for(first, lambda job: job.step == 1)
    second, _ = jobs.start("walk", {"steps": 3})
    third, _ = jobs.start("walk", {"steps": 4})
    fourth, _ = jobs.start("walk", {"steps": 6})
    for waiting in (second, third, fourth):
        job = wait_for(waiting, lambda job: job.message)
        assert (job.state, job.started) == ("queued", None)
        assert job.message.startswith("Waiting for: Walk 2 steps")
    assert wait_for(third, lambda job: job.message.endswith(", then 1 more")).state == "queued"
    assert [job.id for job in jobs.active()] == [first, second, third, fourth]
    jobs.cancel(third)
    assert jobs.get(third).state == "cancelled"
    gate.touch()
    second, fourth, first = wait_for(second, "done"), wait_for(fourth, "done"), jobs.get(first)
    assert first.ended <= second.started
    assert second.ended <= fourth.started
    assert not (jobs.job_folder(third) / "steps.txt").exists()


def test_a_short_job_never_waits_for_a_long_one(lab, monkeypatch):
    monkeypatch.setenv("TRIAL_SLOTS", "1")
    monkeypatch.setenv("TRIAL_CORES", "2")
    gate = lab / "gate"
    training, _ = jobs.start("long_walk", {"steps": 2, "gate": str(gate)})
    wait_for(training, lambda job: job.step == 1)
    next_training, _ = jobs.start("long_walk", {"steps": 3})
    short, _ = jobs.start("walk", {"steps": 3})
    assert wait_for(short, "done").step == 3
    assert jobs.get(training).state == "running"
    job = wait_for(next_training, lambda job: job.message)
    assert job.state == "queued"
    assert job.message.startswith("Waiting for: Walk 2 steps")
    gate.touch()
    assert wait_for(training, "done").ended <= wait_for(next_training, "done").started


def test_a_long_job_never_waits_for_a_short_one(lab, monkeypatch):
    monkeypatch.setenv("TRIAL_SLOTS", "1")
    gate = lab / "gate"
    short, _ = jobs.start("walk", {"steps": 2, "gate": str(gate)})
    wait_for(short, lambda job: job.step == 1)
    training, _ = jobs.start("long_walk", {"steps": 2})
    wait_for(training, "done")
    assert jobs.get(short).state == "running"
    gate.touch()
    wait_for(short, "done")


def test_threads_are_halved_while_both_lanes_are_busy(lab, monkeypatch):
    monkeypatch.setenv("TRIAL_SLOTS", "1")
    monkeypatch.setenv("TRIAL_CORES", "4")
    monkeypatch.delenv("SVP_JOB_THREADS", raising=False)
    gate = lab / "gate"
    training, _ = jobs.start("long_walk", {"steps": 2, "gate": str(gate)})

    def threads():
        file = jobs.job_folder(training) / "threads.txt"
        return file.read_text() if file.is_file() else ""

    wait_for(training, lambda _: threads() == "3")
    short, _ = jobs.start("walk", {"steps": 2, "gate": str(gate)})
    wait_for(training, lambda _: threads() == "2")
    jobs.cancel(short)
    wait_for(training, lambda _: threads() == "3")
    gate.touch()
    wait_for(training, "done")


def test_a_killed_worker_is_lost_and_goes_on_where_it_was(lab, monkeypatch):
    monkeypatch.setenv("TRIAL_SLOTS", "1")
    gate = lab / "gate"
    config = {"steps": 4, "gate": str(gate), "wait_after": 2}
    job_id, _ = jobs.start("walk", config)
    wait_for(job_id, lambda job: job.step == 2)
    kill_worker(pid_of(job_id))
    assert jobs.start("walk", config) == (job_id, False)  # nobody can know yet
    waiting, _ = jobs.start("walk", {"steps": 1})
    wait_for(waiting, lambda job: job.message)  # the dead job still has the only slot
    let_heartbeat_lapse(job_id)
    job = wait_for(job_id, "lost")
    assert "start it again" in job.error
    assert job.step == 2
    assert not job.seconds_left
    # The dead job's slot is free again.
    wait_for(waiting, "done")
    gate.touch()
    assert jobs.start("walk", config) == (job_id, True)
    job = wait_for(job_id, "done")
    assert job.step == 4
    assert not job.error
    assert [line.split()[0] for line in lines(job_id)] == ["1", "2", "3", "4"]
    assert len(workers(job_id)) == 2


def test_a_worker_that_was_taken_for_dead_stops_when_it_wakes(lab):
    gate = lab / "gate"
    config = {"steps": 3, "gate": str(gate)}
    job_id, _ = jobs.start("walk", config)
    wait_for(job_id, lambda job: job.step == 1)
    sleeper = pid_of(job_id)
    os.kill(sleeper, signal.SIGSTOP)
    try:
        let_heartbeat_lapse(job_id)
        wait_for(job_id, "lost")
        assert jobs.start("walk", config) == (job_id, True)
        wait_for(job_id, lambda job: job.message == "at the gate")
    finally:
        os.kill(sleeper, signal.SIGCONT)
    wait_until(lambda: "gone to another process" in jobs.log_file(job_id).read_text())
    gate.touch()
    assert wait_for(job_id, "done").step == 3
    assert [line.split()[0] for line in lines(job_id)] == ["1", "2", "3"]


def test_a_paused_job_leaves_its_place_and_goes_on_where_it_was(lab, monkeypatch):
    monkeypatch.setenv("TRIAL_SLOTS", "1")
    gate = lab / "gate"
    config = {"steps": 4, "gate": str(gate), "wait_after": 2}
    job_id, _ = jobs.start("walk", config)
    wait_for(job_id, lambda job: job.step == 2)
    jobs.pause(job_id)
    job = wait_for(job_id, "paused")
    assert job.step == 2
    assert not job.active
    assert not job.error
    assert job.seconds_left is None
    other, _ = jobs.start("walk", {"steps": 1})
    wait_for(other, "done")
    jobs.pause(other)
    assert jobs.get(other).state == "done", "what is over does not rest"
    gate.touch()
    assert jobs.start("walk", config) == (job_id, True)
    job = wait_for(job_id, "done")
    assert [line.split()[0] for line in lines(job_id)] == ["1", "2", "3", "4"]
    assert len(workers(job_id)) == 2


def test_a_waiting_job_rests_at_once_and_a_resting_one_can_be_cancelled(lab, monkeypatch):
    monkeypatch.setenv("TRIAL_SLOTS", "1")
    gate = lab / "gate"
    first, _ = jobs.start("walk", {"steps": 2, "gate": str(gate)})
    wait_for(first, lambda job: job.step == 1)
    waiting, _ = jobs.start("walk", {"steps": 3})
    wait_for(waiting, lambda job: job.message)
    jobs.pause(waiting)
    assert jobs.get(waiting).state == "paused"
    assert jobs.start("walk", {"steps": 3}) == (waiting, True)
    jobs.pause(waiting)
    jobs.cancel(waiting)
    assert jobs.get(waiting).state == "cancelled"
    again, started = jobs.start("walk", {"steps": 3})
    assert started
    assert again != waiting
    gate.touch()
    wait_for(again, "done")
    assert not (jobs.job_folder(waiting) / "steps.txt").exists()


def test_starting_the_same_work_takes_back_a_pause(lab):
    gate = str(lab / "gate")
    config = {"steps": 2, "gate": gate}
    job_id, _ = jobs.start("walk", config)
    wait_for(job_id, lambda job: job.step == 1)
    pid = pid_of(job_id)
    os.kill(pid, signal.SIGSTOP)  # so that the pause is not seen before it is taken back
    jobs.pause(job_id)
    assert jobs.start("walk", config) == (job_id, False)
    os.kill(pid, signal.SIGCONT)
    (lab / "gate").touch()
    assert wait_for(job_id, lambda job: not job.active).state == "done"


def test_a_workspace_of_an_earlier_edition_gets_the_new_columns(lab):
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


def test_cancelling_a_lost_job_ends_it(lab):
    job_id, _ = jobs.start("die", {})
    pid = jobs.job_folder(job_id) / "pid"
    wait_until(lambda: pid.exists() and pid.read_text() and not is_alive(int(pid.read_text())))
    let_heartbeat_lapse(job_id)
    wait_for(job_id, "lost")
    jobs.cancel(job_id)
    assert jobs.get(job_id).state == "cancelled"


def test_ended_workers_leave_the_process_table(lab):
    before = threading.active_count()
    job_id, _ = jobs.start("walk", {"steps": 1})
    wait_for(job_id, "done")
    wait_until(lambda: threading.active_count() <= before)
    assert not is_alive(pid_of(job_id))


@pytest.mark.parametrize("unknown", ["0" * 32, "", "../../etc", "<b>"])
def test_an_unknown_job_is_a_sentence(lab, unknown):
    with pytest.raises(LabError, match="There is no job"):
        jobs.get(unknown)
    if unknown != "0" * 32:
        with pytest.raises(LabError, match="There is no job"):
            jobs.job_folder(unknown)


def test_a_database_that_cannot_be_opened_is_a_sentence(lab, monkeypatch):
    for url in ("no address", "postgresql://nobody@127.0.0.1:1/none", "sqlite:////nowhere/at/all.sqlite"):
        monkeypatch.setenv("SVP_DATABASE_URL", url)
        with pytest.raises(LabError, match="database cannot be opened .* SVP_DATABASE_URL"):
            jobs.recent()
    monkeypatch.delenv("SVP_DATABASE_URL")


def test_a_workspace_that_cannot_be_made_is_a_sentence(lab, monkeypatch):
    (lab / "file").touch()
    monkeypatch.setenv("SVP_WORKSPACE", str(lab / "file" / "below"))
    with pytest.raises(LabError, match="set SVP_WORKSPACE"):
        jobs.recent()
    monkeypatch.setenv("SVP_WORKSPACE", str(lab))
