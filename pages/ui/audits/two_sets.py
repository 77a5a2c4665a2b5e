"""Two sets compared on the page: which data sets, job, verdict, answers, every metric with its intervals."""

import json

import pandas as pd
import streamlit as st

from pages.ui.shared.job_status import show_progress, show_recent
from pages.ui.shared.text import job_title
from pages.ui.shared.url_state import close, opened_job, start_job
from svp_core.display import class_name, escape_markdown, truncate
from svp_core.report.set_comparison import ANSWER_COLUMNS, METRIC_COLUMNS, answer_rows, metric_rows
from svp_core.tasks.quality import QualityRequest
from svp_core.workspace import datasets, jobs
from svp_core.workspace.jobs import Job

TRAINED_ON = "Images that the generator of the second set was trained on, to search the set for copies of them."


def show() -> None:
    """The open comparison, or the form and previous comparisons."""
    if job := opened_job("quality", "a comparison of two sets; start one here"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.subheader(escape_markdown(job_title(job)))
            st.button("Compare other sets", key="sets_another", on_click=close, args=("audits", "sets"))
        show_progress(job)
        if job.state == "done":
            _show_result(job)
        return
    _show_form()
    show_recent("Previous comparisons", kinds=("quality",))


def _show_form() -> None:
    st.markdown(
        "Do two sets of images differ more than two sets of the first one do? Real and generated, one lab and another, "
        "before and after."
    )
    titles = {
        meta["id"]: f"{truncate(meta['name'])} ({meta['count']:,})"
        for meta in datasets.list_datasets()
        if meta["classes"]
    }
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        chosen = [
            st.selectbox(
                label, list(titles), index=None, format_func=titles.__getitem__, key=key, help=explained, width=228
            )
            for label, key, explained in (
                ("First set", "sets_first", None),
                ("Second set", "sets_second", None),
                ("Trained on (optional)", "sets_training", TRAINED_ON),
            )
        ]
        first, second, training = chosen
        pressed = st.button("Compare", type="primary", key="sets_go", disabled=first is None or second is None)
    st.caption("At least 50 images of a class in both; with 500 or more the intervals are narrow.")
    if pressed and first is not None and second is not None:
        start_job(QualityRequest(first, second, training))


def _show_result(job: Job) -> None:
    folder = jobs.job_folder(job.id)
    report = json.loads((folder / "report.json").read_text("utf-8"))
    for sentence in report["verdict"]:
        st.info(f"**{escape_markdown(sentence)}**")
    for warning in report["warnings"]:
        st.caption(escape_markdown(warning))
    data = (folder / "report.html").read_bytes()
    st.download_button("Report", data, f"{job_title(job)}.html", "text/html", key="sets_report")
    for key, section in report["classes"].items():
        st.markdown(f"**{class_name(key)}**")
        answers = pd.DataFrame(answer_rows(section), columns=list(ANSWER_COLUMNS))
        st.dataframe(answers, hide_index=True, key=f"sets_answers_{key}")
        metrics = pd.DataFrame(metric_rows(section), columns=list(METRIC_COLUMNS))
        st.dataframe(metrics, hide_index=True, key=f"sets_metrics_{key}")
