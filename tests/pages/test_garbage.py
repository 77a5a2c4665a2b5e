"""Garbage is collected now and then, not after every run of a script."""

import gc
import tomllib

import pytest

from pages.ui.shared import garbage
from svp_core.workspace.paths import repo_root


@pytest.fixture
def collections():
    """Generations of the collections that were asked for, newest last."""
    seen = []

    def note(phase, info):
        if phase == "start" and info["generation"] == 2:
            seen.append(phase)

    gc.callbacks.append(note)
    yield seen
    gc.callbacks.remove(note)


def test_collected_at_most_every_half_minute(collections, monkeypatch):
    clock = 1000.0
    monkeypatch.setattr(garbage.time, "monotonic", lambda: clock)
    monkeypatch.setattr(garbage, "_last", 0.0)
    gc.disable()
    try:
        garbage.collect_now_and_then()
        garbage.collect_now_and_then()
        assert len(collections) == 1
        clock += garbage.EVERY_S
        garbage.collect_now_and_then()
        assert len(collections) == 2
    finally:
        gc.enable()


def test_streamlit_does_not_collect_after_every_run():
    settings = tomllib.loads((repo_root() / ".streamlit" / "config.toml").read_text("utf-8"))
    assert settings["runner"]["postScriptGC"] is False
