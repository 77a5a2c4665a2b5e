"""After a gap in the connection the page runs again, whole: the server may have forgotten this visit meanwhile.

A forgotten visit is a new one for the server (after server.disconnectedSessionTTL, or a restart). It knows none of the
fragments on the screen, and Streamlit drops what they send without a word: the buttons and keys in them would be dead.
"""

import streamlit as st

RERUN_S = 3600  # far longer than any gap: the interval itself is of no use here


def rerun_after_reconnecting() -> None:
    """Let the browser ask for the whole page when its connection is back; draws nothing.

    Streamlit's browser side does so on every page that has a fragment with an interval.
    """
    st.fragment(_draw_nothing, run_every=RERUN_S)()


def _draw_nothing() -> None:
    pass
