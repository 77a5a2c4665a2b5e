"""Fingerprint of a source: independent of its location, different as soon as any file differs."""

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from svp_core.errors import LabError
from svp_core.instruments.fingerprint import fingerprint, hash_inputs
from tests.helpers.drawn_run import draw_run


def fingerprint_of(path):
    return fingerprint(list(hash_inputs(path)))


@pytest.fixture
def folder(tmp_path):
    source = tmp_path / "source"
    (source / "größe").mkdir(parents=True)
    (source / "größe" / "a.png").write_bytes(b"one")
    (source / "b.png").write_bytes(b"three")
    (source / ".DS_Store").write_bytes(b"hidden")
    return source


def test_fingerprint_covers_names_sizes_and_contents(folder):
    one, three = (hashlib.sha256(content).hexdigest() for content in (b"one", b"three"))
    assert list(hash_inputs(folder)) == [("b.png", 5, three), ("größe/a.png", 3, one)]
    lines = f"b.png\t5\t{three}\ngröße/a.png\t3\t{one}\n".encode()
    assert fingerprint_of(folder) == {"files": 2, "bytes": 8, "sha256": hashlib.sha256(lines).hexdigest()}


def test_fingerprint_depends_on_every_file_but_not_on_the_location(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "elsewhere")
    assert fingerprint_of(tmp_path / "elsewhere") == fingerprint_of(folder)
    (tmp_path / "elsewhere" / "b.png").write_bytes(b"threE")
    other = fingerprint_of(tmp_path / "elsewhere")
    assert other["bytes"] == 8
    assert other["sha256"] != fingerprint_of(folder)["sha256"]


def test_archive_is_hashed_as_one_file(folder, tmp_path):
    archive = shutil.make_archive(tmp_path / "source", "zip", folder)
    (entry,) = hash_inputs(archive)
    assert entry[0] == "source.zip"
    assert entry[1] == Path(archive).stat().st_size


def test_list_covers_its_run_and_an_image_only_itself(tmp_path):
    draw_run(tmp_path, count=6, title="run")
    (tmp_path / "other.png").write_bytes(b"of no run")
    names = [name for name, _, _ in hash_inputs(tmp_path / "run.lst")]
    assert {"run.lst", "run_000001.tif", "run_000002_bin.tif"} <= set(names)
    assert "other.png" not in names
    assert [name for name, _, _ in hash_inputs(tmp_path / "other.png")] == ["other.png"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_unreadable_file_is_counted_without_waiting(folder):
    os.mkfifo(folder / "pipe.png")
    assert ("pipe.png", 0, "") in list(hash_inputs(folder))


def test_missing_path_raises_a_lab_error(tmp_path):
    with pytest.raises(LabError, match="There is no file or folder"):
        list(hash_inputs(tmp_path / "none"))
