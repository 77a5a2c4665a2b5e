"""The process that does one job: python -m svp_core.worker JOB_ID. Started by svp_core.workspace.jobs.

It waits for a free slot, runs the task, and writes after each step how far it is. Whether it lives is told by a
heartbeat from a thread of its own, so that one long step is not taken for death.
"""

import os
import sys
import threading
import time
import traceback
from uuid import uuid4

import sqlalchemy as sa

from svp_core.errors import LabError
from svp_core.tasks.job_kinds import run_task
from svp_core.workspace import jobs
from svp_core.workspace.database import engine, is_running, job

BEAT_S = 3.0  # between two heartbeats
WAIT_S = 0.5  # between two looks for a free slot
WRITE_S = 0.2  # quicker steps are not all written

WAITING = "Waiting for another job to finish"


class LeaseLost(Exception):
    """The row is no longer this process's to write: stopped while it waited, or taken for lost and started again."""


class JobLease:
    """This process's hold on its job's row: only while the row carries its name may it write."""

    def __init__(self, job_id):
        self.worker = uuid4().hex
        with engine().begin() as db:
            free = (job.c.id == job_id, job.c.state == "queued", job.c.worker.is_(None))
            if not db.execute(job.update().where(*free).values(worker=self.worker, heartbeat=time.time())).rowcount:
                raise LeaseLost
        self.job = jobs.get(job_id)

    def write(self, *conditions, **values):
        """Write to the row. Raises NotOurs when it is not ours any more, or not as the conditions want it."""
        mine = (job.c.id == self.job.id, job.c.worker == self.worker, *conditions)
        with engine().begin() as db:
            if not db.execute(job.update().where(*mine).values(heartbeat=time.time(), **values)).rowcount:
                raise LeaseLost

    def asked_to_stop(self):
        """The state that somebody asked for meanwhile: "cancelled", "paused", or None."""
        with engine().connect() as db:
            cancel, pause = db.execute(sa.select(job.c.cancel, job.c.pause).where(job.c.id == self.job.id)).one()
        return "cancelled" if cancel else "paused" if pause else None


def main(arguments=None):
    """Do the job with the id that is the one argument. Returns 0; how the job went stands in its row."""
    (job_id,) = sys.argv[1:] if arguments is None else arguments
    if hasattr(os, "nice"):
        os.nice(10)  # the pages come first
    try:
        row = JobLease(job_id)
        threading.Thread(target=_beat, args=(row,), daemon=True).start()
        _wait_for_slot(row)
        _work(row)
    except LeaseLost:
        print("This job was stopped or has gone to another process.")
    return 0


def _beat(row):
    while True:
        time.sleep(BEAT_S)
        try:
            row.write(job.c.state.in_(("queued", "running")))
        except LeaseLost:
            return
        except sa.exc.OperationalError:
            continue  # the database was busy for long, or away: the next beat may pass


def _wait_for_slot(row):
    """Return once the job is running, in one of the slots; the longest waiting job comes first."""
    while not _take_slot(row):
        row.write(job.c.state == "queued", message=WAITING)
        time.sleep(WAIT_S)


def _take_slot(row):
    now = time.time()
    alive = job.c.heartbeat >= now - jobs.STALE_S
    before = sa.or_(job.c.created < row.job.created, sa.and_(job.c.created == row.job.created, job.c.id < row.job.id))
    with engine().connect() as db:
        if db.scalar(sa.select(sa.func.count()).where(job.c.state == "queued", alive, before)):
            return False
        taken = set(db.scalars(sa.select(job.c.slot).where(is_running, alive)))
    for slot in sorted(set(range(jobs.slots())) - taken):
        try:
            with engine().begin() as db:
                db.execute(job.update().where(is_running, job.c.slot == slot, ~alive).values(state="lost"))
            row.write(job.c.state == "queued", state="running", slot=slot, started=now, message="")
            return True
        except sa.exc.IntegrityError:
            continue  # somebody else was quicker: the index one_job_a_slot
    return False


def _work(row):
    try:
        state = _run_task(row)
        row.write(is_running, state=state, ended=time.time())
    except LeaseLost:
        raise
    except LabError as error:
        row.write(state="failed", error=str(error), ended=time.time())
    except Exception as error:  # the one place: whatever it is, the person gets a sentence and the log the traceback
        traceback.print_exc()
        sentence = (
            f"The work stopped on a defect of the program ({type(error).__name__}); "
            f"the details are in {jobs.log_file(row.job.id)}."
        )
        row.write(state="failed", error=sentence, ended=time.time())


def _run_task(row):
    """The state that the job has then: "done", or what was asked for meanwhile."""
    steps = run_task(row.job.kind, row.job.config, jobs.job_folder(row.job.id))
    pace, written, unwritten = None, 0.0, {}
    try:
        for progress in steps:
            now = time.time()
            # Until the first step is finished the time goes into loading, which says nothing about the rate.
            if pace is None or progress.step == pace["paced_step"]:
                pace = {"paced_step": progress.step, "paced_from": now}
            unwritten = {"step": progress.step, "total": progress.total, "message": progress.message, **pace}
            unwritten["stepped"] = now
            if now - written < WRITE_S:
                continue
            row.write(is_running, **unwritten)
            written, unwritten = now, {}
            if asked := row.asked_to_stop():
                return asked
        return "done"
    finally:
        steps.close()
        if unwritten:
            row.write(is_running, **unwritten)


if __name__ == "__main__":
    sys.exit(main())
