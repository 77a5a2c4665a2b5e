"""What comes through the browser, kept in the workspace, and which paths on the server may be named."""

import os
import time

import pytest

from svp_core.errors import LabError
from svp_core.workspace import uploads


@pytest.fixture(autouse=True)
def workspace(tmp_path, monkeypatch):
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "work"))
    return tmp_path / "work"


def test_folder_is_kept_as_it_was_sent():
    upload = uploads.Upload()
    upload.keep("run 1/oil/tröpfchen.png", b"1")
    upload.keep("run 1/<b>.png", b"22")
    found = uploads.store_upload(upload.id)
    assert found.name == "run 1"
    assert (found / "oil" / "tröpfchen.png").read_bytes() == b"1"
    assert (found / "<b>.png").read_bytes() == b"22"
    assert (upload.count, upload.bytes) == (2, 3)


def test_one_file_is_the_source_itself():
    upload = uploads.Upload()
    upload.keep("a.zip", b"PK")
    assert uploads.store_upload(upload.id).name == "a.zip"


@pytest.mark.parametrize(
    "name", ["../out.png", "/etc/out.png", "a/../../out.png", "..\\out.png", "a\0/out.png", "./out.png"]
)
def test_nothing_is_written_outside(workspace, name):
    upload = uploads.Upload()
    upload.keep(name, b"x")
    (written,) = [path for path in workspace.rglob("*") if path.is_file()]
    assert written.name == "out.png"
    assert written.is_relative_to(workspace / "uploads" / upload.id)


def test_hidden_files_are_not_kept_and_twins_both_are():
    upload = uploads.Upload()
    for name in (".DS_Store", "a/.git/x", "Thumbs.db", "p.png", "p.png"):
        upload.keep(name, b"x")
    assert sorted(path.name for path in uploads.store_upload(upload.id).iterdir()) == ["p (2).png", "p.png"]


def test_too_much_is_refused(monkeypatch):
    monkeypatch.setattr(uploads, "MAX_BYTES", 10)
    upload = uploads.Upload()
    with pytest.raises(LabError, match="give its path"):
        upload.keep("large.png", bytes(11))


@pytest.mark.parametrize("upload_id", ["0" * 32, "../..", "", None])
def test_unknown_upload(upload_id):
    with pytest.raises(LabError, match="send it again"):
        uploads.store_upload(upload_id)


def test_old_uploads_are_dropped(workspace):
    old = uploads.Upload()
    old.keep("p.png", b"x")
    past = time.time() - (uploads.KEPT_DAYS + 1) * 86_400
    os.utime(workspace / "uploads" / old.id, (past, past))
    uploads.Upload()
    with pytest.raises(LabError):
        uploads.store_upload(old.id)


def test_server_path_stays_below_the_roots(tmp_path):
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


@pytest.mark.parametrize("text", ["run 1", "../x", "~no such person/x"])
def test_server_path_must_be_full(text):
    with pytest.raises(LabError, match="full path"):
        uploads.server_path(text, roots=None)
    for nothing in ("", "  "):
        with pytest.raises(LabError, match="No path was entered"):
            uploads.server_path(nothing, roots=None)
