"""What the tests of jobs share: a fresh workspace, the trial worker, waiting for a state."""

import time

from svp_core.workspace import jobs
from svp_core.workspace.paths import repo_root
from tests.helpers.trial_worker import STALE_S, TRIAL_WORKER

PATIENCE_S = 60  # for a busy machine; a test that passes takes a second or two


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


def lines(job_id):
    """What the task "walk" has left: a line a step, with the process that made it."""
    return (jobs.job_folder(job_id) / "steps.txt").read_text().splitlines()


def workers(job_id):
    """Processes that have worked on a "walk"."""
    return {line.split()[-1] for line in lines(job_id)}
