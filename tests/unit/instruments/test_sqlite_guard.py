"""Readers never open the database of their own process."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from svp_core.errors import LabError
from svp_core.images import encode_png
from svp_core.instruments.detect import detect_source, read_particles
from svp_core.instruments.fingerprint import UNREADABLE, hash_inputs
from svp_core.instruments.sqlite_guard import is_own_database
from svp_core.workspace.database import bookmark, engine

ROOT = Path(__file__).resolve().parents[3]
# Another process that opens and closes the database, as a job does.
VISITOR = """
from svp_core.workspace.database import bookmark, engine
with engine().begin() as db:
    print(*(row.reviewer for row in db.execute(bookmark.select())))
engine().dispose()
"""


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "lab"))
    monkeypatch.delenv("SVP_DATABASE_URL", raising=False)
    return tmp_path / "lab"


def write(reviewer):
    with engine().begin() as db:
        db.execute(bookmark.insert().values(review="r", reviewer=reviewer, place={}, at=0.0))


def visit(workspace):
    environment = os.environ | {"SVP_WORKSPACE": str(workspace), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", VISITOR], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_reading_the_workspace_releases_no_locks(workspace):
    write("A")
    assert (workspace / "lab.sqlite-wal").exists()  # held by this process
    (workspace / "particle.png").write_bytes(encode_png(np.full((64, 64), 170, np.uint8)))
    assert detect_source(workspace.parent).count > 1
    records = {record.name: record.reason for record in read_particles(workspace.parent)}
    assert records.pop("lab/particle.png") == ""
    assert {reason for name, reason in records.items() if "lab.sqlite" in name} == {"this is the lab's own database"}
    assert visit(workspace) == ["A"]
    # A process that takes itself for the last one deletes the log.
    assert (workspace / "lab.sqlite-wal").exists()
    write("B")
    assert visit(workspace) == ["A", "B"]


def test_database_is_not_a_source(workspace):
    write("A")
    for name in ("lab.sqlite", "lab.sqlite-wal"):
        with pytest.raises(LabError, match=f"{name} is the lab's own database; choose a folder"):
            detect_source(workspace / name)
        with pytest.raises(LabError, match="own database"):
            list(hash_inputs(workspace / name))
    assert {name: digest for name, _, digest in hash_inputs(workspace)}["lab.sqlite"] == UNREADABLE
    assert visit(workspace) == ["A"]
    assert (workspace / "lab.sqlite-wal").exists()


def test_workspace_is_not_a_source(workspace, tmp_path):
    write("A")
    other = tmp_path / "other lab"
    other.mkdir()
    (other / "lab.sqlite").write_bytes(b"SQLite format 3")  # of a lab that is not open here
    for folder in (workspace, other):
        (folder / "particle.png").write_bytes(encode_png(np.full((64, 64), 170, np.uint8)))
        with pytest.raises(LabError, match=f"{folder.name} is a workspace of SvP Lab"):
            detect_source(folder)
    uploaded = workspace / "uploads" / "1"
    uploaded.mkdir(parents=True)
    (uploaded / "particle.png").write_bytes(encode_png(np.full((64, 64), 170, np.uint8)))
    assert detect_source(uploaded).count == 1


def test_only_the_own_database_is_protected(workspace, tmp_path):
    write("A")
    (tmp_path / "other.sqlite").write_bytes(b"SQLite format 3")
    assert not is_own_database((tmp_path / "other.sqlite").stat())
    (tmp_path / "linked.png").symlink_to(workspace / "lab.sqlite")
    assert is_own_database((tmp_path / "linked.png").stat())
