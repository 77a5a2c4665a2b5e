"""Audit trail: who changed what, when and why; verified, filtered and exported; who may sign in."""

import streamlit as st

from pages.ui.audit_trail.entries_view import show_entries
from pages.ui.audit_trail.people_view import show_people
from pages.ui.shared.text import escape_markdown
from svp_core.access.person import KEEPER, current_person, require
from svp_core.errors import LabError

st.title("Audit trail")
st.markdown("Every change to data, models, instruments, reviews and reports. Entries are only ever added.")
try:
    require(KEEPER, "read the audit trail")
    if current_person().is_signed_in:
        for tab, draw in zip(
            st.tabs(["Entries", "People"], key="trail_part", on_change="rerun", bind="query-params"),
            (show_entries, show_people),
            strict=True,
        ):
            if tab.open:
                with tab:
                    draw()
    else:
        show_entries()
except LabError as error:
    st.error(escape_markdown(error))
