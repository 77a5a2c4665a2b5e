"""Files and folders appear whole or not at all, also on a full disk and after a kill."""

import errno

import numpy as np
import pytest

from svp_core import model_files
from svp_core.errors import LabError
from svp_core.files import atomic_folder, atomic_write, remove_leftovers, reserve_id, save_array, write_csv, write_json


def full(*_args, **_kwargs):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_folder_appears_at_the_end_of_the_block(tmp_path):
    target = tmp_path / "new"
    with atomic_folder(target) as unfinished:
        (unfinished / "file").write_text("x")
        assert not target.exists()
    assert (target / "file").read_text() == "x"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), LabError("no"), KeyError("x")])
def test_a_folder_that_fails_leaves_nothing(tmp_path, error):
    with pytest.raises(KeyError if isinstance(error, KeyError) else LabError), atomic_folder(tmp_path / "new") as part:
        (part / "file").write_text("x")
        raise error
    assert list(tmp_path.iterdir()) == []


def test_the_next_process_removes_what_a_killed_one_has_left(tmp_path):
    with atomic_folder(tmp_path / "new") as first:
        name = first.name
    (tmp_path / "new").rename(tmp_path / name)  # as if it had been killed before the last step
    (tmp_path / name / "old").touch()
    with atomic_folder(tmp_path / "new") as unfinished:
        (unfinished / "file").touch()
    assert [path.name for path in tmp_path.rglob("*")] == ["new", "file"]
    with pytest.raises(FileExistsError), atomic_folder(tmp_path / "new"):
        pass
    assert [path.name for path in tmp_path.rglob("*")] == ["new", "file"]


def test_a_reserved_id_stays_the_same(tmp_path):
    reserved = reserve_id(tmp_path / "id.json")
    assert reserve_id(tmp_path / "id.json") == reserved
    (tmp_path / "id.json").write_text('{"id": "../../etc"}')
    assert reserve_id(tmp_path / "id.json") != "../../etc"


def test_leftovers_of_atomic_writes_are_removed_and_nothing_else(tmp_path):
    (tmp_path / "sub").mkdir()
    kept = [tmp_path / "a.part", tmp_path / ".hidden", tmp_path / "sub" / "b.npy"]
    for path in [*kept, tmp_path / "sub" / f".{'0' * 32}.part.npy", tmp_path / f".{'a' * 32}.part"]:
        path.touch()
    remove_leftovers(tmp_path)
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted(kept)


@pytest.mark.parametrize(
    "write",
    [
        lambda path: write_json(path, {"new": 1}),
        lambda path: write_csv(path, [("a",), ("b",)]),
        lambda path: save_array(path, np.zeros(3)),
        lambda path: atomic_write(path, full),
    ],
)
def test_a_full_disk_leaves_the_old_file_and_gives_a_sentence(tmp_path, monkeypatch, write):
    path = tmp_path / "file.npy"
    path.write_text("old")
    monkeypatch.setattr("pathlib.Path.open", full)
    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(LabError, match="No space left"):
        write(path)
    monkeypatch.undo()
    assert [child.name for child in tmp_path.iterdir()] == ["file.npy"]
    assert path.read_text() == "old"


@pytest.mark.parametrize("failing", ["model.safetensors", "history.jsonl", "card.md", "config.json"])
def test_a_model_is_there_only_when_its_last_file_is(tmp_path, monkeypatch, failing):
    import torch

    whole = model_files.atomic_write

    def write(path, make):
        if path.name == failing:
            full()
        whole(path, make)

    monkeypatch.setattr(model_files, "atomic_write", write)
    monkeypatch.setattr("svp_core.files.atomic_write", write)
    with pytest.raises(OSError, match="No space left"):
        model_files.save_model(tmp_path / "m", config={"a": 1}, tensors={"a": torch.zeros(2)}, card="c", history=[{}])
    assert not (tmp_path / "m" / "config.json").exists()
    assert not any(child.stat().st_size == 0 for child in (tmp_path / "m").iterdir())
