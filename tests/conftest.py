"""Fixtures and safeguards of every test."""

import os
import sys
from pathlib import Path

import pytest

from svp_core.workspace.paths import repo_root

REAL_DATA = "SVP_REAL_DATA"  # environment variable: folder of the instruments' real files, which are not shipped


@pytest.fixture(autouse=True)
def main_module_stays(monkeypatch):
    """A page that is opened in a test takes the place of __main__; processes started later would run it again."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture(scope="session")
def real_data():
    """Folder of real instrument files: SVP_REAL_DATA, or shared/real beside the checkout; skips where it is absent."""
    folder = Path(os.environ.get(REAL_DATA) or repo_root().parent / "shared" / "real")
    if not folder.is_dir():
        pytest.skip(f"needs real data: {REAL_DATA} names no folder, and ../shared/real does not exist")
    return folder


@pytest.fixture(scope="session")
def reference_vectors(real_data):
    """Folder of the published network's test vectors, `official` beside the real data; skips where it is absent."""
    folder = real_data.parent / "official"
    if not folder.is_dir():
        pytest.skip(f"needs the published network's test vectors in {folder.name} beside the real data")
    return folder
