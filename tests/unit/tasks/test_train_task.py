"""From images to a model, by tasks and as a real job: imported, trained, killed, paused, resumed, registered."""

import json
import subprocess

import numpy as np
import pandas as pd
import pytest
import torch

from svp_core import model_files
from svp_core.errors import LabError
from svp_core.generator import unet
from svp_core.images import encode_png
from svp_core.tasks.import_images import imported_dataset
from svp_core.tasks.job_kinds import run_task
from svp_core.tasks.train import model_of, save_best
from svp_core.training.checkpoints import CheckpointFolder
from svp_core.workspace import datasets, jobs, models
from svp_core.workspace.changes import MODEL, list_entries
from svp_core.workspace.paths import repo_root
from tests.helpers.drawn_tiles import draw_blocks
from tests.helpers.people import READS, REVIEWS, acting
from tests.helpers.quick_training_worker import QUICK_TRAINING_WORKER
from tests.helpers.tiny_training import shorten_checks
from tests.helpers.trial_jobs import kill_worker, let_heartbeat_lapse, wait_for


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """A new workspace with the model "tiny"; checks generate few images in few steps."""
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "work"))
    monkeypatch.setenv("PYTHONPATH", str(repo_root()))
    monkeypatch.delenv("SVP_DATABASE_URL", raising=False)
    shorten_checks(monkeypatch)
    torch.manual_seed(0)
    network = unet.GeneratorConfig(("protein",), 0.3, 0.2, channels=(16, 32))
    tensors = unet.build_unet(network).state_dict()
    model_files.save_model(
        models.new_model_folder("tiny"), config=unet.config_as_dict(network), tensors=tensors, card="", history=[]
    )
    return tmp_path


@pytest.fixture
def own():
    """Id of a data set with 60 fat droplets and 3 specks."""
    tiles = draw_blocks(63, seed=5)
    names = [f"{k}.png" for k in range(63)]
    table = pd.DataFrame({"image": names, "class": ["fat_droplet"] * 60 + ["speck"] * 3})
    return datasets.save_dataset("Droplets of May", "own", tiles, table, {})


@pytest.fixture
def config(lab, own):
    return {"name": "Fat", "datasets": [own], "classes": ["fat_droplet"], "base": "tiny", "images": 32 * 4}


def train(config, folder, *, until=None):
    """Run a "train" task in this folder, to its end or to this step."""
    steps = run_task("train", config, folder)
    for progress in steps:
        if until is not None and progress.loss is not None and progress.step == until:
            break
    steps.close()


def test_an_import_makes_a_data_set_and_lists_the_rest_with_reasons(lab, tmp_path):
    source, folder = tmp_path / "day 5", tmp_path / "job"
    (source / "Fat droplets").mkdir(parents=True)
    folder.mkdir()
    for k, tile in enumerate(draw_blocks(5, seed=0)):
        (source / "Fat droplets" / f"{k}.png").write_bytes(encode_png(tile))
    (source / "Fat droplets" / "broken.png").write_bytes(b"")
    config = {"source": str(source), "name": "Day 5"}
    *_, last = run_task("gather", config, folder)
    assert (last.step, last.total) == (6, 6)
    dataset, left_out = imported_dataset(folder)
    found = datasets.open_dataset(dataset)
    assert found.meta["name"] == "Day 5"
    assert found.meta["classes"] == {"fat_droplets": 5}
    assert found.meta["kind"] == "own"
    assert np.array_equal(found.tiles, draw_blocks(5, seed=0))
    assert left_out.values.tolist() == [["Fat droplets/broken.png", "the file is empty; copy it again"]]
    assert list(run_task("gather", config, folder)) == [], "a finished import is not repeated"
    with pytest.raises(LabError, match="has no name"):
        list(run_task("gather", {**config, "name": " "}, tmp_path))
    with pytest.raises(LabError, match="import did not finish"):
        imported_dataset(tmp_path)


def test_the_result_is_a_model_that_generates_at_once(config, tmp_path):
    train(config, tmp_path)
    assert model_of(tmp_path) == "Fat"
    assert not (tmp_path / "run").exists()
    (model,) = [model for model in models.list_models("generator") if model.name == "Fat"]
    assert model.config["trained_on"] == {"fat_droplet": 48}
    assert model.config["from"]["name"] == "tiny"
    assert "Droplets of May (own)" in (model.folder / "card.md").read_text()
    made = {"class_key": "fat_droplet", "count": 3, "seed": 0, "sampler": "preview", "steps": 2, "weights": "Fat"}
    (tmp_path / "made").mkdir()
    list(run_task("generate", made, tmp_path / "made"))
    rows = pd.read_csv(tmp_path / "made" / "manifest.csv")
    assert list(rows["class"]) == ["fat_droplet"] * 3
    assert set(rows["weights"]) == {"Fat"}
    train(config, tmp_path)  # a finished training is not repeated
    assert [model.name for model in models.list_models("generator") if not model.shipped] == ["Fat", "tiny"]


