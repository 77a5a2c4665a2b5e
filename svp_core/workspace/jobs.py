"""Jobs: long work as a row in the database and a process of its own, so that no browser can kill or duplicate it.

This module starts, watches, pauses and cancels jobs; svp_core.worker does them. Whether a job is alive is judged by its
heartbeat alone, since a killed process can look alive for long. A job's files lie in its folder: config.json, log.txt
and the results of its task.
"""

import json
import os
import re
import shutil
import sys
import time
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from svp_core.access.person import KEEPER, REVIEWER, Person, require
from svp_core.errors import LabError
from svp_core.execution import executor
from svp_core.files import write_json
from svp_core.workspace import changes
from svp_core.workspace.database import engine, is_active, job
from svp_core.workspace.paths import repo_root, workspace_folder, workspace_root

STALE_S = 30.0  # a job without a heartbeat for longer is lost
WORKER = (sys.executable, "-m", "svp_core.worker")  # command of the process that does a job; the job's id follows

LOST = "The process that did this work is gone (killed, or the machine was restarted); start it again to go on."

FULL = (
    "The process of this work is gone, and the disk of the workspace is full; free space and start it again to go on."
)
FULL_BYTES = 4 * 1024**2  # a disk with less free space is full


@dataclass(frozen=True)
class Job:
    """One job as it stands now. Times are seconds since 1970, UTC."""

    id: str
    kind: str  # key of svp_core.tasks.job_kinds.JOB_KINDS
    config: dict[str, Any]  # its request as JSON
    state: str  # queued, running, paused, done, failed, cancelled or lost
    step: int  # finished steps
    total: int | None  # None while it is unknown
    message: str  # what it is doing, or ""
    error: str  # one sentence when failed or lost, else ""
    created: float
    started: float | None  # when it left the queue
    ended: float | None
    heartbeat: float
    rate: float | None  # steps per second; None until two steps are known
    seconds_left: float | None  # None while it is unknown, and unless it is running
    requested_state: str  # "cancelled" or "paused" while it is running until its current step ends; else ""
    person: Person | None = None  # who started it last; None: not known (before version 0.3)

    @property
    def active(self) -> bool:
        """Whether it is queued or running."""
        return self.state in ("queued", "running")


def start(kind: str, config: Mapping[str, Any]) -> tuple[str, bool]:
    """Start a job: (its id, whether this call started it).

    kind: key of a kind of job, see svp_core.tasks.job_kinds. config: JSON-ready. While a job of the same kind and
    config is active, it is joined; one that was lost or paused resumes under its id, from what it had finished.
    """
    person = require(REVIEWER, "start a job")
    same_as, claim = json.dumps([kind, config], sort_keys=True), None
    while claim is None:
        # None: the job that was in the way ended this instant.
        claim = _claim(kind, config, same_as, person)
    job_id, is_new = claim
    if is_new:
        changes.add_entry(person, "start", changes.JOB, job_id, str(config.get("name") or ""), job=kind)
        try:
            folder = job_folder(job_id)
            write_json(folder / "config.json", {"kind": kind, "config": config})
            _launch(job_id, folder)
        except (OSError, LabError) as error:
            reason = error if isinstance(error, LabError) else f"{error.strerror or error}"
            sentence = f"The process of this job could not be started: {reason}".rstrip(".") + "."
            with engine().begin() as db:
                is_waiting = (job.c.id == job_id, job.c.state == "queued", job.c.worker.is_(None))
                db.execute(job.update().where(*is_waiting).values(state="failed", error=sentence, ended=time.time()))
            raise LabError(sentence) from None
    return job_id, is_new


def beats(now: float) -> sa.ColumnElement[bool]:
    """Whether a job's heartbeat is recent; one from the future is not: the clock was ahead when it was written."""
    return job.c.heartbeat.between(now - STALE_S, now + STALE_S)


def get(job_id: str) -> Job:
    """The job with this id. Raises LabError where this workspace has none."""
    with engine().connect() as db:
        row = db.execute(sa.select(job).where(job.c.id == job_id)).one_or_none()
    if row is None:
        raise _unknown(job_id)
    return _as_job(row)


def active() -> list[Job]:
    """Queued and running jobs, in the order in which they were started."""
    with engine().connect() as db:
        rows = db.execute(sa.select(job).where(is_active).order_by(job.c.created)).all()
    return [active_job for active_job in map(_as_job, rows) if active_job.active]


def recent(limit: int = 20, *, kinds: Collection[str] | None = None) -> list[Job]:
    """The latest jobs in any state, newest first. kinds: only those of these kinds."""
    query = sa.select(job).order_by(job.c.created.desc()).limit(limit)
    if kinds is not None:
        query = query.where(job.c.kind.in_(kinds))
    with engine().connect() as db:
        return [_as_job(row) for row in db.execute(query)]


def pause(job_id: str) -> None:
    """Pause a job until start() is called with the same work again; its slot becomes free meanwhile.

    A queued job pauses at once, a running one after its current step; one that has ended stays as it is.
    """
    is_this = job.c.id == job_id
    with changes.change(REVIEWER, "pause", changes.JOB, job_id), engine().begin() as db:
        db.execute(job.update().where(is_this, job.c.state == "queued").values(state="paused"))
        db.execute(job.update().where(is_this, job.c.state == "running").values(pause=True))


