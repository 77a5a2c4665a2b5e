"""Where the particles go next: to Classify, as they were found or, after corrections, cropped again."""

from pathlib import Path

import streamlit as st

from pages.ui.shared.job_status import show_progress
from svp_core.tasks.crop_corrected import CropRequest
from svp_core.tasks.job_kinds import start
from svp_core.tasks.locate import FOUND
from svp_core.tasks.located import LocatedFrames, change_count
from svp_core.workspace import jobs

MAX_JOBS = 200  # latest jobs, among which those of these frames are searched


def offer_corrected(located: LocatedFrames) -> None:
    """The button that leads to Classify; where boxes were changed since, the one that crops the particles first."""
    changes = change_count(located)
    crops = [job for job in jobs.recent(MAX_JOBS, kinds=("crop",)) if job.config["job"] == located.record]
    crop = next((job for job in crops if job.config["changes"] == changes), None)
    if not changes:
        _classify(located.folder / FOUND, "Classify these particles", primary=True)
    elif crop and crop.state == "done":
        _classify(jobs.job_folder(crop.id) / FOUND, "Classify the corrected particles", primary=True)
    elif crop and crop.state != "cancelled":
        show_progress(crop)
    elif st.button(
        "Crop the corrected particles", type="primary", key="frames_crop", help="Then they can be classified."
    ):
        start(CropRequest(located.record, changes, str(located.facts["title"])))
        st.rerun()


def _classify(folder: Path, label: str, *, primary: bool) -> None:
    if st.button(label, type="primary" if primary else "secondary", key="frames_classify"):
        st.session_state["classify_path"] = folder
        st.switch_page("pages/classify.py")
