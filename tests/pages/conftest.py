"""Every page test has a fresh workspace of its own."""

import pytest

from svp_core.workspace import jobs


@pytest.fixture(autouse=True)
def lab(tmp_path, monkeypatch, no_job_processes):
    """A fresh workspace; jobs are only written down, a test does their work itself where it needs it."""
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "work"))
    monkeypatch.delenv("SVP_DATABASE_URL", raising=False)
    monkeypatch.setattr(jobs, "STALE_S", 3600)  # nothing beats for a job here
