"""What a shipped model is and what it was trained on, as its card says."""

import streamlit as st

from svp_core.runs import read_run
from svp_core.workspace.models import find_model


def show_model(name, in_short):
    """One line, and the card on demand. Raises LabError when the model is missing."""
    run = read_run(find_model(name))
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        st.caption(in_short)
        with st.popover("Model card", type="tertiary"):
            st.markdown(run.card or "This model has no card.")
