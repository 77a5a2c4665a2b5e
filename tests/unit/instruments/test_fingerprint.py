"""What a source's files were: the same fingerprint wherever they lie, another as soon as anything differs."""

import hashlib
import os
import shutil

import pytest

from svp_core.errors import LabError
from svp_core.instruments.fingerprint import fingerprint, hash_inputs
from tests.helpers.drawn_run import draw_run


def mark(path):
    return fingerprint(list(hash_inputs(path)))


@pytest.fixture
def folder(tmp_path):
    source = tmp_path / "drop"
    (source / "größe").mkdir(parents=True)
    (source / "größe" / "a.png").write_bytes(b"one")
    (source / "b.png").write_bytes(b"three")
    (source / ".DS_Store").write_bytes(b"litter")
    return source


def test_it_is_that_of_names_sizes_and_contents(folder):
    one, three = (hashlib.sha256(content).hexdigest() for content in (b"one", b"three"))
    assert list(hash_inputs(folder)) == [("b.png", 5, three), ("größe/a.png", 3, one)]
    lines = f"b.png\t5\t{three}\ngröße/a.png\t3\t{one}\n".encode()
    assert mark(folder) == {"files": 2, "bytes": 8, "sha256": hashlib.sha256(lines).hexdigest()}


def test_it_does_not_depend_on_the_place_but_on_every_file(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "elsewhere")
    assert mark(tmp_path / "elsewhere") == mark(folder)
    (tmp_path / "elsewhere" / "b.png").write_bytes(b"threE")
    other = mark(tmp_path / "elsewhere")
    assert other["bytes"] == 8
    assert other["sha256"] != mark(folder)["sha256"]


def test_an_archive_is_one_file(folder, tmp_path):
    archive = shutil.make_archive(tmp_path / "drop", "zip", folder)
    (entry,) = hash_inputs(archive)
    assert entry[0] == "drop.zip"
    assert entry[1] == os.path.getsize(archive)


def test_a_list_stands_for_its_run_and_an_image_for_itself(tmp_path):
    draw_run(tmp_path, count=6, title="run")
    (tmp_path / "other.png").write_bytes(b"of no run")
    names = [name for name, _, _ in hash_inputs(tmp_path / "run.lst")]
    assert {"run.lst", "run_000001.tif", "run_000002_bin.tif"} <= set(names)
    assert "other.png" not in names
    assert [name for name, _, _ in hash_inputs(tmp_path / "other.png")] == ["other.png"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in folders here")
def test_what_cannot_be_read_is_counted_and_not_waited_for(folder):
    os.mkfifo(folder / "pipe.png")
    assert ("pipe.png", 0, "") in list(hash_inputs(folder))


def test_nothing_there_is_a_sentence(tmp_path):
    with pytest.raises(LabError, match="There is no file or folder"):
        list(hash_inputs(tmp_path / "none"))
