"""The models to choose from: shipped ones and the lab's own, by name."""

import pytest
import torch

from svp_core import model_files
from svp_core.errors import LabError
from svp_core.workspace import models


@pytest.fixture
def own(tmp_path, monkeypatch):
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path))

    def save(name, part="generator"):
        model_files.save_model(
            models.new_model_folder(name), config={part: {}}, tensors={"a": torch.zeros(1)}, card="", history=[]
        )

    return save


def test_shipped_models_come_first_then_the_labs_own(own):
    own("b lot 7")
    own("a")
    own("other", part="classifier")
    listed = models.list_models("generator")
    assert [(model.name, model.shipped) for model in listed] == [("generator", True), ("a", False), ("b lot 7", False)]
    assert [model.name for model in models.list_models("classifier")] == ["resnet18", "resnet50", "other"]
    assert len(models.list_models("generator", "classifier")) == 6


def test_an_unfinished_model_is_not_offered(own):
    own("whole")
    (models.models_folder() / "half").mkdir()
    (models.models_folder() / "half" / "config.json").write_text('{"generator": {}}')
    assert [model.name for model in models.list_models("generator") if not model.shipped] == ["whole"]


def test_a_model_is_found_by_name_or_folder(own, tmp_path):
    own("mine")
    assert models.find_model("mine") == models.models_folder() / "mine" == models.find_model(tmp_path / "models/mine")
    assert models.find_model("generator") == model_files.SHIPPED_MODELS / "generator"
    with pytest.raises(LabError, match="no model called 'nonesuch'"):
        models.find_model("nonesuch")


@pytest.mark.parametrize("name", ["", "../away", ".hidden", "a/b", "x" * 61, "trailing.", "a\nb"])
def test_a_name_that_cannot_be_a_folder_is_refused(own, name):
    with pytest.raises(LabError, match="cannot name a model; use 1 to 60 letters"):
        models.new_model_folder(name)


@pytest.mark.parametrize("name", ["generator", "mine"])
def test_a_name_is_taken_once(own, name):
    own("mine")
    with pytest.raises(LabError, match="called '.*' already; choose another name"):
        models.new_model_folder(name)
