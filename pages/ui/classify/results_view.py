"""What a "classify" job has found: one filter, and under it gallery, table, plots, counts and what is handed on.

All of it is one fragment: a slider draws these results anew, not the page.
"""

import numpy as np
import streamlit as st

from pages.ui.classify.class_galleries import show_by_class
from pages.ui.classify.counts_view import show_counts
from pages.ui.classify.filters import apply_filter, choose_filter, choose_labels, show_filter
from pages.ui.classify.linked_plots import show_plots
from pages.ui.classify.report_and_exports import show_report_and_exports
from pages.ui.classify.results_data import label_text, load_results, summary_of
from pages.ui.classify.results_table import show_table
from pages.ui.classify.sample_comparison import show_comparison
from pages.ui.classify.thresholds import assign_labels, choose_thresholds, labels_in_order
from pages.ui.classify.unsure_and_rejected import show_rejected, show_unsure
from pages.ui.components.gallery import show_gallery
from pages.ui.shared.text import class_name, escape_markdown, format_share
from svp_core.errors import LabError
from svp_core.tile_file import read_tiles
from svp_core.workspace import jobs

LATEST = 48  # tiles shown while work is under way
VIEWS = ("Gallery", "Table", "Plots", "Counts", "Unsure", "Rejected", "Side by side", "Report")
OF_PARTICLES = ("Gallery", "Table", "Plots", "Counts", "Unsure", "Side by side")  # where nothing is without particles


def show_heading(job, start_anew):
    """What was classified with what, and the way to the next."""
    summary = summary_of(job.id)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.subheader(escape_markdown(summary.get("title") or "Classification"))
        st.button("Classify something else", key="classify_anew", on_click=start_anew)
    if summary:
        st.caption(escape_markdown(f"Named by {summary['weights']} · {_scale(summary)} · {summary['source']}"))


def _scale(summary):
    if summary["um_per_px"]:
        return f"{summary['um_per_px']:.4g} µm per pixel"
    known = any(run["um_per_px"] for run in summary.get("runs", []))
    return "pixel size differs from run to run" if known else "sizes in pixels only"


def show_so_far(job):
    """Counts and the newest tiles of a job under way."""
    summary, folder = summary_of(job.id), jobs.job_folder(job.id)
    if not summary:
        return
    counts, total = summary["counts"], summary["named"]
    _metrics([(class_name(key), count, format_share(count, total)) for key, count in counts.items()], summary)
    tiles = read_tiles(folder / "tiles.npy")[-LATEST:]
    show_gallery(tiles, key="so_far", alt="Read so far", lines=4)


def show(job):
    """All results of a job that has ended."""
    if load_results(job.id):
        _results(job.id)


@st.fragment
def _results(job_id):
    try:
        _show_results(load_results(job_id))
    except LabError as error:
        st.error(escape_markdown(error))


def _show_results(found):
    figures = st.container()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        wanted = choose_labels(found)
        thresholds = choose_thresholds(found.class_keys)
        chosen = choose_filter(found, wanted)
    labels = assign_labels(found, thresholds)
    shown = apply_filter(found, labels, chosen)
    with figures:
        _show_figures(found, labels, shown, chosen)
    show_filter(found, chosen, int(shown.sum()))
    for view, tab in zip(VIEWS, st.tabs(VIEWS, key="view", on_change="rerun", bind="query-params"), strict=True):
        with tab:
            if tab.open:
                _show_view(view, found, labels, shown, chosen, thresholds)


def _show_view(view, found, labels, shown, chosen, thresholds):
    if view in OF_PARTICLES and not len(labels):
        st.caption(_why_nothing(found))
    elif view == "Gallery":
        show_by_class(found, labels, shown)
    elif view == "Table":
        show_table(found, labels, shown)
    elif view == "Plots":
        show_plots(found, labels, shown, chosen)
    elif view == "Counts":
        show_counts(found, labels, shown, chosen, thresholds)
    elif view == "Unsure":
        show_unsure(found, labels, shown, thresholds)
    elif view == "Rejected":
        show_rejected(found)
    elif view == "Side by side":
        show_comparison(found, labels, chosen, thresholds)
    else:
        show_report_and_exports(found, labels, shown, chosen, thresholds)


def _why_nothing(found):
    """Why no particle was named."""
    if not len(found.rejected):
        return "Nothing was named: no item of the source was reached."
    if len(found.rejected) == 1:
        return "Nothing was named: the one item was rejected; its reason stands under Rejected."
    return f"Nothing was named: all {len(found.rejected):,} items were rejected; their reasons stand under Rejected."


def _show_figures(found, labels, shown, chosen):
    numbers = []
    for label in labels_in_order(found.class_keys):
        of_label = labels == label
        count = int(np.count_nonzero(of_label & shown))
        below = format_share(count, len(labels)) if chosen.empty else f"of {np.count_nonzero(of_label):,}"
        numbers.append((label_text(label), count, below))
    _metrics(numbers, found.summary)


def _metrics(numbers, summary):
    entries = [*numbers, ("Rejected", summary["rejected"], f"of {summary['offered']:,} offered")]
    for column, (name, count, below) in zip(st.columns(len(entries)), entries, strict=True):
        column.metric(name, f"{count:,}", below, delta_color="off", delta_arrow="off")
