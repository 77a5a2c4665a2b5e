"""A classification to report on, and a workspace of its own."""

import pytest

from tests.helpers.finished_jobs import confident_probs, make_job


@pytest.fixture(autouse=True)
def workspace(tmp_path, monkeypatch):
    """Nobody else's models or reviews."""
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "workspace"))


@pytest.fixture
def job(tmp_path):
    """Ten protein of 3 um, two oil of 12 um, one bubble of 30 um, one unsure of 12 um, one unreadable."""
    labels = ["protein"] * 10 + ["silicone_oil"] * 2 + ["air_bubble", "?"]
    make_job(
        tmp_path / "job",
        confident_probs(*labels),
        [3.0] * 10 + [12.0, 12.0, 30.0, 12.0],
        rejected=[("x.png", "it is empty")],
    )
    return tmp_path / "job"
