"""The app's frame: page settings, the menu, running jobs in the sidebar. No science, no state that a page needs.

`streamlit run` imports this file once as the server's App, which says what happens on an unexpected error, and then
executes it as the script of every visit.
"""

import os
import sys
from pathlib import Path

import streamlit as st
from streamlit import runtime
from streamlit.config import set_option
from streamlit.runtime.pages_manager import PagesManager

from pages.ui.shared.error_report import report_error
from pages.ui.shared.favicon import draw_icon
from pages.ui.shared.garbage import collect_now_and_then
from pages.ui.shared.job_status import show_running
from pages.ui.shared.reconnection import rerun_after_reconnecting
from pages.ui.shared.sign_in import identify, may_enter, require_sign_in, show_person
from svp_core.access.person import identify_by
from svp_core.access.serving import check_serving
from svp_core.access.sign_in import read_sign_in
from svp_core.errors import LabError
from svp_core.execution.garbage_collection import collect_seldom
from svp_core.workspace.paths import workspace_root

BUTTON_STYLE = Path(__file__).parent / "pages" / "ui" / "shared" / "primary_buttons.css"


LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")


def main():
    """Draw the frame and the requested page, for a visitor who may be here."""
    identify_by(identify)
    # An icon drawn here, and before the menu: one by name would be fetched from the internet.
    st.set_page_config(page_title="SvP Lab", page_icon=draw_icon(), layout="wide")
    page = st.navigation(
        [
            st.Page("pages/home.py", title="Home", icon=":material/home:", default=True),
            st.Page("pages/synthesize.py", title="1 Synthesize", icon=":material/blur_on:"),
            st.Page("pages/denoising.py", title="2 Denoising", icon=":material/animation:"),
            st.Page("pages/classify.py", title="3 Classify", icon=":material/category:"),
            st.Page("pages/train.py", title="4 Train", icon=":material/model_training:"),
            st.Page("pages/review.py", title="5 Review", icon=":material/fact_check:"),
            st.Page("pages/instrument.py", title="6 Instrument", icon=":material/biotech:"),
            st.Page("pages/experiment.py", title="7 Experiment", icon=":material/science:"),
            st.Page("pages/audits.py", title="8 Audits", icon=":material/policy:"),
            st.Page("pages/novelty.py", title="9 Novelty", icon=":material/radar:"),
            st.Page("pages/frames.py", title="10 Frames", icon=":material/crop_free:"),
            st.Page("pages/audit_trail.py", title="Audit trail", icon=":material/history:"),
            st.Page("pages/help.py", title="Help", icon=":material/help:"),
        ],
        position="sidebar" if may_enter() else "hidden",
        expanded=True,  # all pages: by default the last ones are hidden behind "View more"
    )
    st.set_page_config(page_title=f"{page.title.lstrip('0123456789 ')} · SvP Lab")
    require_sign_in()
    st.html(BUTTON_STYLE)
    with st.sidebar:
        show_person()
        show_running()
    rerun_after_reconnecting()
    collect_now_and_then()
    page.run()


def prepare_server():
    """Let nobody in who must not be, and give Streamlit the settings of sign-in; ends the process with a sentence."""
    collect_seldom()
    try:
        check_serving(st.get_option("server.address"), workspace_root())
        if sign_in := read_sign_in():
            set_option("secrets.files", [str(sign_in.file)])
            set_option("server.allowedHosts", [*LOCAL_HOSTS, *sign_in.hosts])
    except LabError as error:
        print(error, file=sys.stderr, flush=True)
        os._exit(2)  # Streamlit would print a traceback for any exception
    # Else the first visit of a server runs a page's file alone, then this file, and what is on the screen after a
    # restart would be taken off and built again.
    PagesManager.uses_pages_directory = False
    identify_by(identify)


if runtime.exists():
    main()
else:
    prepare_server()
    app = st.App(__file__, on_script_error=report_error)
