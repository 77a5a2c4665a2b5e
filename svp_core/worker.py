"""The process of one job: python -m svp_core.worker JOB_ID. Started by svp_core.workspace.jobs.

It waits for a free slot of its lane, runs the task and writes its progress after each step. A heartbeat from a thread
of its own shows that it lives, so that one long step does not look like a dead process.
"""

import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

if __name__ == "__main__":
    from svp_core.execution.garbage_collection import collect_seldom

    collect_seldom()

from svp_core.access.person import account, acting_as
from svp_core.errors import LabError
from svp_core.execution.threads import set_threads
from svp_core.progress import Progress
from svp_core.tasks.job_kinds import LONG, run_task
from svp_core.tasks.lanes import FIRST_SLOT, lane_of, lane_slots, long_kinds, waiting_message
from svp_core.workspace import jobs
from svp_core.workspace.database import engine, is_running, job
from svp_core.workspace.database_errors import DatabaseBusy, DatabaseError
from svp_core.workspace.paths import storage_problem

BEAT_S = 3.0  # between two heartbeats
WAIT_S = 0.5  # between two attempts to take a slot
WRITE_S = 0.2  # steps that follow faster are not all written
REPORT_S = 120.0  # how long it is tried to write how a job has ended

Result = TypeVar("Result")


class LeaseLost(Exception):
    """This process may no longer write the row: the job was stopped while queued, or was lost and started again."""


class JobLease:
    """The right of this process to write its job's row: it holds while the row carries the name of the worker."""

    def __init__(self, job_id: str) -> None:
        self.worker = uuid4().hex
        with engine().begin() as db:
            free = (job.c.id == job_id, job.c.state == "queued", job.c.worker.is_(None))
            if not db.execute(job.update().where(*free).values(worker=self.worker, heartbeat=time.time())).rowcount:
                raise LeaseLost
        self.job = jobs.get(job_id)
        self.lane = lane_of(self.job.kind)

    def write(self, *conditions: Any, **values: Any) -> None:
        """Write to the row. Raises LeaseLost where the lease or one of the conditions does not hold."""
        is_own = (job.c.id == self.job.id, job.c.worker == self.worker, *conditions)
        with engine().begin() as db:
            if not db.execute(job.update().where(*is_own).values(heartbeat=time.time(), **values)).rowcount:
                raise LeaseLost

    def requested_state(self) -> str | None:
        """The state that a person requested meanwhile: "cancelled", "paused" or None."""
        with engine().connect() as db:
            cancel, pause = db.execute(sa.select(job.c.cancel, job.c.pause).where(job.c.id == self.job.id)).one()
        return "cancelled" if cancel else "paused" if pause else None


def main(arguments: Sequence[str] | None = None) -> int:
    """Do the job whose id is the one argument. Returns 0; the row says how the job ended."""
    (job_id,) = sys.argv[1:] if arguments is None else arguments
    if hasattr(os, "nice"):
        os.nice(10)  # pages come first
    try:
        lease = _until_written(lambda: JobLease(job_id))
        threading.Thread(target=_beat, args=(lease,), daemon=True).start()
        _wait_for_slot(lease)
        with acting_as(lease.job.person or account()):
            _work(lease)
    except LeaseLost:
        print("This job was stopped or has gone to another process.")
    return 0


def _beat(lease: JobLease) -> None:
    while True:
        time.sleep(BEAT_S)
        try:
            lease.write(job.c.state.in_(("queued", "running")))
        except LeaseLost:
            return
        except DatabaseError:
            continue  # the database was busy for long or unreachable: the next beat may pass


def _wait_for_slot(lease: JobLease) -> None:
    """Return once the job is running in a slot of its lane; the job that has waited longest comes first."""
    while not _until_written(lambda: _take_slot(lease)):
        _until_written(lambda: lease.write(job.c.state == "queued", message=waiting_message(lease.job)))
        time.sleep(WAIT_S)


