"""Sample, lot and operator: entered with the source or in the results, stored with the job."""

import streamlit as st

from pages.ui.classify.job_state import JobState
from svp_core.classification.results import ClassificationResults
from svp_core.classification.settings import MAX_LENGTHS, SAMPLE_FIELDS
from svp_core.tasks.stored_classifications import save_sample_details

FIELD_PX = 220
NEW_KEY = "new_{}"  # of the fields that come with a source


def enter_sample_details() -> dict[str, str | None]:
    """Draw the fields for a source that is not classified yet; empty ones are None."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        texts = {
            name: st.text_input(
                label,
                key=NEW_KEY.format(name),
                max_chars=MAX_LENGTHS[name],
                placeholder="optional",
                width=FIELD_PX,
                persist_state="session" if name == "operator" else None,
            )
            for name, label in SAMPLE_FIELDS.items()
        }
    return {name: text.strip() or None for name, text in texts.items()}


def edit_sample_details(results: ClassificationResults) -> dict[str, str]:
    """Draw the fields of a classification; a change is stored with the job at once."""
    state = JobState(results.job_id)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        return {
            name: st.text_input(
                label,
                str(results.summary.get(name) or ""),
                key=state.key(name),
                max_chars=MAX_LENGTHS[name],
                on_change=_save,
                args=(results.job_id, name),
                width=FIELD_PX,
            )
            for name, label in SAMPLE_FIELDS.items()
        }


def describe_sample(summary: dict) -> str:
    """Sample, lot and operator of a summary.json in one line; "" where none was entered."""
    return " · ".join(f"{label} {summary[name]}" for name, label in SAMPLE_FIELDS.items() if summary.get(name))


def _save(job_id, name):
    save_sample_details(job_id, {name: getattr(JobState(job_id), name) or ""})
