"""Decisions of several processes and threads at once, of a killed one, and with a locked database."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time

import pytest

from svp_core.errors import LabError
from svp_core.review import decision_log, history_file
from svp_core.workspace import database
from svp_core.workspace.paths import repo_root, workspace_root
from tests.helpers.review_fixture import databases, event, new_review, record

# Decides in its own tab; prints after each call what is on disk.
WRITER = """
import sys, time
from pathlib import Path
from svp_core.review import decision_log, store
from tests.helpers.review_fixture import event
review_id, tab, gate, count, at_once = sys.argv[1:4] + [int(text) for text in sys.argv[4:]]
review = store.open_review(review_id)
Path(gate + "." + tab).touch()
while not Path(gate).exists():
    time.sleep(0.001)
for start in range(0, count, at_once):
    sent = [event(n + 1, f"p{n}", tab=tab, reviewer=tab, purpose="settle") for n in range(start, start + at_once)]
    for outcome in decision_log.record(review, sent):
        print(outcome.state, outcome.tab, outcome.n, flush=True)
"""


def start_writers(review, lab, tabs, count, at_once):
    gate = lab / "gate"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, review.id, tab, str(gate), str(count), str(at_once)],
            cwd=repo_root(),
            stdout=subprocess.PIPE,
            text=True,
        )
        for tab in tabs
    ]
    while not all((lab / f"gate.{tab}").exists() for tab in tabs):
        assert all(writer.poll() is None for writer in writers)
        time.sleep(0.01)
    gate.touch()
    return writers


def test_processes_writing_at_once_make_one_chain(lab):
    review = new_review(25)
    tabs = [f"w{number}" for number in range(4)]
    writers = start_writers(review, lab, tabs, 25, 1)
    printed = [line for writer in writers for line in writer.communicate(timeout=120)[0].splitlines()]
    assert len(printed) == 100
    assert all(line.startswith("saved") for line in printed)
    rows = decision_log.history(review.id)
    assert [row.number for row in rows] == list(range(1, 101))
    for tab in tabs:
        assert [row.n for row in rows if row.tab == tab] == list(range(1, 26))
    verdict = history_file.verify(review.id)
    assert verdict.sound
    assert verdict.count == 100


def test_threads_writing_at_once_make_one_chain(lab):
    review, states = new_review(50), []

    def write(tab):
        for n in range(50):
            states.extend(record(review, event(n + 1, f"p{n}", tab=tab)))

    threads = [threading.Thread(target=write, args=(f"t{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert states == ["saved"] * 200
    assert history_file.verify(review.id).count == 200


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
def test_a_killed_process_loses_nothing_that_it_reported_as_saved(lab):
    review, tab = new_review(4000), "w" * 40  # so long that the pipe is full before the writer comes to its end
    (writer,) = start_writers(review, lab, [tab], 4000, 4)
    printed = [writer.stdout.readline() for _ in range(60)]
    writer.send_signal(signal.SIGKILL)
    printed = [line for line in "".join([*printed, writer.stdout.read()]).splitlines() if line.count(" ") == 2]
    writer.wait()
    kept = {f"saved {row.tab} {row.n}" for row in decision_log.history(review.id)}
    assert 60 <= len(printed) < 4000
    assert set(printed[:-1]) <= kept
    # Whole calls only, and the history goes on from there.
    assert len(kept) % 4 == 0
    assert history_file.verify(review.id).sound
    assert record(review, event(1, "p0", tab=tab, reviewer=tab, purpose="settle"), event(1, "p1")) == ["known", "late"]


def test_a_database_that_stays_locked_raises_an_error_and_nothing_is_written(tmp_path, monkeypatch):
    databases(tmp_path, monkeypatch, "sqlite")
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.2)
    review = new_review()
    other = sqlite3.connect(workspace_root() / "lab.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LabError, match="could not be written .*locked.*sent again"):
        decision_log.record(review, [event(1, "p0")])
    other.execute("ROLLBACK")
    other.close()
    assert record(review, event(1, "p0")) == ["saved"]
