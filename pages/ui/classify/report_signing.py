"""Signing the report of a classification, and its signed copies."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from pages.ui.shared.signature_form import ask_signature, signature_text
from pages.ui.shared.text import escape_markdown
from svp_core.report.signed_report import SignedReport, sign_report, signed_reports

NEW = ""


def show_signing(job_id: str, settings: Mapping[str, Any]) -> None:
    """Draw the signed reports and, on demand, the form that signs the report as it is shown below."""
    signed = signed_reports(job_id)
    with st.expander(f"Signatures ({len(signed):,})" if signed else "Sign", key="report_signatures"):
        for report in signed:
            _show_signed(report)
        intact = {report.signature.id: report for report in signed if not report.problem}
        under = NEW
        if intact:
            under = st.selectbox(
                "Sign",
                [NEW, *intact],
                format_func=lambda key: "the report as shown below" if key == NEW else f"under {_name(intact[key])}",
                key=f"sign_under_{job_id}",
                width=420,
            )
        ask_signature(
            f"sign_report_{job_id}",
            "Sign report",
            lambda name, meaning: sign_report(job_id, settings, name, meaning, under=under),
        )


def _show_signed(report: SignedReport) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        st.markdown(signature_text(report.signature), width="stretch")
        if report.problem:
            st.error(escape_markdown(report.problem))
        else:
            st.download_button(
                "Signed report",
                report.path.read_bytes,
                f"report signed {report.signature.id}.html",
                "text/html",
                key=f"signed_{report.signature.id}",
                on_click="ignore",
            )


def _name(report: SignedReport) -> str:
    return f"{report.signature.name}, {report.signature.meaning.lower()}"
