"""Stored classifications: new title, sample details, what depends on them, deletion."""

import json

import numpy as np
import pandas as pd
import pytest

from svp_core.classification.settings import default_settings
from svp_core.errors import LabError
from svp_core.review.store import create_review
from svp_core.tasks import stored_classifications
from svp_core.tasks.classify import ClassifyRequest
from svp_core.tasks.job_kinds import start
from svp_core.workspace import jobs
from svp_core.workspace.database import engine
from svp_core.workspace.database import job as job_table


@pytest.fixture(autouse=True)
def lab(tmp_path, monkeypatch, no_job_processes):
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "work"))
    monkeypatch.delenv("SVP_DATABASE_URL", raising=False)
    monkeypatch.setattr(jobs, "STALE_S", 3600)


@pytest.fixture
def job_id():
    """A finished classification of which only summary.json is there."""
    job_id, _ = start(ClassifyRequest("/data/run 1"))
    (jobs.job_folder(job_id) / "summary.json").write_text(json.dumps({"title": "Run 1", "named": 3}))
    with engine().begin() as db:
        db.execute(job_table.update().where(job_table.c.id == job_id).values(state="done", ended=5.0))
    return job_id


def review_of(job_id):
    table = pd.DataFrame({"particle": ["a", "b"], "given": ["protein", "protein"]})
    source = {"job": job_id, "labels": "label"}
    tiles = np.zeros((2, 64, 64), np.uint8)
    return create_review(
        "Monday", kind="classify", source=source, class_keys=["protein"], table=table, tiles=tiles, model="m"
    )


def test_title_and_sample_details_are_stored_with_the_job(job_id):
    stored_classifications.rename_classification(job_id, "  Batch 12 ")
    stored_classifications.save_sample_details(job_id, {"sample": "S1", "lot": "L7", "operator": ""})
    summary = stored_classifications.read_summary(job_id)
    assert (summary["title"], summary["sample"], summary["lot"], summary["named"]) == ("Batch 12", "S1", "L7", 3)
    settings = default_settings(summary, ["ecd_px"])
    assert (settings["title"], settings["sample"], settings["lot"], settings["operator"]) == (
        "Batch 12",
        "S1",
        "L7",
        "",
    )


@pytest.mark.parametrize("title", ["", "  ", "x" * 1000])
def test_invalid_title_is_refused(job_id, title):
    with pytest.raises(LabError):
        stored_classifications.rename_classification(job_id, title)
    assert stored_classifications.read_summary(job_id)["title"] == "Run 1"


def test_dependents_are_named_and_outlive_the_classification(job_id):
    assert stored_classifications.dependents_of(job_id).sentence == ""
    review_of(job_id)
    dependents = stored_classifications.dependents_of(job_id)
    assert dependents.reviews == ("Monday",)
    assert "1 review (Monday)" in dependents.sentence
    stored_classifications.delete_classification(job_id)
    assert not (jobs.workspace_root() / "jobs" / job_id).exists()
    with pytest.raises(LabError):
        jobs.get(job_id)
    assert stored_classifications.dependents_of(job_id).reviews == ("Monday",)


def test_classification_under_way_is_neither_changed_nor_deleted():
    job_id, _ = start(ClassifyRequest("/data/run 2"))
    for change in (
        lambda: stored_classifications.rename_classification(job_id, "x"),
        lambda: stored_classifications.delete_classification(job_id),
    ):
        with pytest.raises(LabError, match="under way"):
            change()
    assert jobs.get(job_id).active


def test_request_holds_the_sample_only_where_it_was_entered():
    assert "sample" not in ClassifyRequest("/data").to_config()
    assert ClassifyRequest("/data", sample="S1", lot=None).to_config()["sample"] == "S1"
    assert ClassifyRequest.from_config({"source": "/data"}).operator is None


@pytest.mark.parametrize("content", ["", "[]", '{"title": '])
def test_damaged_summary_counts_as_missing(job_id, content):
    (jobs.job_folder(job_id) / "summary.json").write_text(content)
    assert stored_classifications.read_summary(job_id) == {}
    with pytest.raises(LabError, match="no results"):
        stored_classifications.rename_classification(job_id, "x")
