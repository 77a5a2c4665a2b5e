"""Jobs that wait, with real worker processes: slots, lanes, pauses."""

import os
import signal

from svp_core.workspace import jobs
from tests.helpers.trial_jobs import (
    ended_at,
    lines,
    pid_of,
    started_at,
    wait_for,
    workers,
)


def test_queued_jobs_run_in_turn_and_can_be_cancelled(lab, monkeypatch):
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
    assert ended_at(first) <= started_at(second)
    assert ended_at(second) <= started_at(fourth)
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
    assert ended_at(wait_for(training, "done")) <= started_at(wait_for(next_training, "done"))


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


def test_a_paused_job_frees_its_slot_and_resumes(lab, monkeypatch):
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


def test_a_queued_job_pauses_at_once_and_a_paused_one_can_be_cancelled(lab, monkeypatch):
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
