"""Backups: whole, of one moment, restored elsewhere equal, and refused where a bit of them is not as it was."""

import json
import subprocess
import sys
import zipfile

import numpy as np
import pandas as pd
import pytest

from svp_core.audit_trail.trail import TrailCheck
from svp_core.backup import restore, write
from svp_core.backup.tables import copy_database, insert_rows
from svp_core.cli import main
from svp_core.errors import LabError
from svp_core.progress import run_to_end
from svp_core.review import decision_log, history_file, store
from svp_core.workspace import changes, datasets
from svp_core.workspace.database import engine
from svp_core.workspace.paths import repo_root, workspace_root
from tests.helpers.review_fixture import databases, event, new_review, record

# Ten decisions a second, each printed after it was acknowledged.
WRITER = """
import sys, time
from svp_core.review import decision_log, store
from tests.helpers.review_fixture import event
review = store.open_review(sys.argv[1])
for n in range(1, 2000):
    (outcome,) = decision_log.record(review, [event(n, f"p{n}", tab="w")])
    print(outcome.state, n, flush=True)
    time.sleep(0.1)
"""


@pytest.fixture
def lab(tmp_path, monkeypatch):
    return databases(tmp_path, monkeypatch, "sqlite")


def back_up(path, **options):
    for _ in write.write_backup(path, **options):
        pass
    return path


def restored(path):
    return run_to_end(restore.restore_backup(path))


def elsewhere(lab, monkeypatch, name="elsewhere"):
    monkeypatch.setenv("SVP_WORKSPACE", str(lab / name))


def files_of(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith("lab.sqlite")
    }


def test_every_decision_acknowledged_before_a_backup_is_in_it(lab, monkeypatch):
    review = new_review(2000)
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, review.id], cwd=repo_root(), stdout=subprocess.PIPE, text=True
    )
    try:
        assert writer.stdout
        acknowledged = [writer.stdout.readline() for _ in range(12)]
        back_up(lab / "b.zip")
        after = writer.stdout.readline()
    finally:
        writer.kill()
        writer.wait()
    assert after  # it went on
    elsewhere(lab, monkeypatch)
    result = restored(lab / "b.zip")
    numbers = {decision.n for decision in decision_log.history(review.id)}
    assert {int(line.split()[1]) for line in acknowledged} <= numbers
    assert result.decisions == len(numbers)
    assert history_file.verify(review.id).sound
    assert record(store.open_review(review.id), event(1, "p1999", tab="new")) == ["saved"]


def test_a_restored_workspace_equals_the_first(lab, monkeypatch):
    review = new_review(5)
    record(review, event(1, "p0"), event(2, "p1", "unsure"))
    table = pd.DataFrame({"image": ["a", "b"], "class": ["x", "y"]})
    dataset = datasets.save_dataset("Two", "own", np.arange(2 * 64 * 64).reshape(2, 64, 64) % 255, table, {})
    (workspace_root() / "exports").mkdir()
    (workspace_root() / "exports" / "made again.zip").write_bytes(b"x")
    (workspace_root() / "datasets" / ".unfinished-1").mkdir()
    (workspace_root() / "datasets" / ".unfinished-1" / "x").write_bytes(b"x")
    before, decisions = files_of(workspace_root()), decision_log.history(review.id)
    assert main(["backup", "--out", str(lab / "b.zip")]) == 0
    elsewhere(lab, monkeypatch)
    assert main(["restore", str(lab / "b.zip")]) == 0
    left_out = ("exports", "unfinished", ".seal", ".heads")  # of a later moment than the database, they would not fit
    kept = {name: content for name, content in before.items() if not any(part in name for part in left_out)}
    assert files_of(workspace_root()) == kept
    assert decision_log.history(review.id) == decisions
    assert datasets.open_dataset(dataset).meta["name"] == "Two"
    assert main(["restore", str(lab / "b.zip")]) == 2  # it is not empty
    assert not list(workspace_root().glob(".*"))


def rewritten(path, change):
    """The backup with changed entries: change(name, bytes) gives the new bytes."""
    other = path.with_name("changed.zip")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(other, "w") as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return other


def renamed(old, new):
    def change(name, content):
        if name != "manifest.json":
            return content
        manifest = json.loads(content)
        manifest["entries"] = {new if key.endswith(old) else key: facts for key, facts in manifest["entries"].items()}
        return json.dumps(manifest).encode()

    return change


