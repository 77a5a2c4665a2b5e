"""The database locked, damaged, deleted, replaced, full or not writable: a sentence, and nothing said to be saved."""

import shutil
import sqlite3
import subprocess
import sys
import time

import pytest

from svp_core.errors import LabError
from svp_core.review import decision_log, leases, store
from svp_core.workspace import database, jobs
from svp_core.workspace.database import engine
from svp_core.workspace.database_errors import DatabaseBusy, DatabaseError
from svp_core.workspace.paths import repo_root, workspace_root
from tests.helpers.review_fixture import event, new_review, record


@pytest.fixture
def lab(tmp_path, monkeypatch, no_job_processes):
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.2)
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "work"))
    monkeypatch.delenv("SVP_DATABASE_URL", raising=False)
    yield workspace_root() / "lab.sqlite"
    engine.__globals__["_engine"].cache_clear()


def test_a_locked_database_is_a_sentence_and_nothing_is_written(lab):
    review = new_review(3)
    other = sqlite3.connect(lab, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writes = (
        lambda: jobs.start("generate", {}),
        lambda: record(review, event(1, "p0")),
        lambda: leases.lease(review.id, ["p0"], 1, holder="t", reviewer="Anna"),
        lambda: store.rename_review(review.id, "B"),
    )
    for write in writes:
        with pytest.raises(LabError, match="locked"):
            write()
    assert decision_log.history(review.id) == []  # reading goes on
    other.execute("ROLLBACK")
    assert record(review, event(1, "p0")) == ["saved"]
    assert jobs.start("generate", {})[1]


def test_a_lock_is_told_apart_from_other_faults(lab):
    new_review(1)
    other = sqlite3.connect(lab, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(DatabaseBusy):
        jobs.cancel("0" * 32)
    other.execute("ROLLBACK")


def test_a_deleted_database_never_says_saved(lab):
    review = new_review(3)
    assert record(review, event(1, "p0")) == ["saved"]
    lab.unlink()
    for write in (lambda: record(review, event(2, "p1")), lambda: jobs.start("generate", {}), store.list_reviews):
        with pytest.raises(LabError, match="restore it from a backup"):
            write()
    assert not lab.exists()


def test_a_database_deleted_in_the_middle_of_a_decision_never_says_saved(lab, monkeypatch):
    review = new_review(3)
    write = decision_log._LogEnd.write

    def write_and_lose(log):
        write(log)
        lab.unlink()

    monkeypatch.setattr(decision_log._LogEnd, "write", write_and_lose)
    with pytest.raises(LabError, match="deleted"):
        record(review, event(1, "p0"))


def test_a_restored_database_is_used_without_a_restart(lab, tmp_path):
    review = new_review(3)
    record(review, event(1, "p0"))
    with sqlite3.connect(tmp_path / "copy") as copy, sqlite3.connect(lab) as own:
        own.backup(copy)
    record(review, event(2, "p1"))
    for ending in ("-wal", "-shm"):
        lab.with_name(lab.name + ending).unlink(missing_ok=True)
    shutil.move(tmp_path / "copy", lab)
    assert len(decision_log.history(review.id)) == 1
    assert record(review, event(2, "p1")) == ["saved"]


def test_a_workspace_whose_database_is_gone_is_not_opened_as_an_empty_one(lab):
    new_review(3)
    engine().dispose()
    for path in lab.parent.glob("lab.sqlite*"):
        path.unlink()
    engine.__globals__["_engine"].cache_clear()
    with pytest.raises(LabError, match="restore it from a backup"):
        store.list_reviews()
    lab.touch()  # as the sentence says
    assert store.list_reviews() == []


@pytest.mark.parametrize("damage", ["header", "pages", "empty pages", "text"])
def test_a_damaged_database_is_found_when_it_is_opened(lab, damage):
    review = new_review(300)
    record(review, *(event(n + 1, f"p{n}", reason="x" * 500) for n in range(300)))
    with engine().connect() as db:
        db.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine().dispose()
    engine.__globals__["_engine"].cache_clear()
    size = lab.stat().st_size
    with lab.open("r+b") as file:
        if damage == "header":
            file.write(b"\0" * 100)
        elif damage == "text":
            file.truncate()
            file.write(b"this is a text " * 500)
        else:
            file.seek(size // 2 // 4096 * 4096)
            file.write((b"\0" if damage == "empty pages" else b"\xa5") * 4096 * 4)
    with pytest.raises(DatabaseError, match="damaged.*backup"):
        store.list_reviews()


def test_a_full_disk_is_a_sentence_and_nothing_is_written(lab):
    review = new_review(3)
    with engine().connect() as db:
        db.exec_driver_sql("PRAGMA max_page_count=1")
    big = event(1, "p0", reason="x" * 2000, evidence={"a": "y" * 7000})
    with pytest.raises(LabError, match="free space"):
        record(review, *({**big, "n": n} for n in range(1, 40)))
    assert decision_log.history(review.id) == []
    with engine().connect() as db:
        db.exec_driver_sql("PRAGMA max_page_count=1000000")
    assert record(review, big) == ["saved"]


def test_an_unreachable_server_is_a_sentence(monkeypatch):
    pytest.importorskip("psycopg")
    monkeypatch.setenv("SVP_DATABASE_URL", "postgresql+psycopg://nobody:secret@127.0.0.1:1/none")
    with pytest.raises(LabError, match="cannot be") as refused:
        store.list_reviews()
    assert "secret" not in str(refused.value)


# Does everything once elsewhere, so that all modules are loaded, then as a user who may write nothing: as root, the
# user of the file system alone is changed, since another user may not be allowed to read Python itself.
READ_ONLY = """
import ctypes, os, sys
from svp_core.errors import LabError
from svp_core.workspace import datasets, jobs, models, uploads
from svp_core.review import store
import numpy as np, pandas as pd
jobs.executor = lambda: type("E", (), {"submit_job": lambda *a, **k: None})()
tiles, table = np.zeros((1, 64, 64), np.uint8), pd.DataFrame({"image": ["a"]})
writes = [
    lambda: jobs.start("generate", {}), lambda: uploads.Upload(), lambda: store.list_reviews() and None,
    lambda: datasets.save_dataset("a", "own", tiles, table, {}), lambda: datasets.install_samples(),
    lambda: models.list_models("generator"),
]
for write in writes:
    write()
os.environ["SVP_WORKSPACE"] = sys.argv[1]
if os.geteuid() == 0:
    ctypes.CDLL(None).setfsuid(65534)
for write in writes:
    try:
        write()
        print("no error")
    except LabError as error:
        print(error)
    except BaseException as error:
        print("RAW", type(error), error)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the user of the file system is Linux's")
@pytest.mark.parametrize("prepared", [False, True])
def test_a_read_only_workspace_is_a_sentence_everywhere(lab, prepared, tmp_path, monkeypatch):
    folder = lab.parent
    if prepared:
        new_review(1)
        engine().dispose()
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    for parent in [*tmp_path.parents, tmp_path]:
        if not parent.stat().st_mode & 0o005:
            parent.chmod(0o755)
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "warm"))
    command = [sys.executable, "-c", READ_ONLY, folder]
    done = subprocess.run(command, cwd=repo_root(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 6
    assert not [line for line in lines if line.startswith("RAW")]
    assert sum(line != "no error" for line in lines) >= 4


def test_a_clock_that_was_ahead_leaves_no_job_running_for_ever(lab):
    job_id, _ = jobs.start("generate", {})
    ahead = time.time() + 86_400
    with engine().begin() as db:
        db.execute(database.job.update().values(state="running", heartbeat=ahead, worker="dead", slot=0))
    job = jobs.get(job_id)
    assert job.state == "lost"
    assert job.ended is not None
    assert job.ended <= time.time()
    assert jobs.start("generate", {}) == (job_id, True)
    jobs.cancel(job_id)
    jobs.delete(job_id)


def test_a_lease_of_a_clock_that_was_ahead_is_taken_over(lab):
    review = new_review(3)
    leases.lease(review.id, ["p0"], 1, holder="dead", reviewer="Anna")
    with engine().begin() as db:
        db.execute(database.claim.update().values(until=time.time() + 86_400))
    assert leases.lease_holders(review.id) == {}
    assert leases.lease(review.id, ["p0"], 1, holder="new", reviewer="Ben") == ["p0"]
