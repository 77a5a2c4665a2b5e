"""What every test is protected from."""

import sys

import pytest


@pytest.fixture(autouse=True)
def main_module_stays(monkeypatch):
    """A page that is opened in a test takes the place of __main__; processes started later would run it again."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
