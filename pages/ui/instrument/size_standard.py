"""Size standard of an instrument: a classified run of beads, its certificate, and what they say of the sizes."""

import pandas as pd
import streamlit as st

from pages.ui.shared.text import escape_markdown, truncate
from pages.ui.shared.times import format_timestamp
from svp_core.errors import LabError
from svp_core.profiles.profile import InstrumentProfile
from svp_core.size_standard.standard import SizeStandard, from_dict
from svp_core.size_standard.wording import SIZE_HEADINGS, size_row, standard_sentences
from svp_core.tasks.instrument_runs import classifications_of
from svp_core.tasks.size_standard import evaluate_size_standard, keep_size_standard
from svp_core.workspace.jobs import job_folder

ERROR = "size_standard_error"


def show_size_standard(profile: InstrumentProfile) -> None:
    """The latest size-standard run, and the choice of a new one."""
    if standard := from_dict(profile.size_standard):
        show_standard(standard)
    else:
        st.caption("Not checked yet: classify a run of polystyrene beads on this instrument, then choose it here.")
    runs = {job.id: _title(job.created, summary) for job, summary in classifications_of(profile.id)}
    if not runs:
        st.page_link("pages/classify.py", label="Classify a run of beads")
        return
    st.subheader("New size-standard run" if standard else "Size-standard run")
    with st.form("size_standard", border=False):
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            job_id = st.selectbox(
                "Run of beads", list(runs), format_func=runs.__getitem__, key="standard_run", width=360
            )
            certified = st.number_input(
                "Certified diameter (µm)", 0.0, 1000.0, None, format="%.4g", key="standard_um", width=190
            )
            uncertainty = st.number_input(
                "Uncertainty (µm, k = 2)",
                *(0.0, 100.0, 0.0),
                format="%.3g",
                key="standard_uncertainty",
                width=190,
                help="As the certificate states it; 0 where it is not known.",
            )
        sent = st.form_submit_button("Evaluate", type="primary", key="standard_go")
    if sent:
        _evaluate(profile, job_id, certified, uncertainty)
    if error := st.session_state.pop(ERROR, None):
        st.error(escape_markdown(error))


def show_standard(standard: SizeStandard) -> None:
    """Draw a stored result."""
    for sentence in standard_sentences(standard):
        st.markdown(escape_markdown(sentence))
    rows = [size_row(size) for size in standard.sizes]
    st.dataframe(pd.DataFrame(rows, columns=SIZE_HEADINGS), hide_index=True, key="standard_sizes", height="content")
    st.caption("Bias: mean less certified diameter; its 95 % interval includes certificate and correction.")


def _evaluate(profile: InstrumentProfile, job_id: str, certified: float | None, uncertainty: float) -> None:
    try:
        if certified is None:
            raise LabError("Enter the certified diameter of the beads.")
        with st.spinner("Measuring the beads"):
            keep_size_standard(profile.id, evaluate_size_standard(job_folder(job_id), certified, uncertainty))
    except LabError as error:
        st.session_state[ERROR] = str(error)
    else:
        st.rerun()


def _title(created: float, summary: dict[str, object]) -> str:
    return f"{truncate(str(summary.get('title') or 'Classification'))}, {format_timestamp(created)}"
