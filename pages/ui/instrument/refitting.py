"""Refitting a classifier with the lab's own labels: before and after, and the model only where it gains."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from pages.ui.shared.job_status import show_progress
from pages.ui.shared.text import escape_markdown
from pages.ui.shared.url_state import start_job
from svp_core.display import class_name
from svp_core.errors import LabError
from svp_core.profiles.profile import InstrumentProfile
from svp_core.tasks.job_kinds import request_of
from svp_core.tasks.refit import adopt_refit, refit_request, refit_result
from svp_core.validation.wording import percent, points
from svp_core.workspace import jobs

MAX_JOBS = 200  # latest jobs, among which refits are searched
SIMULATED_HELP = (
    "The layer is fitted on simulated particles first, shown with this instrument's background, gradient and noise. A "
    "risk: on particles that our simulator did not make, such layers were right less often, by 3 to 12 points. Your "
    "labels decide: the gain over the present classifier is measured on them."
)
ERROR, ADDED = "refit_error", "refit_added"


def show_refit(profile: InstrumentProfile) -> None:
    """Refit each validated classifier; the result of the last one."""
    st.markdown(
        "Moves the last layer of a classifier towards the labels of its validation, as little as they demand. The gain "
        "is measured on labels that were left out; a refitted classifier is offered only where its interval lies above "
        "zero. It is meant for this instrument."
    )
    if error := st.session_state.pop(ERROR, None):
        st.error(escape_markdown(error))
    if added := st.session_state.pop(ADDED, None):
        st.success(escape_markdown(f"{added} is among the models; choose it under Classify."))
    records = {
        sha256: record for sha256, record in (profile.validation or {}).items() if not record.get("refitted_from")
    }
    if not records:
        st.info("Validate a classifier first: its labels are what a refit needs.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        chosen = st.selectbox(
            "Classifier", list(records), format_func=lambda key: _label(records[key]), key="refit_weights", width=360
        )
        go = st.button("Refit", type="primary", key="refit_go")
    simulated = st.checkbox(
        "Start from simulated instruments like this one", key="refit_simulated", help=SIMULATED_HELP
    )
    if go:
        start_job(refit_request(profile.id, chosen, simulated=simulated))
    if job := _latest(profile.id, chosen):
        if job.state != "done":
            show_progress(job)
        else:
            _show_result(job)


def _label(record: Mapping[str, Any]) -> str:
    return f"{record['weights']}, {record['figures']['n']:,} labels"


def _latest(profile_id: str, weights_sha256: str) -> jobs.Job | None:
    """The latest refit of this classifier on this instrument."""
    config = {"profile": profile_id, "weights_sha256": weights_sha256}
    refits = [job for job in jobs.recent(MAX_JOBS, kinds=("refit",)) if config.items() <= job.config.items()]
    return refits[0] if refits else None


def _show_result(job: jobs.Job) -> None:
    folder = jobs.job_folder(job.id)
    result = refit_result(folder)
    st.subheader("Before and after")
    st.markdown(
        escape_markdown(
            f"On {result['n']:,} labels that were left out: {percent(result['before'])} right before, "
            f"{percent(result['after'])} after. Gain: {points(result['difference'])} percentage points."
        )
    )
    rows = [
        {
            "Class": class_name(row["class"]),
            "Labels": row["n"],
            "Right before": row["before"],
            "Right after": row["after"],
        }
        for row in result["by_class"]
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, key="refit_classes", height="content", width=520)
    if not result["is_offered"]:
        st.markdown("The interval of the gain does not lie above zero, so the refitted classifier is not offered.")
    elif not (folder / "run").is_dir():
        st.caption("This refitted classifier is among the models.")
        st.page_link("pages/classify.py", label="Classify with it")
    else:
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            name = f"{result['weights']} refitted"
            st.text_input("Name of the model", name, key="refit_name", max_chars=60, width=340)
            st.button("Add to the models", type="primary", key="refit_add", on_click=_add, args=(job,))


def _add(job: jobs.Job) -> None:
    try:
        name = st.session_state["refit_name"]
        st.session_state[ADDED] = adopt_refit(request_of(job), jobs.job_folder(job.id), name)
    except LabError as error:
        st.session_state[ERROR] = str(error)
