"""Uploads through the browser, and paths on the server that may be entered."""

import os
import time

import pytest

from svp_core.errors import LabError
from svp_core.workspace import uploads


@pytest.fixture(autouse=True)
def workspace(tmp_path, monkeypatch):
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "work"))
    return tmp_path / "work"


def test_a_folder_is_stored_as_it_was_uploaded():
    upload = uploads.Upload()
    upload.write("run 1/oil/tröpfchen.png", b"1")
    upload.write("run 1/<b>.png", b"22")
    folder = uploads.find_upload(upload.id)
    assert folder.name == "run 1"
    assert (folder / "oil" / "tröpfchen.png").read_bytes() == b"1"
    assert (folder / "<b>.png").read_bytes() == b"22"
    assert (upload.count, upload.bytes) == (2, 3)


def test_a_single_file_is_the_upload_itself():
    upload = uploads.Upload()
    upload.write("a.zip", b"PK")
    assert uploads.find_upload(upload.id).name == "a.zip"


@pytest.mark.parametrize(
    "name", ["../out.png", "/etc/out.png", "a/../../out.png", "..\\out.png", "a\0/out.png", "./out.png"]
)
def test_no_file_is_written_outside_the_upload(workspace, name):
    upload = uploads.Upload()
    upload.write(name, b"x")
    (written,) = [path for path in workspace.rglob("*") if path.is_file()]
    assert written.name == "out.png"
    assert written.is_relative_to(workspace / "uploads" / upload.id)


def test_hidden_files_are_skipped_and_files_of_equal_name_are_numbered():
    upload = uploads.Upload()
    for name in (".DS_Store", "a/.git/x", "Thumbs.db", "p.png", "p.png"):
        upload.write(name, b"x")
    assert sorted(path.name for path in uploads.find_upload(upload.id).iterdir()) == ["p (2).png", "p.png"]


def test_a_too_large_upload_is_refused(monkeypatch):
    monkeypatch.setattr(uploads, "MAX_BYTES", 10)
    upload = uploads.Upload()
    with pytest.raises(LabError, match="enter its path"):
        upload.write("large.png", bytes(11))


@pytest.mark.parametrize("upload_id", ["0" * 32, "../..", "", None])
def test_an_unknown_upload_is_refused(upload_id):
    with pytest.raises(LabError, match="upload it again"):
        uploads.find_upload(upload_id)


def test_uploads_are_removed_after_the_retention_time(workspace):
    old = uploads.Upload()
    old.write("p.png", b"x")
    past = time.time() - (uploads.RETENTION_DAYS + 1) * 86_400
    os.utime(workspace / "uploads" / old.id, (past, past))
    uploads.Upload()
    with pytest.raises(LabError):
        uploads.find_upload(old.id)


def test_a_server_path_outside_the_roots_is_refused(tmp_path):
    inside, outside = tmp_path / "data" / "run", tmp_path / "elsewhere"
    for folder in (inside, outside):
        folder.mkdir(parents=True)
    (tmp_path / "data" / "link").symlink_to(outside)
    assert uploads.server_path(f' "{inside}" ', roots=[tmp_path / "data"]) == inside.resolve()
    assert uploads.server_path(str(outside), roots=None) == outside.resolve()
    for path in (outside, tmp_path / "data" / "link", tmp_path / "data" / ".." / "elsewhere", tmp_path / "data2"):
        with pytest.raises(LabError, match="outside the folders"):
            uploads.server_path(str(path), roots=[tmp_path / "data"])
    with pytest.raises(LabError, match="SVP_DATA_ROOTS"):
        uploads.server_path(str(inside), roots=[])


def test_a_server_path_that_no_system_takes_is_refused(tmp_path):
    with pytest.raises(LabError, match="cannot be a path"):
        uploads.server_path(f"{tmp_path}/{'p' * 100_000}", roots=None)


@pytest.mark.parametrize("text", ["run 1", "../x", "~no such person/x"])
def test_a_server_path_must_be_absolute(text):
    with pytest.raises(LabError, match="full path"):
        uploads.server_path(text, roots=None)
    for blank in ("", "  "):
        with pytest.raises(LabError, match="No path was entered"):
            uploads.server_path(blank, roots=None)
