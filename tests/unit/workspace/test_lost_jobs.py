"""Jobs whose real worker process was killed or stopped: lost, and found again."""

import os
import signal

from svp_core.workspace import jobs
from tests.helpers.trial_jobs import (
    is_alive,
    is_stopped,
    kill_worker,
    let_heartbeat_lapse,
    lines,
    pid_of,
    wait_for,
    wait_until,
    workers,
)


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


def test_a_worker_that_was_taken_for_dead_stops_when_it_wakes(lab, monkeypatch):
    """It stops itself between two writes: stopped in the middle of one, it would hold the database's lock."""
    gate = lab / "gate"
    config = {"steps": 3, "gate": str(gate), "stop_after": 1}
    monkeypatch.setenv("TRIAL_BEAT_S", "3600")  # its heartbeat writes too
    job_id, _ = jobs.start("walk", config)
    wait_for(job_id, lambda job: job.step == 1)
    sleeper = pid_of(job_id)
    wait_until(lambda: is_stopped(sleeper))
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


def test_cancelling_a_lost_job_ends_it(lab):
    job_id, _ = jobs.start("die", {})
    pid = jobs.job_folder(job_id) / "pid"
    wait_until(lambda: pid.exists() and pid.read_text() and not is_alive(int(pid.read_text())))
    let_heartbeat_lapse(job_id)
    wait_for(job_id, "lost")
    jobs.cancel(job_id)
    assert jobs.get(job_id).state == "cancelled"


def test_ended_workers_leave_the_process_table(lab):
    job_id, _ = jobs.start("walk", {"steps": 1})
    wait_for(job_id, "done")
    wait_until(lambda: not is_alive(pid_of(job_id)))
