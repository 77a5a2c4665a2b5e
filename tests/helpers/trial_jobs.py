"""What the tests of jobs share: a fresh workspace, the trial worker, waiting for a state."""

import os
import signal
import subprocess
import time

from svp_core.workspace import jobs
from svp_core.workspace.database import engine
from svp_core.workspace.database import job as job_table
from svp_core.workspace.paths import repo_root
from tests.helpers.trial_worker import STALE_S, TRIAL_WORKER

PATIENCE_S = 240  # for a busy machine; a test that passes takes a second or two


def trial_lab(tmp_path, monkeypatch):
    """For a fixture: a fresh workspace whose jobs the trial worker does; what runs at the end is cancelled."""
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "work space ä"))
    monkeypatch.setenv("PYTHONPATH", str(repo_root()))
    monkeypatch.delenv("SVP_DATABASE_URL", raising=False)
    monkeypatch.setattr(jobs, "WORKER", TRIAL_WORKER)
    monkeypatch.setattr(jobs, "STALE_S", STALE_S)
    yield tmp_path
    for job in jobs.active():
        jobs.cancel(job.id)
        wait_for(job.id, lambda job: not job.active)


def wait_for(job_id, wanted):
    """The job as soon as `wanted(job)` holds; wanted: a function, or the name of a state."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        job = jobs.get(job_id)
        if job.state == wanted if isinstance(wanted, str) else wanted(job):
            return job
        time.sleep(0.05)
    raise AssertionError(f"waited {PATIENCE_S} s; the job is {job}\n{jobs.log_file(job_id).read_text()}")


def started_at(job):
    """When a job that has left the queue did so."""
    assert job.started is not None
    return job.started


def ended_at(job):
    """When a job that has ended did so."""
    assert job.ended is not None
    return job.ended


def wait_until(holds):
    """Return as soon as `holds()`."""
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, f"waited {PATIENCE_S} s"
        time.sleep(0.02)


def is_alive(pid):
    """Whether this process is in the process table."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def is_stopped(pid):
    """Whether this process is stopped by a signal."""
    shown = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return shown.stdout.strip().startswith("T")


def kill_worker(pid):
    """Kill the process of a job as a lack of memory would, and wait until it is gone."""
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not is_alive(pid))


def let_heartbeat_lapse(job_id):
    """Have the last heartbeat of a job lie so far back that it is lost; its process must be dead or stopped."""
    with engine().begin() as db:
        db.execute(job_table.update().where(job_table.c.id == job_id).values(heartbeat=0.0))


def lines(job_id):
    """What the task "walk" has left: a line a step, with the process that made it."""
    return (jobs.job_folder(job_id) / "steps.txt").read_text().splitlines()


def workers(job_id):
    """Processes that have worked on a "walk"."""
    return {line.split()[-1] for line in lines(job_id)}


def pid_of(job_id):
    """Process that made the first step of a "walk"."""
    return int(lines(job_id)[0].split()[-1])
