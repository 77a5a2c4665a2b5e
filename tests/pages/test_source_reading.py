"""What may burst is read in a process of its own, everything else at once."""

import os
import zipfile

import numpy as np
import pytest

from pages.ui.shared import source_reading
from pages.ui.shared.source_reading import read_apart, read_summary
from svp_core.decoding.files import decode_images
from svp_core.images import encode_png

SMALL, LARGE = encode_png(np.full((40, 40), 170, np.uint8)), encode_png(np.full((4100, 4100), 170, np.uint8))


def decoded_where(path):
    """The process that decodes the images in this folder."""
    for file in path.iterdir():
        decode_images(file.read_bytes())
    return os.getpid()


def test_a_large_image_is_decoded_in_another_process(tmp_path):
    (tmp_path / "a.png").write_bytes(SMALL)
    assert read_apart(tmp_path, decoded_where, tmp_path) == os.getpid()
    (tmp_path / "b.png").write_bytes(LARGE)
    assert read_apart(tmp_path, decoded_where, tmp_path) != os.getpid()


def test_a_folder_with_an_archive_or_a_large_file_in_it_is_read_in_another_process(tmp_path, monkeypatch):
    monkeypatch.setattr(source_reading, "LARGE_BYTES", 1000)
    apart = []
    monkeypatch.setattr(source_reading, "call_bounded", lambda function, *_, **__: apart.append(function))
    (tmp_path / "a.png").write_bytes(SMALL)
    assert read_summary(tmp_path).count == 1
    with zipfile.ZipFile(tmp_path / "deep.zip", "w") as archive:
        archive.writestr("b.png", SMALL)
    read_summary(tmp_path)
    (tmp_path / "deep.zip").rename(tmp_path / "c.png")
    (tmp_path / "c.png").write_bytes(SMALL + bytes(1000))
    read_summary(tmp_path)
    assert len(apart) == 2


@pytest.mark.parametrize("name", ["particles", "particles.zip"])
def test_an_archive_that_was_not_opened_is_told_with_the_reason(tmp_path, monkeypatch, name):
    from svp_core.instruments import archive

    monkeypatch.setattr(archive, "MAX_FILES", 1)
    with zipfile.ZipFile(tmp_path / name, "w") as packed:
        for number in range(2):
            packed.writestr(f"{number}.png", SMALL)
    assert archive.is_archive(tmp_path / name)
    if name.endswith(".zip"):
        (note,) = archive_notes(tmp_path)
        assert "more than 1 files" in note


def archive_notes(folder):
    from svp_core.instruments.detect import detect_source

    return [note for note in detect_source(folder).notes if "was not opened" in note]
