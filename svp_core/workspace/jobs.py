"""Long work as a row in the database and a process of its own, so that nothing a browser does can kill or double it.

This side starts, watches, pauses and cancels; the other side is svp_core.worker. Whether a job lives is judged by its
heartbeat alone: a killed process can look alive for long. A job's files lie in its folder: config.json, log.txt and
whatever the work makes.
"""

import json
import os
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import sqlalchemy as sa

from svp_core.errors import LabError
from svp_core.execution import executor
from svp_core.workspace.database import engine, is_active, job
from svp_core.workspace.paths import repo_root, workspace_root

STALE_S = 30.0  # without a heartbeat for so long, a job is lost
WORKER = (sys.executable, "-m", "svp_core.worker")  # the process that does a job; it is given the job's id

LOST = "The process that did this work is gone (killed, or the machine was restarted); start it again to go on."


@dataclass(frozen=True)
class Job:
    """One job as it stands now. Times are seconds since 1970, UTC."""

    id: str
    kind: str  # key of svp_core.tasks.job_kinds.JOB_KINDS
    config: dict  # what it was asked to do
    state: str  # queued, running, paused, done, failed, cancelled or lost
    step: int  # finished steps
    total: int | None  # None while it is not known
    message: str  # what it is doing, "" when there is nothing to say
    error: str  # one sentence when failed or lost, else ""
    created: float
    started: float | None  # when it came out of the queue
    ended: float | None
    heartbeat: float
    rate: float | None  # steps per second; None until two steps are known
    seconds_left: float | None  # None while it is not known, and when it is over
    asked: str  # "cancelled" or "paused" while it is under way until its current step ends; else ""

    @property
    def active(self):
        """Whether it is waiting or under way."""
        return self.state in ("queued", "running")


def start(kind, config):
    """Have this work done: (id of the job that does it, whether this call started it).

    kind: key of a kind of job, see svp_core.tasks.job_kinds. config: JSON-ready dict. While the same work is under way
    that job is joined; one that was lost or paused goes on under its id, from what it had finished.
    """
    same, claimed = json.dumps([kind, config], sort_keys=True), None
    while claimed is None:
        # None: the job that was in the way ended this instant.
        claimed = _claim(kind, config, same)
    job_id, is_new = claimed
    if is_new:
        folder = job_folder(job_id)
        (folder / "config.json").write_text(json.dumps({"kind": kind, "config": config}, indent=2) + "\n", "utf-8")
        _launch(job_id, folder)
    return job_id, is_new


def get(job_id):
    """The Job with this id. Raises LabError when this workspace has none."""
    with engine().connect() as db:
        row = db.execute(sa.select(job).where(job.c.id == job_id)).one_or_none()
    if row is None:
        raise LabError(f"There is no job {str(job_id)[:40]!r} in this workspace; start it again.")
    return _as_job(row)


def active():
    """Jobs waiting or under way, in the order in which they were started."""
    with engine().connect() as db:
        rows = db.execute(sa.select(job).where(is_active).order_by(job.c.created)).all()
    return [found for found in map(_as_job, rows) if found.active]


def recent(limit=20):
    """The latest jobs in any state, newest first."""
    with engine().connect() as db:
        return [_as_job(row) for row in db.execute(sa.select(job).order_by(job.c.created.desc()).limit(limit))]


def pause(job_id):
    """Let a job rest until start() is called with the same work again; another one gets its place meanwhile.

    One that waits rests at once, one under way after its current step; one that is over stays as it is.
    """
    this = job.c.id == job_id
    with engine().begin() as db:
        db.execute(job.update().where(this, job.c.state == "queued").values(state="paused"))
        db.execute(job.update().where(this, job.c.state == "running").values(pause=True))


def cancel(job_id):
    """Stop a job for good. One under way stops after its current step, any other at once; what it made is kept."""
    this, now = job.c.id == job_id, time.time()
    # With same_as gone, the same work can be started anew without joining a job that is about to stop.
    asked = {"cancel": True, "same_as": None}
    under_way = sa.and_(job.c.state == "running", job.c.heartbeat >= now - STALE_S)
    with engine().begin() as db:
        is_open = sa.or_(is_active, job.c.state == "paused")
        db.execute(job.update().where(this, is_open, ~under_way).values(state="cancelled", ended=now, **asked))
        db.execute(job.update().where(this, is_active).values(**asked))


