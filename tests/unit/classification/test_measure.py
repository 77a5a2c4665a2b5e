"""Measuring a source in one process or several: the same rows in the same order; no process is left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from svp_core.classification import measure as measuring
from svp_core.errors import LabError
from svp_core.execution import local
from svp_core.images import encode_png, to_colour_tile, to_tile
from svp_core.instruments.detect import detect_source, read_particles
from svp_core.instruments.records import ParticleRecord
from svp_core.morphology import measure
from tests.helpers.drawn_run import draw_run

ROOT = Path(__file__).resolve().parents[3]
PATIENCE_S = 120
SLEEPER = """
import sys, time
from svp_core.classification.measure import read_measured
if __name__ == "__main__":
    batches = read_measured(sys.argv[1], processes=2, batch=4)
    next(batches)
    print("read", flush=True)
    time.sleep(600)
"""


def disc(radius, size=40):
    v, u = np.mgrid[:size, :size] - (size - 1) / 2
    return np.where(np.hypot(u, v) < radius, 40, 175).astype(np.uint8)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """A FlowCam run in colour, single images, a stack, and files that cannot be read."""
    folder = tmp_path_factory.mktemp("drop")
    draw_run(folder / "run", count=12)
    loose = folder / "oil"
    loose.mkdir()
    for number in range(30):
        (loose / f"p{number}.png").write_bytes(encode_png(disc(3 + number / 3, size=30 + 2 * number)))
    (loose / "broken.png").write_bytes(encode_png(disc(9))[:200])
    (loose / "empty.png").write_bytes(b"")
    (loose / "notes.txt").write_text("measured on Monday")
    pages = [Image.fromarray(disc(4 + page)) for page in range(3)]
    pages[0].save(loose / "stack.tif", save_all=True, append_images=pages[1:])
    # It has the same name as the stack's second page: the two names must differ in the results.
    (loose / "stack.tif#2").write_bytes(b"no image")
    return folder


def rows_of(batches):
    return [row for batch in batches for row in batch.rows]


def test_several_processes_give_the_same_rows_in_the_same_order(mixed):
    columns = detect_source(mixed).columns
    alone, shared = (
        list(measuring.read_measured(mixed, instrument=columns, batch=7, processes=count)) for count in (0, 2)
    )
    assert [len(batch.rows) for batch in alone] == [len(batch.rows) for batch in shared]
    assert rows_of(alone) == rows_of(shared)
    for left, right in zip(alone, shared, strict=True):
        assert np.array_equal(left.tiles, right.tiles)
        assert (left.colour is None) == (right.colour is None)
        if left.colour is not None and right.colour is not None:
            assert np.array_equal(left.colour, right.colour)
    assert any(batch.colour is None for batch in alone)
    assert any(batch.colour is not None for batch in alone)


def test_rows_stay_the_same_when_few_bytes_may_wait_for_processes(mixed, monkeypatch):
    rows = rows_of(measuring.read_measured(mixed, batch=1, processes=3))
    monkeypatch.setattr(local, "MAX_WAITING_BYTES", 1)
    assert rows_of(measuring.read_measured(mixed, batch=1, processes=3)) == rows


def test_rows_equal_the_measured_records(mixed):
    batches = list(measuring.read_measured(mixed, instrument=detect_source(mixed).columns, batch=7))
    records, rows = list(read_particles(mixed)), rows_of(batches)
    names = [row["image"] for row in rows]
    assert names == [record.name for record in records]
    assert len(set(names)) == len(names) == 12 + 30 + 3 + 3 + 1
    tiles = iter([tile for batch in batches for tile in batch.tiles])
    for record, row in zip(records, rows, strict=True):
        assert (row["run"], row["given"], row["reason"]) == (record.run, record.given, record.reason)
        assert row["instrument.raw_area"] == record.columns.get("raw_area")
        assert row["status"] == ("rejected" if record.rejected else "ok")
        if record.pixels is None:
            assert row["ecd_px"] is None
            assert row["um_per_px"] is None
            continue
        expected = measure(record.pixels, um_per_px=record.um_per_px, mask=record.mask)
        assert {name: row[name] for name in expected} == expected
        assert np.array_equal(next(tiles), to_tile(record.pixels))
    assert {row["instrument.id"] for row in rows[:12]} == set(range(1, 13))
    assert rows[12]["instrument.id"] is None


def test_an_entered_pixel_size_is_used_for_all_particles(mixed):
    rows = rows_of(measuring.read_measured(mixed, um_per_px=0.5))
    assert {row["um_per_px"] for row in rows if row["status"] == "ok"} == {0.5}
    assert all(row["ecd_um"] == row["ecd_px"] / 2 for row in rows if row["ecd_px"])


def test_colour_and_grey_particles_share_a_batch():
    colour = np.stack([disc(9), disc(8), disc(7)], axis=2)[5:25]
    records = [ParticleRecord("grey", "s", disc(9)), ParticleRecord("colour", "s", colour)]
    batch = measuring.measure_records(records)
    assert batch.colour is not None
    assert batch.colour.shape == (2, 64, 64, 3)
    assert batch.tiles.shape == (2, 64, 64)
    assert np.array_equal(batch.colour[1], to_colour_tile(colour))
    assert all(np.array_equal(batch.colour[0, ..., channel], batch.tiles[0]) for channel in range(3))
    assert measuring.measure_records(records[:1]).colour is None
    assert measuring.measure_records([]).tiles.shape == (0, 64, 64)


def test_batches_of_large_images_are_short(tmp_path, monkeypatch):
    monkeypatch.setattr(measuring, "BATCH_BYTES", 3000)
    for number in range(6):
        (tmp_path / f"{number}.png").write_bytes(np.random.default_rng(0).bytes(1000))
    assert [len(batch.rows) for batch in measuring.read_measured(tmp_path)] == [3, 3]
    assert [len(batch.rows) for batch in measuring.read_measured(tmp_path, batch=2)] == [2, 2, 2]


@pytest.mark.parametrize(
    "blank",
    [
        np.full((1, 1), 9, np.uint8),
        np.full((64, 64), 170, np.uint8),
        np.tile(np.array([90, 120, 250], np.uint8), (40, 40, 1)),
    ],
)
def test_a_blank_image_is_rejected(blank, tmp_path):
    almost = blank.repeat(3, 0)
    almost[1] = almost[1] ^ 1
    for name, pixels in (("blank", blank), ("almost", almost)):
        (tmp_path / f"{name}.png").write_bytes(encode_png(pixels))
    (batch,) = measuring.read_measured(tmp_path)
    # One grey level of difference is no particle either.
    assert [row["reason"] for row in batch.rows] == [measuring.NOTHING_STANDS_OUT, measuring.BLANK_IMAGE]
    assert {row["status"] for row in batch.rows} == {"rejected"}
    assert len(batch.tiles) == 0


def test_small_sources_and_single_cores_use_one_process(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    assert measuring.processes_for(100) == 0
    assert measuring.processes_for(None) == measuring.MAX_PROCESSES
    assert measuring.processes_for(measuring.MIN_ITEMS_FOR_PROCESSES) == measuring.MAX_PROCESSES
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3}, raising=False)
    assert measuring.processes_for(10**6) == 0


def test_worker_processes_load_no_network_library():
    program = (
        "import svp_core.classification.measure, sys\n"
        "print([name for name in ('torch', 'streamlit') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="processes are found by /proc")
def test_closing_the_iterator_ends_the_processes(mixed):
    others = grandchildren(os.getpid())
    batches = measuring.read_measured(mixed, batch=4, processes=2)
    next(batches)
    readers = grandchildren(os.getpid()) - others
    assert readers
    batches.close()
    wait_until(lambda: not any(is_alive(pid) for pid in readers))


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="processes are found by /proc")
def test_a_killed_worker_process_is_reported(mixed):
    others = grandchildren(os.getpid())
    batches = measuring.read_measured(mixed, batch=2, processes=1)
    next(batches)
    for pid in grandchildren(os.getpid()) - others:
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(LabError, match="worker process was killed"):
        list(batches)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="processes are found by /proc")
def test_no_process_outlives_one_that_was_killed(mixed, tmp_path):
    (tmp_path / "sleeper.py").write_text(SLEEPER)
    command, path = [sys.executable, str(tmp_path / "sleeper.py"), str(mixed)], os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "read\n"
        readers = grandchildren(process.pid)
        process.kill()
    assert readers
    wait_until(lambda: not any(is_alive(pid) for pid in readers))


def grandchildren(pid):
    """Worker processes are among them, since the fork server starts them; so is what other tests left running."""
    children = {
        int(stat.parent.name): int(fields_of(stat)[1]) for stat in Path("/proc").glob("[0-9]*/stat") if fields_of(stat)
    }
    below = {child for child, parent in children.items() if parent == pid}
    return {child for child, parent in children.items() if parent in below and is_alive(child)}


def fields_of(stat):
    try:
        return stat.read_text().rpartition(")")[2].split()
    except OSError:
        return []


def is_alive(pid):
    return fields_of(Path(f"/proc/{pid}/stat"))[:1] not in ([], ["Z"])


def wait_until(holds):
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)
