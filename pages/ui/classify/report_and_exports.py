"""The report of a classification and its results as files."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from pages.ui.classify.counting import choose_binning, choose_volume
from pages.ui.classify.filters import Filter
from pages.ui.classify.job_state import JobState
from pages.ui.classify.report_signing import show_signing
from pages.ui.classify.sample_details import edit_sample_details
from pages.ui.classify.thresholds import common_threshold, unlike_level
from pages.ui.shared.error_report import logged
from svp_core import exports
from svp_core.classification.results import ClassificationResults
from svp_core.display import count_noun
from svp_core.exports.download import download_name, export_bytes
from svp_core.exports.results_subset import export_results_csv
from svp_core.report import report_html
from svp_core.report.decisions import count_reviewer_decisions

PREVIEW_PX = 900
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
NO_CLA = "A .cla is FlowCam's list of classes; this source contains no FlowCam run."
SOURCE_GONE = "The files of the source are no longer where they were; a .cla is made from the run's own one."


@dataclass(frozen=True)
class ExportFile:
    """A file offered for download; each call of make() builds it again, for this request only."""

    key: str
    label: str
    name: str
    mime: str
    make: Callable[[], bytes]


def show_report_and_exports(
    results: ClassificationResults,
    labels: NDArray[np.str_],
    shown: NDArray[np.bool_],
    active: Filter,
    thresholds: Mapping[str, float],
) -> None:
    """Draw the report's settings, the downloads and a preview. labels: (N,), as assigned. shown: mask (N,)."""
    downloads = st.container()
    settings = _choose_settings(results, thresholds)
    decisions = count_reviewer_decisions(results.folder)
    page = _report(results.job_id, (results.version, decisions, results.summary), str(results.folder), settings)
    rows = None if active.empty else results.rows[np.flatnonzero(shown)]
    included = "all items" if rows is None else count_noun(len(rows), "filtered particle")
    with downloads, st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="files"):
        st.download_button(
            "Download report",
            page.encode(),
            download_name(_stem(results, settings), "report", "html", settings["date"]),
            "text/html",
            key="report_html",
            on_click="ignore",
            type="primary",
        )
        for file in export_files(results, labels, rows, settings):
            st.download_button(
                file.label, logged(file.make), file.name, file.mime, key=f"get_{file.key}", on_click="ignore"
            )
        _offer_cla(results, labels, settings)
    with downloads:
        st.caption(f"Report and .cla: the whole classification. Other files: {included}.")
    show_signing(results.job_id, settings)
    st.markdown("**Preview**")
    st.iframe(page, height=PREVIEW_PX, alt="The report")


def export_files(
    results: ClassificationResults,
    labels: NDArray[np.str_],
    rows: NDArray[np.intp] | None,
    settings: Mapping[str, Any],
) -> list[ExportFile]:
    """Files of these rows of results.csv (None: all), made when they are downloaded."""

    def file(key, label, content, mime, export, ending=None):
        name = download_name(_stem(results, settings), content, ending or key, settings["date"])
        return ExportFile(key, label, name, mime, partial(export_bytes, export))

    folder = results.folder
    return [
        file("csv", "CSV", "results", "text/csv", lambda path: export_results_csv(folder, path, labels, rows)),
        file(
            "xlsx",
            "Excel",
            "results",
            XLSX,
            lambda path: exports.export_workbook(folder, path, rows, settings=settings),
        ),
        file(
            "zip",
            "Tiles by class",
            "tiles",
            "application/zip",
            lambda path: exports.export_tiles_by_class(folder, path, rows, settings=settings),
        ),
        file(
            "ecotaxa",
            "EcoTaxa",
            "ecotaxa",
            "application/zip",
            lambda path: exports.export_ecotaxa(folder, path, labels, rows, settings=settings),
            "zip",
        ),
        file(
            "labelchecker",
            "LabelChecker",
            "labelchecker",
            "application/zip",
            lambda path: exports.export_labelchecker(folder, path, labels, rows, settings=settings),
            "zip",
        ),
    ]


def _offer_cla(results, labels, settings):
    """FlowCam's list of classes: of one run, and only where its files can still be read."""
    runs = exports.runs_for_cla(results.summary)
    if not runs or not Path(results.summary["source"]).exists():
        st.button("Classes as .cla", key="make.cla", disabled=True, help=SOURCE_GONE if runs else NO_CLA)
        return
    run = runs[0]
    if len(runs) > 1:
        run = st.selectbox("Run of the .cla", runs, key=JobState(results.job_id).key("cla_run"), width=220)
    make = partial(export_bytes, lambda path: exports.export_cla(results.folder, path, labels, run=run))
    name = download_name(run, "classes", "cla", settings["date"])
    st.download_button("Classes as .cla", logged(make), name, "text/plain", key="get_cla", on_click="ignore")


def _choose_settings(results, thresholds):
    state = JobState(results.job_id)
    details = edit_sample_details(results)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        title = st.text_input(
            "Title",
            results.summary["title"],
            key=state.key("title"),
            persist_state="session",
            max_chars=200,
            width=360,
        )
        author = st.text_input("Prepared by", key="report_author", persist_state="session", max_chars=100, width=200)
        day = st.date_input("Date", date.today(), key=state.key("date"), persist_state="session", width=150)
    remarks = st.text_area(
        "Remarks",
        key=state.key("remarks"),
        persist_state="session",
        height=80,
        max_chars=4000,
        placeholder="Preparation, storage, anything a reader should know",
    )
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        binning = choose_binning(results, with_ranges=False)
        volume = choose_volume(results)
    settings = {
        "thresholds": dict(thresholds),
        "unsure_below": common_threshold(),
        "unlike_below": unlike_level(),
        "fold_others": results.is_folded,
        "volume_ml": volume.ml,
        "dilution": volume.dilution,
        "title": title,
        "author": author,
        "remarks": remarks,
        "date": day.isoformat() if day else "",
        **details,
    }
    if binning.size:
        return settings | {"bins_um": list(binning.bins_um), "diameter": binning.size}
    return settings | {"diameter": "ecd_px"}


@st.cache_data(max_entries=4, show_spinner="Writing the report")
def _report(job_id, version, folder, settings):
    return report_html(folder, settings=settings)


def _stem(results, settings):
    """Beginning of the file names: the sample, otherwise the title of the classification."""
    return settings["sample"].strip() or results.summary["title"]
