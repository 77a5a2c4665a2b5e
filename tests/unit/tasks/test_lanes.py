"""What a waiting job waits for, and which lane its kind is in."""

import time

import pytest

from svp_core.tasks import lanes
from svp_core.tasks.job_kinds import LONG, SHORT
from svp_core.workspace import database, jobs

TRAIN = {"name": "oil-2", "datasets": ["a"], "classes": ["b"], "base": None}


@pytest.fixture(autouse=True)
def lab(tmp_path, monkeypatch, no_job_processes):
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path))
    monkeypatch.delenv("SVP_DATABASE_URL", raising=False)


def queue(kind, config):
    return jobs.start(kind, config)[0]


def run(job_id, slot, *, step=0, seconds_per_step=1.0):
    """Let a queued job run in a slot, at this step of 100."""
    now = time.time()
    pace = {"paced_step": 0, "paced_from": now - step * seconds_per_step, "stepped": now}
    with database.engine().begin() as db:
        state = {"state": "running", "slot": slot, "step": step, "total": 100, "started": now, **pace}
        db.execute(database.job.update().where(database.job.c.id == job_id).values(**state))


def test_trainings_and_experiments_are_long():
    assert lanes.lane_of("train") == lanes.lane_of("retrain") == LONG
    assert lanes.lane_of("classify") == lanes.lane_of("unknown") == SHORT
    assert sorted(lanes.long_kinds()) == ["experiment", "retrain", "train"]
    assert not set(lanes.lane_slots(LONG)) & set(lanes.lane_slots(SHORT))


def test_a_waiting_training_names_the_one_that_ends_first():
    slow, fast = queue("train", TRAIN), queue("train", TRAIN | {"name": "oil-3"})
    run(slow, 100, step=10, seconds_per_step=1000)
    run(fast, 101, step=50, seconds_per_step=144)
    short = queue("generate", {"class_key": "protein", "count": 1, "seed": 0})
    waiting = queue("train", TRAIN | {"name": "oil-4"})
    last = queue("retrain", {"review": "a", "name": "b", "decisions": 1})
    blocking = lanes.blocking_job(jobs.get(waiting))
    assert blocking is not None
    assert blocking.id == fast
    assert lanes.waiting_message(jobs.get(waiting)) == "Waiting for: Train oil-3 (about 2 h left)"
    assert lanes.waiting_message(jobs.get(last)) == "Waiting for: Train oil-3 (about 2 h left), then 1 more"
    assert lanes.blocking_job(jobs.get(short)) is None


def test_a_duration_that_is_unknown_is_left_out():
    running = queue("generate", {"class_key": "protein", "count": 5, "seed": 0})
    waiting = queue("generate", {"class_key": "protein", "count": 6, "seed": 0})
    run(running, 0)
    assert lanes.waiting_message(jobs.get(waiting)) == "Waiting for: 5 images of protein, seed 0"
    jobs.cancel(running)
    with database.engine().begin() as db:
        db.execute(database.job.update().where(database.job.c.id == running).values(state="cancelled"))
    assert lanes.waiting_message(jobs.get(waiting)) == "Waiting for a free slot"
