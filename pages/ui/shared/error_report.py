"""Unexpected errors: one sentence on the page, the traceback in app.log in the workspace.

Streamlit calls report_error with whatever a page, a fragment or a callback raises: see st.App in app.py.
"""

import sys
import traceback
from collections.abc import Callable
from datetime import datetime
from uuid import uuid4

import streamlit as st

from pages.ui.shared.text import escape_markdown
from svp_core.errors import LabError
from svp_core.workspace.paths import storage_problem, workspace_root

LOG_NAME = "app.log"
MAX_LOG_BYTES = 5_000_000  # then it becomes app.log.1, and the one before is dropped
MESSAGE = "Unexpected error at {time}. Saved work is not affected; the details are in app.log in the workspace folder."
NOT_LOGGED = "Unexpected error at {time}. The details could not be saved; they are in the terminal of the server."


def report_error(error: Exception) -> bool:
    """Show what happened; True tells Streamlit to show nothing else.

    A LabError is shown as its own sentence. Anything else is a defect: a fixed sentence, the traceback in app.log.
    """
    if isinstance(error, LabError):
        st.error(escape_markdown(error))
        return True
    if isinstance(error, OSError) and (problem := storage_problem(error)):
        st.error(escape_markdown(problem))
        return True
    now = datetime.now()
    message = MESSAGE if _log(error, now) else NOT_LOGGED
    with st.container(key="unexpected_error"):
        st.error(message.format(time=f"{now:%H:%M:%S}"))
        # After an error in a callback nothing else is on the page; a click on any button draws it again.
        st.button("Show this page again", key=f"page_again_{uuid4().hex}")
    return True


def _log(error, now):
    """Append the traceback to app.log; whether that could be done."""
    try:
        path = workspace_root() / LOG_NAME
        if path.is_file() and path.stat().st_size > MAX_LOG_BYTES:
            path.replace(path.with_name(f"{LOG_NAME}.1"))
        with path.open("a", encoding="utf-8") as log:
            log.write(f"{now:%Y-%m-%d %H:%M:%S} {''.join(traceback.format_exception(error))}\n")
    except (OSError, LabError) as reason:
        print(f"{LOG_NAME} cannot be written: {reason}", file=sys.stderr)
        return False
    return True


def logged(make: Callable[[], bytes]) -> Callable[[], bytes]:
    """make(), which gives the content of a download; its errors, which Streamlit shows in its own words, are logged."""

    def make_and_log():
        try:
            return make()
        except Exception as error:
            _log(error, datetime.now())
            raise

    return make_and_log
