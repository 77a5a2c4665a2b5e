"""Unexpected errors: the page shows one sentence and the traceback is in app.log, wherever the error was raised."""

import pytest
from streamlit.runtime.scriptrunner import ScriptRunner
from streamlit.testing.v1 import AppTest

from pages.ui.shared import error_report
from svp_core.errors import LabError


@pytest.fixture(autouse=True)
def workspace(tmp_path, monkeypatch):
    """A fresh workspace, and a script runner that reports errors as the server of app.py does."""
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "work"))
    start = ScriptRunner.__init__

    def start_with_handler(self, *args, **options):
        start(self, *args, **options, on_script_error=error_report.report_error)

    monkeypatch.setattr(ScriptRunner, "__init__", start_with_handler)
    return tmp_path / "work"


def failing_page():
    """A page on which the body, a fragment and a callback can each be made to fail."""
    import streamlit as st

    from svp_core.errors import LabError

    def fail():
        raise ZeroDivisionError("a defect")

    def refuse():
        raise LabError("The *number* is too large; give one below 5.")

    @st.fragment
    def fragment():
        if st.button("Fragment", key="fragment"):
            fail()

    st.button("Callback", key="callback", on_click=fail)
    st.button("Refuse", key="refuse", on_click=refuse)
    fragment()
    if st.button("Body", key="body"):
        fail()


@pytest.mark.parametrize("where", ["body", "fragment", "callback"])
def test_defect_is_one_sentence_and_its_traceback_is_logged(workspace, where):
    app = AppTest.from_function(failing_page).run()
    app.button(key=where).click().run()
    assert not app.exception
    (message,) = [error.value for error in app.error]
    assert "app.log" in message
    assert "ZeroDivisionError" not in message
    assert str(workspace) not in message
    log = (workspace / "app.log").read_text("utf-8")
    assert "Traceback" in log
    assert log.rstrip().endswith("ZeroDivisionError: a defect")
    next(button for button in app.button if button.key.startswith("page_again")).click().run()
    assert not app.error
    assert app.button(key="body")


def test_lab_error_is_its_own_sentence_and_not_logged(workspace):
    app = AppTest.from_function(failing_page).run()
    app.button(key="refuse").click().run()
    assert "is too large" in app.error[0].value
    assert "\\*number\\*" in app.error[0].value
    assert not (workspace / "app.log").exists()


def test_log_does_not_grow_without_bound(workspace, monkeypatch):
    monkeypatch.setattr(error_report, "MAX_LOG_BYTES", 100)
    workspace.mkdir()
    (workspace / "app.log").write_text("x" * 101)
    app = AppTest.from_function(failing_page).run()
    app.button(key="body").click().run()
    assert "ZeroDivisionError" in (workspace / "app.log").read_text("utf-8")
    assert (workspace / "app.log.1").read_text("utf-8") == "x" * 101


def test_defect_is_shown_where_the_log_cannot_be_written(workspace, monkeypatch):
    def refuse():
        raise LabError("no workspace")

    monkeypatch.setattr(error_report, "workspace_root", refuse)
    app = AppTest.from_function(failing_page).run()
    app.button(key="body").click().run()
    assert not app.exception
    assert "terminal" in app.error[0].value
