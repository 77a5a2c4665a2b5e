"""Entries of the audit trail: check, filter, table, exports."""

from datetime import UTC, date, datetime, timedelta
from functools import partial

import pandas as pd
import streamlit as st

from pages.ui.shared.error_report import logged
from pages.ui.shared.text import escape_markdown
from svp_core.display import format_utc
from svp_core.workspace.changes import KINDS, list_entries, verify_trail
from svp_core.workspace.trail_export import entries_as_csv, entries_as_jsonl

MAX_SHOWN = 1_000  # newest entries in the table; the exports have all
NOT_SIGNED_IN = (
    "Sign-in is off: the person is the account of this computer. With sign-in, each change has a checked name; see "
    "Help, Serving a lab."
)


def show_entries() -> None:
    """Draw the check, the filter, the table and the exports."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if st.button(
            "Verify", key="trail_verify", type="primary", help="Check every entry against the key of the trail"
        ):
            st.session_state["trail_check"] = verify_trail()
        if check := st.session_state.get("trail_check"):
            if check.sound:
                st.success(f"Intact: {check.count:,} entries.")
            else:
                st.error(escape_markdown(f"{check.problem} Intact before: {check.count:,}."))
    conditions = _choose_filter()
    found = list_entries(**conditions, limit=MAX_SHOWN + 1)
    if not found:
        st.caption("No entry fits.")
        return
    table = pd.DataFrame(
        {
            "No.": [entry.number for entry in found],
            "Time (UTC)": [format_utc(entry.time) for entry in found],
            "Person": [entry.name for entry in found],
            "Known by": [entry.via for entry in found],
            "Action": [entry.action for entry in found],
            "Of": [entry.kind for entry in found],
            "Name": [entry.title or entry.subject for entry in found],
            "Reason": [entry.why for entry in found],
            "Details": [entry.details if entry.details != "{}" else "" for entry in found],
        }
    )
    st.dataframe(table.head(MAX_SHOWN), hide_index=True, key="trail_table", height=460)
    if len(found) > MAX_SHOWN:
        st.caption(f"The newest {MAX_SHOWN:,} are shown; the files hold all that fit.")
    with st.container(horizontal=True, gap="small"):
        for label, name, mime, make in (
            ("CSV", "audit_trail.csv", "text/csv", entries_as_csv),
            ("JSON lines", "audit_trail.jsonl", "application/x-ndjson", entries_as_jsonl),
        ):
            st.download_button(
                label, logged(partial(make, conditions)), name, mime, key=f"trail_{name}", on_click="ignore"
            )
    if all(entry.via == "computer account" for entry in found):
        st.caption(NOT_SIGNED_IN)


def _choose_filter() -> dict:
    """Draw the filter; conditions of list_entries."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        kinds = st.multiselect("Of", KINDS, key="trail_kinds", placeholder="everything", width=300)
        login = st.text_input("Login", key="trail_login", width=200)
        subject = st.text_input("Id", key="trail_subject", width=200, help="Of a data set, job, review or instrument")
        days = st.date_input("Days", [], key="trail_days", width=230, max_value=date.today() + timedelta(days=1))
    first, last = (days[0], days[-1]) if isinstance(days, tuple) and days else (None, None)
    return {
        "kinds": tuple(kinds),
        "login": login.strip().casefold() if "@" in login else login.strip(),
        "subject": subject.strip(),
        "since": _midnight(first) if first else None,
        "until": _midnight(last + timedelta(days=1)) if last else None,
    }


def _midnight(day: date) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
