"""Lists of a lab that has worked for years: 5,000 jobs and 500 data sets."""

import json
import time
import uuid

import numpy as np
import pandas as pd
import pytest

from svp_core.workspace import datasets, jobs
from svp_core.workspace.database import engine
from svp_core.workspace.database import job as job_row
from svp_core.workspace.paths import workspace_root

JOBS, DATA_SETS = 5_000, 500
QUICK_S = 2.0  # a page's patience, on a busy machine; what passes takes a tenth


@pytest.fixture
def lab(tmp_path, monkeypatch, no_job_processes):
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "work"))
    monkeypatch.delenv("SVP_DATABASE_URL", raising=False)
    now = time.time()
    rows = [
        {
            "id": f"{number:032x}",
            "kind": "classify" if number % 50 == 0 else "generate",
            "config": {"source": f"/data/{number}", "notes": ["x" * 40] * 10},
            "state": "done",
            "cancel": False,
            "pause": False,
            "created": now - number,
            "heartbeat": now,
        }
        for number in range(JOBS)
    ]
    with engine().begin() as db:
        db.execute(job_row.insert(), rows)
    table = pd.DataFrame({"image": ["a"], "class": ["speck"]})
    first = datasets.save_dataset("Set", "own", np.zeros((1, 64, 64), np.uint8), table, {})
    folder = workspace_root() / "datasets"
    meta = json.loads((folder / first / "dataset.json").read_text())
    for number in range(DATA_SETS - 1):
        copy = folder / uuid.UUID(int=number + 1).hex[-12:]
        copy.mkdir()
        provenance = {"held_out": [f"image {k}.png" for k in range(2_000)]}
        (copy / "dataset.json").write_text(json.dumps({**meta, "id": copy.name, "provenance": provenance}))


def test_long_lists_are_read_in_a_moment(lab):
    assert len(datasets.list_datasets()) == DATA_SETS  # the first time, from the disk
    start = time.monotonic()
    for _ in range(10):
        assert len(datasets.list_datasets()) == DATA_SETS
        assert len(jobs.recent(5)) == 5
        assert jobs.active() == []
    assert time.monotonic() - start < QUICK_S


def test_a_kind_of_job_is_found_behind_thousands_of_others(lab):
    found = jobs.recent(60, kinds=("classify",))
    assert [job.id for job in found] == [f"{number * 50:032x}" for number in range(60)]


def test_a_changed_data_set_is_read_again(lab):
    (first, *_) = [meta["id"] for meta in datasets.list_datasets() if meta["name"] == "Set"]
    datasets.rename_dataset(first, "Another name")
    assert "Another name" in [meta["name"] for meta in datasets.list_datasets() if meta["id"] == first]
