"""Progress box and sidebar: what a waiting job waits for, and pausing the training in its way."""

import time

import pytest

from svp_core.tasks.lanes import waiting_message
from svp_core.workspace import jobs
from svp_core.workspace.database import engine
from svp_core.workspace.database import job as job_table
from tests.helpers.app_pages import open_page, page_text

TRAIN = {"name": "oil-2", "datasets": ["a"], "classes": ["silicone_oil"], "base": None, "minutes": 120}


def write(job_id, **values):
    with engine().begin() as db:
        db.execute(job_table.update().where(job_table.c.id == job_id).values(**values))


@pytest.fixture
def running():
    """Id of a training that has run for an hour and needs another one."""
    now = time.time()
    job_id, _ = jobs.start("train", TRAIN)
    pace = {"paced_step": 0, "paced_from": now - 3600, "stepped": now}
    write(job_id, state="running", slot=100, step=50, total=100, started=now - 3600, **pace)
    return job_id


def test_a_waiting_training_can_pause_the_one_in_its_way(running):
    waiting, _ = jobs.start("train", TRAIN | {"name": "oil-3"})
    write(waiting, message=waiting_message(jobs.get(waiting)))
    app = open_page("pages/train.py", job=waiting)
    lines = [bar.proto.text.replace("\\", "") for bar in app.main.get("progress")]
    assert lines == [waiting_message(jobs.get(waiting))]
    assert "oil-2" in lines[0]
    assert "left" in lines[0]
    app.button(key="pause_blocking").click().run()
    assert jobs.get(running).requested_state == "paused"
    assert "pause_blocking" not in [button.key for button in app.button], "it is pausing already"


def test_a_waiting_short_job_offers_no_pause(running):
    first, _ = jobs.start("generate", {"class_key": "protein", "count": 5, "seed": 0})
    write(first, state="running", slot=0, step=1, total=5)
    waiting, _ = jobs.start("generate", {"class_key": "protein", "count": 6, "seed": 0})
    write(waiting, message=waiting_message(jobs.get(waiting)))
    app = open_page("pages/synthesize.py", mode="Make", job=waiting)
    assert "pause_blocking" not in [button.key for button in app.button]
    assert "pause_job" not in [button.key for button in app.button]


def test_a_running_training_can_pause_and_an_unknown_kind_does_no_harm(running):
    strange, _ = jobs.start("of a later version", {"a": 1})
    app = open_page("pages/train.py", job=running)
    app.button(key="pause_job").click().run()
    assert jobs.get(running).requested_state == "paused"
    assert not app.exception
    assert "Pausing" in page_text(app)
    assert jobs.get(strange).active
