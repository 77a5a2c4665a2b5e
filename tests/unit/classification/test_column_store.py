"""The column store of a large results.csv: the same table as the lines give, only while it matches them."""

import os

import numpy as np
import pandas as pd
import pytest

from svp_core.classification import column_store, results_csv
from svp_core.classification.results_csv import read_results, store_results
from svp_core.errors import LabError

COUNT = 700


@pytest.fixture
def path(tmp_path, monkeypatch):
    """A results.csv with every kind of value: quotes, line breaks, empty cells, numbers that turn to text late."""
    monkeypatch.setattr(results_csv, "MIN_BYTES", 1000)
    monkeypatch.setattr(column_store, "BLOCK_BYTES", 4096)  # many blocks
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "image": [f'größe "{number}"\nline, {number}.png' for number in range(COUNT)],
            "label": rng.choice(["protein", "silicone_oil"], COUNT),
            "confidence": rng.random(COUNT).round(4),
            "p_protein": rng.random(COUNT).round(4),
            "ecd_um": np.where(rng.random(COUNT) < 0.1, np.nan, rng.gamma(3, 2, COUNT)),
            "unlike": rng.choice(["yes", "no"], COUNT),
            "status": "ok",
            "reason": "",
            "instrument.Area": rng.gamma(3, 2, COUNT),
            "instrument.Note": [*map(str, range(COUNT - 1)), "n/a"],
            "instrument.Empty": "",
        }
    )
    table.to_csv(tmp_path / "results.csv", index=False)
    return tmp_path / "results.csv"


def test_store_holds_the_table_that_the_lines_give(path):
    parsed = read_results(path)
    before = path.read_bytes()
    assert store_results(path)
    assert column_store.has_store(path)
    pd.testing.assert_frame_equal(read_results(path), parsed)
    assert read_results(path)["instrument.Area"].dtype == float
    assert read_results(path)["instrument.Note"].iloc[-1] == "n/a"
    assert path.read_bytes() == before


def test_store_is_what_is_read_and_columns_come_in_the_order_asked_for(path):
    store_results(path)
    expected = read_results(path, ["ecd_um", "image"])
    lines = path.read_bytes()
    status = path.stat()
    path.write_bytes(lines[:200] + b"\x00" * (len(lines) - 200))  # not readable as a table any more
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    pd.testing.assert_frame_equal(read_results(path, ["ecd_um", "image"]), expected)
    assert list(expected) == ["ecd_um", "image"]


def test_changed_lines_are_read_again_not_the_store(path):
    store_results(path)
    table = read_results(path)
    table["confidence"] = 0.125
    table.to_csv(path, index=False)
    assert not column_store.has_store(path)
    assert set(read_results(path)["confidence"]) == {0.125}
    assert store_results(path)
    assert column_store.has_store(path)
    assert set(read_results(path)["confidence"]) == {0.125}


def test_small_file_gets_no_store(path, monkeypatch):
    monkeypatch.setattr(results_csv, "MIN_BYTES", path.stat().st_size + 1)
    assert not store_results(path)
    assert [file.name for file in path.parent.iterdir()] == ["results.csv"]


def test_damaged_store_is_said_and_leaves_nothing_half_written(path):
    store_results(path)
    store = path.with_name(column_store.STORE_FILE)
    data = store.read_bytes()
    store.write_bytes(data[:4] + bytes(len(data) // 2) + data[4 + len(data) // 2 :])
    with pytest.raises(LabError, match=r"results\.parquet is damaged .*remove it"):
        read_results(path)
    store.write_bytes(b"not a table")
    assert len(read_results(path)) == COUNT  # it does not even name its origin, so the lines are read
    assert sorted(file.name for file in path.parent.iterdir()) == ["results.csv", column_store.STORE_FILE]
