"""Jobs and reviews put straight into the database, for tests of what refers to data sets and models."""

import json
import time
from uuid import uuid4

from svp_core.workspace import jobs
from svp_core.workspace.database import engine, job, review


def store_job(kind, config, *, state="done", model=None, job_id=None):
    """Id of a job in this state that no process runs; an existing job_id changes its state.

    model: name of the model that it has produced.
    """
    with engine().begin() as db:
        if job_id:
            db.execute(job.update().where(job.c.id == job_id).values(state=state))
            return job_id
        job_id, now = uuid4().hex, time.time()
        same = json.dumps([kind, config, job_id])
        times = {"created": now, "heartbeat": now}
        db.execute(job.insert().values(id=job_id, kind=kind, config=config, same_as=same, state=state, **times))
    if model:
        (jobs.job_folder(job_id) / "model.json").write_text(json.dumps({"model": model}), "utf-8")
    return job_id


def store_review(name, *, kind, source, model=""):
    """Id of a review that has a header but no files."""
    review_id = uuid4().hex[:12]
    header = {"review": review_id, "name": name, "kind": kind, "source": source, "model": model}
    with engine().begin() as db:
        db.execute(review.insert().values(id=review_id, header=json.dumps(header), created=time.time(), head=""))
    return review_id
