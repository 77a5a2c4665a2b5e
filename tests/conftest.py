"""Fixtures and safeguards of every test."""

import ctypes
import os
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:  # one thread per process of the tests; read when numpy and torch are loaded
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from svp_core.access import person
from svp_core.execution.garbage_collection import collect_seldom
from svp_core.workspace.paths import repo_root
from tests.helpers import scheduling

REAL_DATA = "SVP_REAL_DATA"  # environment variable: folder of the instruments' real files, which are not shipped


def keep_freed_memory():
    """Have glibc keep the memory of freed arrays: to give it back and take it anew costs a third of a network's time.

    In this process alone: those that are started, whose memory is measured, are as they are for everyone.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", lambda *_: None)  # other C libraries have none
        for setting in (-1, -3):  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD
            mallopt(setting, 1_000_000_000)


@pytest.fixture(autouse=True)
def main_module_stays(monkeypatch):
    """A page that is opened in a test takes the place of __main__; processes started later would run it again."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture(autouse=True)
def account_acts(monkeypatch):
    """The app, opened in a test, says who is acting; later tests of the same process have no visitor to ask."""
    monkeypatch.setattr(person, "_identify", person.account)


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


@pytest.fixture(scope="session")
def shared_cases(real_data):
    """Folder of small inputs that went wrong in labs, `cases` beside the real data; skips where it is absent."""
    folder = real_data.parent / "cases"
    if not folder.is_dir():
        pytest.skip(f"needs the small inputs of labs in {folder.name} beside the real data")
    return folder


@pytest.fixture
def short_two_sample_test(monkeypatch):
    """The network that tells two sets apart hardly learns: for tests that are about other metrics."""
    from svp_core.audit import two_sample

    monkeypatch.setattr(two_sample, "MIN_STEPS", 3)
    monkeypatch.setattr(two_sample, "PASSES", 0)


@pytest.fixture
def no_job_processes(monkeypatch):
    """Jobs are written down and no process does them: a test does their work itself where it needs it."""
    from svp_core.workspace import jobs

    monkeypatch.setattr(jobs, "executor", Mock())


def pytest_configure():
    collect_seldom()
    keep_freed_memory()


def pytest_collection_modifyitems(items):
    scheduling.longest_first(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return scheduling.scheduler(config, log)
