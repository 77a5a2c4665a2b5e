"""The page Train: folders read in, data sets kept, jobs that fail."""

import pandas as pd
import pytest

from svp_core.errors import LabError
from svp_core.tasks.job_kinds import run_task
from svp_core.workspace import datasets, jobs
from svp_core.workspace.database import engine
from svp_core.workspace.database import job as job_table
from tests.helpers.drawn_tiles import draw_blocks

PAGE = "pages/train.py"


def fail_job(job_id):
    """Do the work of a job that cannot be done, as its worker would."""
    job = jobs.get(job_id)
    with pytest.raises(LabError) as refused:
        list(run_task(job.kind, job.config, jobs.job_folder(job_id)))
    with engine().begin() as db:
        values = {"state": "failed", "error": str(refused.value), "started": job.created, "ended": job.created + 1}
        db.execute(job_table.update().where(job_table.c.id == job_id).values(**values))


def save_images(counts, tiles=None, *, name="Mine"):
    """Id of a data set with so many different images of each class, or with these tiles."""
    classes = [key for key, count in counts.items() for _ in range(count)]
    table = pd.DataFrame({"image": [f"{k}.png" for k in range(len(classes))], "class": classes})
    return datasets.save_dataset(name, "own", draw_blocks(len(classes), seed=5) if tiles is None else tiles, table, {})