@pytest.mark.parametrize(
    "change",
    [
        lambda name, content: content[:-1] + b"?" if name.endswith("tiles.npy") else content,
        lambda name, content: content[:-1] if name.endswith("queue.csv") else content,
        lambda name, content: content[:4096] + b"\x5a" * 4096 + content[8192:] if name.endswith("sqlite") else content,
        lambda name, content: b"{}" if name == "manifest.json" else content,
        lambda name, content: b"[" * 100_000 if name == "manifest.json" else content,
        renamed("queue.csv", "files/../../outside.csv"),
        renamed("queue.csv", "/outside.csv"),
        renamed("database.sqlite", "files/other"),
    ],
)
def test_a_backup_that_was_changed_is_refused_and_leaves_nothing(lab, monkeypatch, change):
    review = new_review(5)
    record(review, event(1, "p0"))
    path = rewritten(back_up(lab / "b.zip"), change)
    elsewhere(lab, monkeypatch)
    with pytest.raises(LabError):
        restored(path)
    assert list(workspace_root().iterdir()) == []
    assert not (lab / "outside.csv").exists()


def test_a_backup_whose_decisions_were_altered_is_refused(lab, monkeypatch):
    """With hashes of the file that fit: the chain of the review shows it."""
    import hashlib
    import sqlite3

    review = new_review(5)
    record(review, event(1, "p0"))
    path = back_up(lab / "b.zip")
    altered = lab / "altered.sqlite"
    with zipfile.ZipFile(path) as archive:
        altered.write_bytes(archive.read("database.sqlite"))
    with sqlite3.connect(altered) as db:
        db.execute("DROP TRIGGER decision_no_update")
        db.execute("UPDATE decision SET to_label = 'protein'")
    db.close()
    content = altered.read_bytes()

    def change(name, old):
        if name == "database.sqlite":
            return content
        if name == "manifest.json":
            manifest = json.loads(old)
            facts = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            manifest["entries"]["database.sqlite"] = facts
            return json.dumps(manifest).encode()
        return old

    elsewhere(lab, monkeypatch)
    with pytest.raises(LabError, match="altered"):
        restored(rewritten(path, change))
    assert list(workspace_root().iterdir()) == []


def test_a_backup_is_not_written_into_the_workspace_and_leaves_nothing_on_an_error(lab, monkeypatch):
    new_review(2)
    with pytest.raises(LabError, match="workspace itself"):
        back_up(workspace_root() / "b.zip")
    with pytest.raises(LabError, match="no folder"):
        back_up(lab / "nowhere" / "b.zip")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(write, "_add", full)
    (lab / "out").mkdir()
    with pytest.raises(LabError, match="No space left"):
        back_up(lab / "out" / "b.zip")
    assert list((lab / "out").iterdir()) == []


def test_a_copy_of_the_rows_fills_another_database(lab, monkeypatch):
    """The way to and from a database server, here between two SQLite files."""
    review = new_review(3)
    record(review, event(1, "p0"), event(2, "p1"))
    before = decision_log.history(review.id)
    copy_database(lab / "copy.sqlite")
    monkeypatch.setenv("SVP_DATABASE_URL", f"sqlite:///{lab / 'other.sqlite'}")
    insert_rows(lab / "copy.sqlite")
    assert decision_log.history(review.id) == before
    with pytest.raises(LabError, match="rows already"):
        insert_rows(lab / "copy.sqlite")


def test_a_trail_that_went_on_after_its_database_was_copied_is_restored_intact(lab, monkeypatch):
    """The database is that of one moment; the seal beside the key may already count later entries."""
    review = new_review(3)
    entries = len(changes.list_entries())
    original = write.check_copy

    def go_on(copy):
        original(copy)
        store.rename_review(review.id, "renamed while the backup is written")

    monkeypatch.setattr(write, "check_copy", go_on)
    path = back_up(lab / "backup.zip")
    assert len(changes.list_entries()) == entries + 1
    elsewhere(lab, monkeypatch)
    restored(path)
    assert changes.verify_trail() == TrailCheck(entries)


def test_a_review_that_went_on_after_its_database_was_copied_is_restored_intact(lab, monkeypatch):
    """Also into the same folder, whose key lies elsewhere and knows of the later decisions."""
    monkeypatch.setenv("SVP_AUDIT_KEY", str(lab / "keys" / "audit.key"))
    review = new_review(3)
    record(review, event(1, "p0"))
    path = back_up(lab / "backup.zip")
    record(review, event(2, "p1"))
    engine().dispose()
    workspace_root().rename(lab / "old")
    restored(path)
    assert history_file.verify(review.id).sound
    assert history_file.verify(review.id).count == 1
