"""Models of the workspace: listed, found by name, renamed and deleted."""

from pathlib import Path

import pytest
import torch

from svp_core import model_files
from svp_core.errors import LabError
from svp_core.workspace import jobs, models
from svp_core.workspace.paths import workspace_root
from tests.helpers.stored_work import store_job, store_review


@pytest.fixture
def save_model(tmp_path, monkeypatch):
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path))

    def save(name, kind="generator"):
        model_files.save_model(
            models.new_model_folder(name), config={kind: {}}, tensors={"a": torch.zeros(1)}, card="", history=[]
        )

    return save


def test_shipped_models_are_listed_before_the_labs_own(save_model):
    save_model("b lot 7")
    save_model("a")
    save_model("other", kind="classifier")
    listed = models.list_models("generator")
    assert [(model.name, model.shipped) for model in listed] == [("generator", True), ("a", False), ("b lot 7", False)]
    shipped = ["resnet18", "resnet18_six", "resnet50"]
    assert [model.name for model in models.list_models("classifier")] == [*shipped, "other"]
    assert len(models.list_models("generator", "classifier")) == 7


def test_an_unfinished_model_is_not_listed(save_model):
    save_model("whole")
    (models.models_folder() / "half").mkdir()
    (models.models_folder() / "half" / "config.json").write_text('{"generator": {}}')
    assert [model.name for model in models.list_models("generator") if not model.shipped] == ["whole"]


def test_a_model_is_found_by_name_or_folder(save_model, tmp_path):
    save_model("mine")
    assert models.find_model("mine") == models.models_folder() / "mine" == models.find_model(tmp_path / "models/mine")
    assert models.find_model("generator") == model_files.SHIPPED_MODELS / "generator"
    with pytest.raises(LabError, match="no model called 'nonesuch'"):
        models.find_model("nonesuch")


@pytest.mark.parametrize("name", ["", "../away", ".hidden", "a/b", "x" * 61, "trailing.", "a\nb"])
def test_an_invalid_name_is_refused(save_model, name):
    with pytest.raises(LabError, match="not a valid name for a model"):
        models.new_model_folder(name)


@pytest.mark.parametrize("name", ["generator", "mine"])
def test_a_taken_name_is_refused(save_model, name):
    save_model("mine")
    with pytest.raises(LabError, match="already a model called '.*'; choose another name"):
        models.new_model_folder(name)


def test_a_renamed_model_is_found_by_both_names(save_model):
    save_model("lot 7")
    assert models.rename_model("lot 7", " lot 7, final ".replace(",", " -")) == models.models_folder() / "lot 7 - final"
    assert [model.name for model in models.list_models("generator") if not model.shipped] == ["lot 7 - final"]
    assert models.find_model("lot 7") == models.find_model("lot 7 - final") == models.models_folder() / "lot 7 - final"
    models.rename_model("lot 7 - final", "third")
    assert {models.find_model(name).name for name in ("lot 7", "lot 7 - final", "third")} == {"third"}


def test_a_former_name_is_reserved_except_for_its_own_model(save_model):
    save_model("first")
    save_model("other")
    models.rename_model("first", "second")
    with pytest.raises(LabError, match="former name of the model 'second'"):
        models.new_model_folder("first")
    with pytest.raises(LabError, match="former name of the model 'second'"):
        models.rename_model("other", "first")
    assert models.rename_model("second", "first") == models.models_folder() / "first"
    assert models.find_model("second").name == "first"


def test_a_model_is_not_renamed_to_a_taken_or_invalid_name(save_model):
    save_model("mine")
    save_model("other")
    for name in ("other", "generator", "a/b", ""):
        with pytest.raises(LabError):
            models.rename_model("mine", name)
    assert models.rename_model("mine", "mine") == models.models_folder() / "mine"
    assert not list(models.models_folder().glob("*/former_names.json"))


def test_a_deleted_model_is_gone_with_its_files(save_model):
    save_model("mine")
    models.rename_model("mine", "renamed")
    models.delete_model("renamed")
    for name in ("mine", "renamed"):
        with pytest.raises(LabError, match="no model called"):
            models.find_model(name)
    assert list(workspace_root().rglob("model.safetensors")) == []
    save_model("mine")  # its names are free again


def test_a_damaged_model_can_be_deleted(save_model):
    (models.models_folder() / "half").mkdir()
    models.delete_model("half")
    assert list(models.models_folder().iterdir()) == []


@pytest.mark.parametrize("name", ["generator", "nonesuch", "../jobs", ""])
def test_shipped_and_unknown_models_are_neither_renamed_nor_deleted(save_model, name):
    with pytest.raises(LabError):
        models.delete_model(name)
    with pytest.raises(LabError):
        models.rename_model(name, "new")
    assert (model_files.SHIPPED_MODELS / "generator" / "config.json").is_file()


@pytest.mark.parametrize("config", [{"weights": "mine"}, {"base": "mine"}, {"left": {}, "right": {"weights": "mine"}}])
@pytest.mark.parametrize("state", ["queued", "running", "paused"])
def test_a_model_that_a_job_needs_is_neither_renamed_nor_deleted(save_model, config, state):
    save_model("mine")
    job_id = store_job("compare", config, state=state)
    with pytest.raises(LabError, match="'mine' is in use by a job"):
        models.delete_model("mine")
    with pytest.raises(LabError, match="'mine' is in use by a job"):
        models.rename_model("mine", "new")
    jobs.cancel(job_id)
    store_job("compare", config, state="cancelled", job_id=job_id)
    models.delete_model("mine")


def test_dependents_of_a_model_are_listed_under_all_its_names(save_model):
    save_model("mine")
    by_name = store_job("generate", {"weights": "mine", "class_key": "mine"})
    by_path = store_job("classify", {"weights": str(models.models_folder() / "mine")})
    training = store_job("train", {"name": "mine", "datasets": [], "base": None}, model="mine")
    store_job("generate", {"class_key": "mine"})  # a class of the same name is not the model
    store_review("A", kind="classify", source={"job": by_path}, model="mine")
    dependents = models.list_model_dependents("mine")
    assert {(dependent.kind, dependent.id) for dependent in dependents[1:]} == {
        ("generate", by_name),
        ("classify", by_path),
        ("train", training),
    }
    assert (dependents[0].kind, dependents[0].name) == ("review", "A")
    assert [dependent.id for dependent in dependents if dependent.created] == [training]
    assert not any(dependent.active for dependent in dependents)
    models.rename_model("mine", "renamed")
    later = store_job("generate", {"weights": "renamed", "class_key": "protein"})
    assert {dependent.id for dependent in models.list_model_dependents("renamed")} >= {by_name, training, later}


def test_a_model_whose_files_are_locked_is_not_deleted(save_model, monkeypatch):
    save_model("mine")

    def locked(path, target):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", locked)
        with pytest.raises(LabError, match="'mine' cannot be deleted"):
            models.delete_model("mine")
        with pytest.raises(LabError, match="'mine' cannot be renamed"):
            models.rename_model("mine", "new")
    assert models.find_model("mine") == models.models_folder() / "mine"


def test_files_left_by_an_interrupted_deletion_are_removed_by_the_next(save_model):
    save_model("mine")
    leftover = workspace_root() / ".removed-1"
    leftover.mkdir()
    (leftover / "model.safetensors").write_bytes(b"weights")
    models.delete_model("mine")
    assert not leftover.exists()
