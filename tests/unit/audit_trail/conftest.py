"""A workspace on each database for the tests of the audit trail."""

import pytest

from tests.helpers.review_fixture import databases


@pytest.fixture(params=["sqlite", "postgresql"])
def lab(tmp_path, monkeypatch, request):
    return databases(tmp_path, monkeypatch, request.param)
