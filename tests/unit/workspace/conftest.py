"""A workspace whose jobs are trials."""

import pytest

from tests.helpers.trial_jobs import trial_lab


@pytest.fixture
def lab(tmp_path, monkeypatch):
    yield from trial_lab(tmp_path, monkeypatch)
