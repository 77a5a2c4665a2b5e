"""Model folders: saving and loading, keys of stored configs, error messages for incomplete folders."""

import json
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from svp_core import model_files
from svp_core.errors import LabError


@pytest.fixture
def saved(tmp_path):
    model = nn.Linear(3, 2)
    model_files.save_model(
        tmp_path / "own", config={"a": [1, 2]}, tensors=model.state_dict(), card="# Card", history=[{"step": 1}]
    )
    return tmp_path / "own", model


def test_a_saved_model_is_loaded_unchanged(saved):
    folder, model = saved
    read = model_files.read_model_folder(folder)
    assert (read.name, read.config, read.card) == ("own", {"a": [1, 2]}, "# Card")
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


def test_a_model_is_found_by_folder_and_an_unknown_one_is_refused(saved):
    assert model_files.find_model_folder(saved[0]) == saved[0]
    with pytest.raises(LabError, match="no model called 'nonesuch'"):
        model_files.find_model_folder("nonesuch")


def test_a_folder_without_config_is_refused(tmp_path):
    with pytest.raises(LabError, match="config.json is missing or damaged"):
        model_files.read_model_folder(tmp_path)


def test_a_folder_without_weights_is_refused(saved):
    (saved[0] / "model.safetensors").unlink()
    with pytest.raises(LabError, match="model.safetensors is missing"):
        model_files.read_model_folder(saved[0])


@pytest.mark.parametrize("damage", ["other shape", "not safetensors"])
def test_weights_that_do_not_fit_are_refused(saved, damage):
    folder, _ = saved
    if damage == "not safetensors":
        (folder / "model.safetensors").write_bytes(b"\x80\x04pickled")
    with pytest.raises(LabError, match="do not fit its config.json"):
        model_files.load_weights(nn.Linear(4, 2), folder)


@dataclass(frozen=True)
class Inner:
    rate: float = model_files.stored_as("speed", 0.5)


@dataclass(frozen=True)
class Outer:
    keys: tuple[str, ...]
    inner: Inner | None = None


def test_configs_are_stored_under_the_keys_of_their_files_and_read_back():
    stored = model_files.as_stored(Outer(("a",), Inner(2.0)))
    assert stored == {"keys": ("a",), "inner": {"speed": 2.0}}
    assert model_files.as_stored(Outer(())) == {"keys": (), "inner": None}
    assert model_files.from_stored(Inner, {"speed": 3.0}) == Inner(3.0)
    assert model_files.from_stored(Outer, json.loads('{"keys": ["a", "b"]}')) == Outer(("a", "b"))
