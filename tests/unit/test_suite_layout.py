"""The test suite itself: what its order names exists, and no test module imports another one."""

import re
from itertools import chain

import pytest

from svp_core.workspace.paths import repo_root
from tests.helpers import scheduling

TESTS = repo_root() / "tests"


@pytest.mark.parametrize("path", [scheduling.BROWSER, *scheduling.STARTS_PROCESSES, *scheduling.LONGEST])
def test_scheduled_files_and_folders_exist(path):
    assert (repo_root() / path).exists()


def test_tests_share_code_by_helpers_and_fixtures_only():
    modules = chain(TESTS.rglob("test_*.py"), TESTS.rglob("conftest.py"), TESTS.glob("helpers/*.py"))
    importing = [
        path.name
        for path in modules
        if re.search(r"^\s*(from|import) tests\.(?!helpers)", path.read_text("utf-8"), re.MULTILINE)
    ]
    assert importing == []


def test_a_scope_is_the_browser_the_processes_or_a_file():
    assert scheduling.scope_of("tests/browser/test_flows.py::test_x") == scheduling.BROWSER
    scopes = {scheduling.scope_of(f"{path}::test_x") for path in scheduling.STARTS_PROCESSES}
    assert scopes == {scheduling.PROCESSES}
    assert scheduling.scope_of("tests/unit/test_images.py::test_x[a::b]") == "tests/unit/test_images.py"