def _take_slot(lease: JobLease) -> bool:
    is_alive = jobs.beats(time.time())
    in_lane = job.c.kind.in_(long_kinds()) if lease.lane == LONG else job.c.kind.not_in(long_kinds())
    created = lease.job.created
    is_before = sa.or_(job.c.created < created, sa.and_(job.c.created == created, job.c.id < lease.job.id))
    with engine().connect() as db:
        if db.scalar(sa.select(sa.func.count()).where(job.c.state == "queued", in_lane, is_alive, is_before)):
            return False
        taken = set(db.scalars(sa.select(job.c.slot).where(is_running, is_alive)))
    for slot in lane_slots(lease.lane):
        if slot in taken:
            continue
        try:
            with engine().begin() as db:
                db.execute(job.update().where(is_running, job.c.slot == slot, ~is_alive).values(state="lost"))
            lease.write(job.c.state == "queued", state="running", slot=slot, started=time.time(), message="")
            return True
        except IntegrityError:
            continue  # another worker was faster: the index one_job_a_slot
    return False


def _both_lanes_busy(lane: str) -> bool:
    """Whether a job of the other lane is running."""
    in_long_lane = job.c.slot >= FIRST_SLOT[LONG]
    in_other_lane = ~in_long_lane if lane == LONG else in_long_lane
    is_alive = jobs.beats(time.time())
    with engine().connect() as db:
        return bool(db.scalar(sa.select(sa.func.count()).where(is_running, is_alive, in_other_lane)))


def _work(lease: JobLease) -> None:
    try:
        ending: dict[str, Any] = {"state": _run_task(lease)}
    except LeaseLost:
        raise
    except LabError as error:
        ending = {"state": "failed", "error": str(error)}
    except Exception as error:  # any defect: the person gets a sentence, the log the traceback
        with suppress(OSError):  # a full disk
            traceback.print_exc()
        message = (
            f"The work stopped because of a program error ({type(error).__name__}); "
            f"the details are in {jobs.log_file(lease.job.id)}."
        )
        if isinstance(error, OSError):
            message = storage_problem(error) or message
        ending = {"state": "failed", "error": message}
    _until_written(lambda: lease.write(is_running, **ending, ended=time.time()))


def _until_written(write: Callable[[], Result]) -> Result:
    """write(), tried again for REPORT_S while the database is locked, full or unreachable. Raises DatabaseError."""
    end = time.monotonic() + REPORT_S
    while True:
        try:
            return write()
        except DatabaseError:
            if time.monotonic() > end:
                raise
            time.sleep(WAIT_S)


def _run_task(lease: JobLease) -> str:
    """Run the task; returns the state that the job then has: "done", or the one that was requested meanwhile."""
    threads = jobs.threads(both_lanes=_both_lanes_busy(lease.lane))
    set_threads(threads)
    steps = run_task(lease.job.kind, lease.job.config, jobs.job_folder(lease.job.id))
    pace: dict[str, Any] = {}
    written, unwritten, message = 0.0, {}, None
    try:
        for progress in steps:
            now = time.time()
            # Until the first step is finished the time goes into loading, which says nothing about the rate.
            if not pace or progress.step == pace["paced_step"]:
                pace = {"paced_step": progress.step, "paced_from": now}
            unwritten = {**_columns_of(progress), **pace, "stepped": now}
            # A new message is always written: the step that it announces may take minutes.
            if now - written < WRITE_S and progress.message == message:
                continue
            try:
                lease.write(is_running, **unwritten)
            except DatabaseBusy:
                continue  # hours of work do not end because somebody else writes; the next step is written
            written, unwritten, message = now, {}, progress.message
            if requested := lease.requested_state():
                return requested
            share = jobs.threads(both_lanes=_both_lanes_busy(lease.lane))
            if share != threads:
                set_threads(share, before=threads)
                threads = share
        return "done"
    finally:
        steps.close()
        if unwritten:
            with suppress(DatabaseError):
                lease.write(is_running, **unwritten)


def _columns_of(progress: Progress) -> dict[str, Any]:
    return {"step": progress.step, "total": progress.total, "message": progress.message}


if __name__ == "__main__":
    sys.exit(main())