def cancel(job_id: str) -> None:
    """Stop a job for good; its results are kept. A running job stops after its current step, any other at once."""
    is_this, now = job.c.id == job_id, time.time()
    # Without same_as, the same work can be started again without joining a job that is about to stop.
    request = {"cancel": True, "same_as": None}
    is_alive = sa.and_(job.c.state == "running", beats(now))
    with changes.change(REVIEWER, "cancel", changes.JOB, job_id), engine().begin() as db:
        is_open = sa.or_(is_active, job.c.state == "paused")
        db.execute(job.update().where(is_this, is_open, ~is_alive).values(state="cancelled", ended=now, **request))
        db.execute(job.update().where(is_this, is_active).values(**request))


def delete(job_id: str) -> None:
    """Delete a job that has ended, with its folder. Raises LabError while it is waiting or running."""
    deleted = get(job_id)
    job_id, kind = deleted.id, changes.CLASSIFICATION if deleted.kind == "classify" else changes.JOB
    with changes.change(KEEPER, "delete", kind, job_id, job=deleted.kind), engine().begin() as db:
        is_over = sa.or_(~is_active, ~beats(time.time()))
        if not db.execute(job.delete().where(job.c.id == job_id, is_over)).rowcount:
            raise LabError("This job is still under way; cancel it first.")
    shutil.rmtree(workspace_root() / "jobs" / job_id, ignore_errors=True)


def job_folder(job_id: str) -> Path:
    """Folder of a job's files, created when missing. Raises LabError for an invalid id."""
    if not re.fullmatch("[0-9a-f]{32}", str(job_id)):
        raise _unknown(job_id)
    return workspace_folder("jobs", job_id)


def _unknown(job_id: str) -> LabError:
    return LabError(
        f"There is no job {str(job_id)[:40]!r} in this workspace; it may have been deleted, or the link is incomplete."
    )


def log_file(job_id: str) -> Path:
    """File with the worker's output and the traceback of a defect."""
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


def _cores() -> int:
    # A container or a service manager may give this process fewer cores than the machine has.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _claim(kind: str, config: Mapping[str, Any], same_as: str, person: Person) -> tuple[str, bool] | None:
    """(id, True) where this caller must launch the worker, (id, False) to join a job, None to try again."""
    now = time.time()
    fresh = {"state": "queued", "created": now, "heartbeat": now, "worker": None, "slot": None, "message": ""}
    fresh |= {"cancel": False, "pause": False, "started": None, "ended": None}
    fresh |= {"paced_step": None, "paced_from": None, "stepped": None, "person": asdict(person)}
    is_same = job.c.same_as == same_as
    try:
        with engine().begin() as db:
            # Otherwise a dead job would block its own restart.
            db.execute(job.update().where(is_same, is_active, ~beats(now)).values(state="lost"))
            can_resume = job.c.state.in_(("lost", "paused"))
            latest = sa.select(job.c.id).where(is_same, can_resume).order_by(job.c.created.desc()).limit(1)
            job_id = db.scalar(latest)
            if job_id is None:
                job_id = uuid4().hex
                db.execute(job.insert().values(id=job_id, kind=kind, config=config, same_as=same_as, **fresh))
            elif not db.execute(job.update().where(job.c.id == job_id, can_resume).values(**fresh)).rowcount:
                return None
        return job_id, True
    except IntegrityError:  # the index one_active_job
        with engine().begin() as db:
            # A new request takes back a pause that has not taken effect.
            db.execute(job.update().where(is_same, is_active).values(pause=False))
            active_id = db.scalar(sa.select(job.c.id).where(is_same, is_active))
        return (active_id, False) if active_id else None


def _launch(job_id: str, folder: Path) -> None:
    """Start the worker process of a job."""
    executor().submit_job(
        [*WORKER, job_id],
        folder=repo_root(),
        environment={"OMP_NUM_THREADS": str(threads()), "SVP_WORKSPACE": str(workspace_root())},
        log_file=folder / "log.txt",
    )


def _as_job(row: Any) -> Job:
    now = time.time()
    state, error = row.state, row.error
    if state in ("queued", "running") and abs(row.heartbeat - now) > STALE_S:
        # Shown, not written: after a laptop slept the heartbeat may resume.
        state = "lost"
    if state == "lost":
        error = FULL if _is_disk_full() else LOST
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
        ended=min(row.heartbeat, now) if state == "lost" else row.ended,
        heartbeat=row.heartbeat,
        rate=rate,
        seconds_left=seconds_left,
        requested_state=_requested_state(row) if state == "running" else "",
        person=Person(**row.person) if row.person else None,
    )


def _is_disk_full() -> bool:
    try:
        return shutil.disk_usage(workspace_root()).free < FULL_BYTES
    except OSError:
        return False


def _requested_state(row: Any) -> str:
    return "cancelled" if row.cancel else "paused" if row.pause else ""
