"""What leaves the lab: the report, and results as files."""

from datetime import date
from pathlib import Path

import numpy as np
import streamlit as st

from pages.ui.classify.counts_view import choose_counting, choose_volume
from pages.ui.shared.text import count_noun, escape_markdown
from svp_core import exports
from svp_core.errors import LabError
from svp_core.exports.table import export_results_csv
from svp_core.report import write_report
from svp_core.report.decisions import count_reviewer_decisions

PREVIEW_PX = 900
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def show_report_and_exports(found, labels, shown, chosen, thresholds):
    """The report with what is to stand in it, then the files. labels: str (N,). shown: bool (N,)."""
    settings = _ask_settings(found, thresholds)
    name = _file_name(found)
    page = _report(found.job_id, found.changed, count_reviewer_decisions(found.folder), str(found.folder), settings)
    st.download_button(
        "Download report",
        page,
        f"{name}_report.html",
        "text/html",
        key="report_html",
        on_click="ignore",
        type="primary",
    )
    _offer_files(found, labels, shown, chosen, settings, name)
    st.markdown("**The report**")
    st.iframe(page.decode(), height=PREVIEW_PX, alt="The report")


def _ask_settings(found, thresholds):
    job = found.job_id
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        title = st.text_input(
            "Title", found.summary["title"], key=f"{job}_title", persist_state="session", max_chars=200, width=360
        )
        author = st.text_input("Author", key="report_author", persist_state="session", max_chars=100, width=200)
        day = st.date_input("Date", date.today(), key=f"{job}_date", persist_state="session", width=150)
    remarks = st.text_area(
        "Remarks",
        key=f"{job}_remarks",
        persist_state="session",
        height=80,
        max_chars=4000,
        placeholder="Sample, preparation, what a reader should know",
    )
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        size, bins, _ = choose_counting(found, bands=False)
        volume = choose_volume(found)
    st.caption("The report is of the whole classification, whatever the filter shows.")
    settings = {
        "thresholds": dict(thresholds),
        "unsure_below": st.session_state["unsure_below"],
        "volume_ml": volume.ml,
        "dilution": volume.dilution,
        "title": title,
        "author": author,
        "remarks": remarks,
        "date": day.isoformat() if day else "",
    }
    return settings | ({"bins_um": list(bins), "diameter": size} if size else {"diameter": "ecd_px"})


@st.cache_data(max_entries=4, show_spinner="Writing the report")
def _report(job_id, changed, decisions, folder, settings):
    path = Path(folder) / "report.html"
    write_report(folder, path, settings=settings)
    return path.read_bytes()


def _offer_files(found, labels, shown, chosen, settings, name):
    rows = None if chosen.empty else found.rows[np.flatnonzero(shown)]
    of = "all items" if rows is None else count_noun(len(rows), "shown particle")
    runs = exports.runs_for_cla(found.summary)
    cla = " A .cla is of a whole run." if runs else ""
    st.markdown(f"**Files** of {of}.{cla} Each is made when it is asked for.")
    asked = (shown.tobytes(), labels.tobytes(), str(settings))
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="files"):
        _offer(
            found,
            asked,
            "CSV",
            f"{name}.csv",
            "text/csv",
            lambda path: export_results_csv(found.folder, path, labels, rows),
        )
        _offer(
            found,
            asked,
            "Excel",
            f"{name}.xlsx",
            XLSX,
            lambda path: exports.export_workbook(found.folder, path, rows, settings=settings),
        )
        _offer(
            found,
            asked,
            "Tiles by class",
            f"{name}_tiles.zip",
            "application/zip",
            lambda path: exports.export_tiles_by_class(found.folder, path, rows, settings=settings),
        )
        if not runs:
            st.button(
                "Classes as .cla",
                key="make.cla",
                disabled=True,
                help="FlowCam's list of classes: it can be made of a FlowCam run, and this source holds none.",
            )
            return
        run = None
        if len(runs) > 1:
            run = st.selectbox("Run of the .cla", runs, key=f"{found.job_id}_cla_run", width=220)
        _offer(
            found,
            (*asked, run),
            "Classes as .cla",
            f"{run or name}.cla",
            "text/plain",
            lambda path: exports.export_cla(found.folder, path, labels, run=run),
        )


def _offer(found, asked, label, file, mime, make):
    """A button that makes the file, or, once it is made, the one that takes it away."""
    ending, slot = Path(file).suffix, st.empty()
    made, path = f"{found.job_id}{ending}_made", found.folder / f"export{ending}"
    if st.session_state.get(made) != hash(asked) and slot.button(label, key=f"make{ending}"):
        try:
            with slot, st.spinner(f"Making the {ending} file"):
                make(path)
        except LabError as error:
            st.error(escape_markdown(error))
            return
        st.session_state[made] = hash(asked)
    if st.session_state.get(made) == hash(asked) and path.is_file():
        slot.download_button(
            f"Download {ending}", path.read_bytes, file, mime, key=f"get{ending}", on_click="ignore", type="primary"
        )


def _file_name(found):
    """What the files are called: as the source, with nothing in it that a system refuses."""
    stem = Path(found.summary["source"]).stem
    return "".join(letter if letter.isalnum() or letter in " .-_" else "_" for letter in stem)[:80] or "results"
