"""The app's frame: page settings, the menu, running jobs in the sidebar. No science, no state that a page needs.

`streamlit run` imports this file once as the server's App, which says what happens on an unexpected error, and then
executes it as the script of every visit.
"""

from pathlib import Path

import streamlit as st
from streamlit import runtime

from pages.ui.shared.error_report import report_error
from pages.ui.shared.favicon import draw_icon
from pages.ui.shared.job_status import show_running

BUTTON_STYLE = Path(__file__).parent / "pages" / "ui" / "shared" / "primary_buttons.css"


def main():
    """Draw the frame and the requested page."""
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
            st.Page("pages/help.py", title="Help", icon=":material/help:"),
        ]
    )
    st.set_page_config(page_title=f"{page.title.lstrip('0123456789 ')} · SvP Lab")
    st.session_state["_app_ran"] = True
    if wanted := st.session_state.pop("_wanted", None):
        st.switch_page(wanted[0], query_params=wanted[1])
    st.html(BUTTON_STYLE)
    with st.sidebar:
        show_running()
    page.run()


if runtime.exists():
    main()
else:
    app = st.App(__file__, on_script_error=report_error)
