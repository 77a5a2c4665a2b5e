"""A finished classification to export."""

import pytest

from tests.helpers.finished_jobs import EXPORTED, confident_probs, make_job


@pytest.fixture(autouse=True)
def workspace(tmp_path, monkeypatch):
    """Nobody else's models."""
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "workspace"))


@pytest.fixture
def job(tmp_path):
    """Four particles, of one the class is unsure; one item that could not be read."""
    make_job(
        tmp_path / "job",
        confident_probs(*EXPORTED),
        [3.0, 12.0, 12.0, None],
        rejected=[("x.png", "it is empty")],
        instrument={"id": [7, 8, 9, 10], "Timestamp": ["2025-04-09T14:14:53"] * 4},
    )
    return tmp_path / "job"