def test_every_phase_of_a_training_is_announced(config, tmp_path):
    phases = []
    for progress in run_task("train", config | {"minutes": 2}, tmp_path):
        phases.append(progress)
        if progress.loss is not None:
            break
    first, *before, training = dict.fromkeys(progress.message for progress in phases)
    assert "library" in first
    named = ("data sets", "copies", "Measuring", "features", "baseline", "generating", "comparing")
    assert len(before) == len(named)
    for message, name in zip(before, named, strict=True):
        assert name in message
    assert training == "Training"
    assert all(progress.total for progress in phases if progress.message.startswith("Check at step 0"))


def test_a_name_that_was_taken_meanwhile_gets_a_number(config, tmp_path):
    train(config, tmp_path, until=2)
    models.new_model_folder("Fat").mkdir()
    train(config, tmp_path)
    assert model_of(tmp_path) == "Fat 2"


def test_a_cancelled_training_can_be_kept_from_the_first_checkpoint_on(config, tmp_path, monkeypatch):
    (tmp_path / "early").mkdir()
    train({**config, "images": 32 * 30}, tmp_path / "early", until=1)
    with pytest.raises(LabError, match="no checkpoint yet"):
        save_best("Early", tmp_path / "early")
    train(config, tmp_path, until=3)
    assert save_best(" Kept ", tmp_path) == "Kept" == model_of(tmp_path)
    assert "stopped by hand" in (models.find_model("Kept") / "card.md").read_text()


def test_who_keeps_a_checkpoint_stands_in_the_audit_trail_and_a_reader_changes_nothing(config, tmp_path):
    train(config, tmp_path, until=3)
    with acting(READS), pytest.raises(LabError, match="reader"):
        save_best("Kept", tmp_path)
    assert CheckpointFolder(tmp_path / "run").is_ready
    with acting(REVIEWS):
        save_best("Kept", tmp_path)
    (entry,) = list_entries(kinds=(MODEL,))
    assert (entry.login, entry.action, entry.title) == (REVIEWS.login, "create", "Kept")
    assert json.loads(entry.details) == {"job": tmp_path.name}


def test_keeping_a_checkpoint_goes_on_where_it_was_killed(config, tmp_path, monkeypatch):
    train(config, tmp_path, until=3)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("svp_core.tasks.train.register_model", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        save_best("Kept", tmp_path)
    assert save_best("Kept", tmp_path) == save_best("Kept", tmp_path) == "Kept"
    assert unet.load_generator(models.find_model("Kept"))


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"name": "tiny"}, "already a model called 'tiny'"),
        ({"name": "a/b"}, "is not a valid name"),
        ({"classes": ["fat_droplet", "speck"]}, "Class speck has 3 different images"),
        ({"classes": ["oil"]}, "There are no images of oil; choose from fat_droplet, speck"),
        ({"datasets": ["nosuch"]}, "no data set 'nosuch'"),
        ({"base": "nosuch"}, "no model called 'nosuch'"),
        ({"images": None, "minutes": 1}, "Minutes of training must be 2"),
    ],
)
def test_an_impossible_training_is_an_error(config, tmp_path, wrong, says):
    with pytest.raises(LabError, match=says):
        list(run_task("train", {**config, **wrong}, tmp_path))
    assert not (tmp_path / "run").exists()


def test_a_real_training_job_survives_being_killed_and_paused(config, monkeypatch):
    monkeypatch.setattr(jobs, "WORKER", QUICK_TRAINING_WORKER)
    monkeypatch.setattr(jobs, "STALE_S", 600.0)
    config = {**config, "images": 32 * 60}
    job_id, _ = jobs.start("train", config)
    run = jobs.job_folder(job_id) / "run"
    wait_for(job_id, lambda job: job.step >= 7)  # behind the first check, at step 6
    kill_worker(worker_of(job_id))
    let_heartbeat_lapse(job_id)
    lost = wait_for(job_id, "lost")
    kept = CheckpointFolder(run).state()["step"]
    assert kept >= 6
    assert jobs.start("train", config) == (job_id, True)
    # Until the new process writes, the row has the step of the killed one.
    wait_for(job_id, lambda job: job.state == "running" and job.step > lost.step)
    jobs.pause(job_id)
    job = wait_for(job_id, "paused")
    assert CheckpointFolder(run).state()["step"] == job.step
    jobs.cancel(job_id)
    assert jobs.get(job_id).state == "cancelled"
    save_best(config["name"], jobs.job_folder(job_id))
    assert models.find_model("Fat").is_dir()


def worker_of(job_id):
    """Process id of the worker of this job."""
    found = subprocess.run(
        ["pgrep", "-f", f"quick_training_worker.py {job_id}"], capture_output=True, text=True, check=True
    )
    return int(found.stdout.split()[0])
