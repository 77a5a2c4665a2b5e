"""A classification makes or finds the profile of its instrument; earlier ones are added; one can be moved."""

import json

import numpy as np
import pytest

from svp_core.errors import LabError
from svp_core.images import encode_png
from svp_core.instruments.metadata import RunFacts
from svp_core.tasks import instrument_runs
from svp_core.tasks.classify import ClassifyRequest, classify
from svp_core.tasks.stored_classifications import read_summary
from svp_core.workspace import instrument_profiles, jobs
from tests.helpers.finished_jobs import make_job, run_facts
from tests.helpers.stored_work import store_job

PROBS = np.tile([0.9, 0.05, 0.05], (3, 1))


@pytest.fixture(autouse=True)
def lab(tmp_path, monkeypatch, no_job_processes):
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "work"))
    monkeypatch.delenv("SVP_DATABASE_URL", raising=False)


def finished(**summary):
    job_id = store_job("classify", {"source": "/data/run", "weights": "resnet18", "um_per_px": None})
    make_job(jobs.job_folder(job_id), PROBS, [5.0, 6.0, 7.0], **summary)
    return job_id


def test_classifying_in_the_workspace_makes_one_profile_for_equal_runs(tmp_path):
    tile = np.full((64, 64), 170, np.uint8)
    tile[20:40, 20:40] = 60
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "a.png").write_bytes(encode_png(tile))
    ids = set()
    for um_per_px in (0.5, 0.5, 0.7, None):
        job_id = store_job("classify", {"source": "x", "weights": "resnet18", "um_per_px": um_per_px})
        list(classify(ClassifyRequest(str(tmp_path / "run"), um_per_px=um_per_px), jobs.job_folder(job_id)))
        ids.add(read_summary(job_id).get("profile"))
    assert len(ids) == 3
    assert None in ids
    assert sorted(profile.um_per_px for profile in instrument_profiles.list_profiles()) == [0.5, 0.7]
    outside = tmp_path / "outside"
    outside.mkdir()
    list(classify(ClassifyRequest(str(tmp_path / "run"), um_per_px=0.9), outside))
    assert "profile" not in json.loads((outside / "summary.json").read_text())
    assert len(instrument_profiles.list_profiles()) == 2


def test_runs_of_several_kinds_are_plain_images():
    folder = jobs.job_folder("a" * 32)
    runs = [RunFacts("1", "flowcam", 3, instrument="FlowCam, 4.1"), RunFacts("2", "flowcam", 3)]
    flowcam = instrument_profiles.find_profile(instrument_runs.profile_entry(folder, runs, 0.5)["profile"])
    assert (flowcam.kind, flowcam.instrument) == ("flowcam", "FlowCam, 4.1")
    mixed = instrument_runs.profile_entry(folder, [*runs, RunFacts("3", "mfi", 3)], 0.5)["profile"]
    assert instrument_profiles.find_profile(mixed).kind == "images"


def test_conditions_of_a_run_are_kept_with_its_instrument():
    profile = instrument_profiles.profile_for_run("flowcam", 0.5)
    instrument_runs.note_conditions({"profile": profile.id, "conditions": {"background": 0.69}})
    assert instrument_profiles.find_profile(profile.id).conditions == {"background": 0.69}
    instrument_runs.note_conditions({"profile": profile.id})
    instrument_runs.note_conditions({"profile": "deleted", "conditions": {"background": 0.1}})
    assert instrument_profiles.find_profile(profile.id).conditions == {"background": 0.69}


def test_earlier_classifications_get_their_instrument():
    first, second = finished(conditions={"background": 0.6}), finished(um_per_px=0.9)
    finished(um_per_px=None)  # unknown or differing pixel sizes: no instrument
    waiting = [job.id for job, _ in instrument_runs.without_profile()]
    assert set(waiting) == {first, second}
    for job_id in waiting:
        instrument_runs.assign_profile(job_id)
    assert instrument_runs.without_profile() == []
    profile = instrument_profiles.profile_for_run("flowcam", 0.5)
    assert [job.id for job, _ in instrument_runs.classifications_of(profile.id)] == [first]
    assert profile.conditions == {"background": 0.6}
    assert profile.instrument == run_facts()["instrument"]


def test_a_classification_is_moved_to_a_second_instrument_of_the_same_scale_only():
    job_id = finished()
    profile = instrument_runs.assign_profile(job_id)
    second = instrument_profiles.add_profile("The one in room 3", profile)
    instrument_runs.assign_profile(job_id, second.id)
    assert instrument_runs.classifications_of(profile.id) == []
    assert [job.id for job, _ in instrument_runs.classifications_of(second.id)] == [job_id]
    other = instrument_profiles.profile_for_run("flowcam", 0.7)
    with pytest.raises(LabError, match="same pixel size"):
        instrument_runs.assign_profile(job_id, other.id)
    with pytest.raises(LabError, match="no single pixel size"):
        instrument_runs.assign_profile(finished(um_per_px=None))


def test_a_classification_of_a_deleted_instrument_waits_for_another_one():
    job_id = finished()
    instrument_profiles.delete_profile(instrument_runs.assign_profile(job_id).id)
    assert [job.id for job, _ in instrument_runs.without_profile()] == [job_id]
