"""Run folders: what is saved is what is loaded, and what cannot be loaded is said in one sentence."""

import json

import pytest
import torch
from torch import nn

from svp_core import model_files
from svp_core.errors import LabError


@pytest.fixture
def run(tmp_path):
    model = nn.Linear(3, 2)
    model_files.save_model(
        tmp_path / "mine", config={"a": [1, 2]}, tensors=model.state_dict(), card="# Card", history=[{"step": 1}]
    )
    return tmp_path / "mine", model


def test_a_saved_run_comes_back(run):
    folder, model = run
    found = model_files.read_model_folder(folder)
    assert (found.name, found.config, found.card) == ("mine", {"a": [1, 2]}, "# Card")
    loaded = model_files.load_weights(nn.Linear(3, 2), folder)
    assert torch.equal(loaded.weight, model.weight)
    assert not loaded.training
    assert json.loads((folder / "history.jsonl").read_text()) == {"step": 1}


def test_half_precision_weights_load_as_float32(tmp_path):
    model = nn.Linear(3, 2)
    model_files.save_model(
        tmp_path, config={}, tensors={k: t.half() for k, t in model.state_dict().items()}, card="", history=[]
    )
    loaded = model_files.load_weights(nn.Linear(3, 2), tmp_path)
    assert loaded.weight.dtype == torch.float32
    assert torch.allclose(loaded.weight, model.weight, atol=1e-3)


def test_a_run_is_found_by_folder_and_an_unknown_one_is_refused(run):
    assert model_files.find_model_folder(run[0]) == run[0]
    with pytest.raises(LabError, match="no model called 'nonesuch'"):
        model_files.find_model_folder("nonesuch")


def test_a_folder_without_config_is_no_model(tmp_path):
    with pytest.raises(LabError, match="config.json is missing or damaged"):
        model_files.read_model_folder(tmp_path)


def test_a_folder_without_weights_is_no_model(run):
    (run[0] / "model.safetensors").unlink()
    with pytest.raises(LabError, match="model.safetensors is missing"):
        model_files.read_model_folder(run[0])


@pytest.mark.parametrize("spoil", ["other shape", "not safetensors"])
def test_weights_that_do_not_fit_are_refused(run, spoil):
    folder, _ = run
    if spoil == "not safetensors":
        (folder / "model.safetensors").write_bytes(b"\x80\x04pickled")
    with pytest.raises(LabError, match="do not fit its config.json"):
        model_files.load_weights(nn.Linear(4, 2), folder)