def job_folder(job_id):
    """Folder of a job's files, made when missing. Raises LabError for what cannot be a job's id."""
    if not re.fullmatch("[0-9a-f]{32}", str(job_id)):
        raise LabError(f"There is no job {str(job_id)[:40]!r} in this workspace; start it again.")
    folder = workspace_root() / "jobs" / job_id
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def log_file(job_id):
    """Where the worker's output and a defect's traceback go."""
    return job_folder(job_id) / "log.txt"


def slots() -> int:
    """How many jobs of a lane run at once on this machine: one per four processor cores, 1 to 4. The others wait."""
    return max(1, min(4, _cores() // 4))


def threads(*, both_lanes: bool = False) -> int:
    """How many threads a job computes with: SVP_JOB_THREADS, else its share of the cores.

    A lane alone shares all cores but one, which is left to the pages; two busy lanes share half of all cores each.
    Never more threads than cores: with a second thread per core, sampling on two cores took 4 to 20 times as long.
    """
    setting = os.environ.get("SVP_JOB_THREADS", "")
    if setting.isdigit() and int(setting):
        return int(setting)
    return max(1, (_cores() // 2 if both_lanes else _cores() - 1) // slots())


def _cores():
    # A container or a service manager may give this process fewer cores than the machine has.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _claim(kind, config, same):
    """(id, True) when this caller is to launch the worker, (id, False) to join a job, None to try again."""
    now = time.time()
    fresh = {"state": "queued", "created": now, "heartbeat": now, "worker": None, "slot": None, "message": ""}
    fresh |= {"cancel": False, "pause": False, "started": None, "ended": None}
    fresh |= {"paced_step": None, "paced_from": None, "stepped": None}
    this = job.c.same_as == same
    try:
        with engine().begin() as db:
            # Else a dead job would be in the way of its own restart.
            db.execute(job.update().where(this, is_active, job.c.heartbeat < now - STALE_S).values(state="lost"))
            rests = job.c.state.in_(("lost", "paused"))
            found = db.scalar(sa.select(job.c.id).where(this, rests).order_by(job.c.created.desc()).limit(1))
            if found is None:
                found = uuid4().hex
                db.execute(job.insert().values(id=found, kind=kind, config=config, same_as=same, **fresh))
            elif not db.execute(job.update().where(job.c.id == found, rests).values(**fresh)).rowcount:
                return None
        return found, True
    except sa.exc.IntegrityError:  # the index one_active_job
        with engine().begin() as db:
            # Who wants it done takes back a pause that has not begun.
            db.execute(job.update().where(this, is_active).values(pause=False))
            under_way = db.scalar(sa.select(job.c.id).where(this, is_active))
        return under_way and (under_way, False)


def _launch(job_id: str, folder: Path) -> None:
    """Start the worker process of a job."""
    executor().submit_job(
        [*WORKER, job_id],
        folder=repo_root(),
        environment={"OMP_NUM_THREADS": str(threads()), "SVP_WORKSPACE": str(workspace_root())},
        log_file=folder / "log.txt",
    )


def _as_job(row):
    now = time.time()
    state, error = row.state, row.error
    if state in ("queued", "running") and row.heartbeat < now - STALE_S:
        # Only said, not written: after a laptop slept the heart may beat again.
        state = "lost"
    if state == "lost":
        error = LOST
    rate = seconds_left = None
    if row.paced_from is not None and row.step > row.paced_step and row.stepped > row.paced_from:
        rate = (row.step - row.paced_step) / (row.stepped - row.paced_from)
        if row.total is not None and state == "running":
            seconds_left = max(0.0, (row.total - row.step) / rate - (now - row.stepped))
    return Job(
        id=row.id,
        kind=row.kind,
        config=row.config,
        state=state,
        step=row.step,
        total=row.total,
        message=row.message if state in ("queued", "running", "done") else "",
        error=error,
        created=row.created,
        started=row.started,
        ended=row.heartbeat if state == "lost" else row.ended,
        heartbeat=row.heartbeat,
        rate=rate,
        seconds_left=seconds_left,
        asked=_asked(row) if state == "running" else "",
    )


def _asked(row):
    return "cancelled" if row.cancel else "paused" if row.pause else ""
